"""A short list of times that stands for a whole grid: what depends on load and growth is worked out there alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import DAYS_PER_MONTH, Seasonality, TimeGrid
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import HOURS, Cell, Days, is_business_hour

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NODES = 8


@dataclass(frozen=True, eq=False)
class TimeNodes:
    """A few times that stand for a whole grid: the mean of f(load, growth) over a cell is `weights` @ f(nodes).

    Times of the same flags differ by growth alone. In it every moment is smooth, so that within a stretch in which the
    mean moves by a fraction of its standard deviation a polynomial through 8 Chebyshev points is exact to 1e-7.

    Attributes
    ----------
    business, weekend, lift, holiday
        Flags, quarter-end lift (0 .. 0.3) and holiday factor of each node, (nodes,).
    months
        Elapsed months of 30.4375 days, (nodes,).
    weights
        Number of a server's timestamps in each cell that each node stands for, (cells, nodes).
    slots
        The same for each day's other hours and business hours, sparse (2 * days, nodes).
    slot_rows
        Number of a server's timestamps in them, (days, 2).
    """

    business: Flags
    weekend: Flags
    lift: Floats
    holiday: Floats
    months: Floats
    weights: Floats
    slots: csr_array
    slot_rows: Floats

    @cached_property
    def share(self) -> Floats:
        """Share of all timestamps that each node stands for, (nodes,)."""
        return np.asarray(self.weights[0] / self.weights[0].sum())

    def load(self, profile: ArchetypeProfile, seasonality: Seasonality) -> Floats:
        """Return the load factor at each node."""
        load = self.holiday.copy()
        if seasonality.business_hours:
            load[self.business] *= profile.business_hours
        if seasonality.weekly:
            load[self.weekend] *= profile.weekend
        return load * (1 + self.lift) if seasonality.quarter_end else load


@dataclass(frozen=True, eq=False)
class _Hours:
    """Every hour of a grid (on daily grids, the first of each day), and its class of equal flags."""

    day: npt.NDArray[np.int64]
    hour: npt.NDArray[np.int64]
    months: Floats
    rows: float

    @classmethod
    def of(cls, grid: TimeGrid) -> Self:
        per_day = min(grid.rows_per_day, HOURS)
        rows = grid.rows_per_day / per_day
        step = 1 / grid.rows_per_day
        hour = np.tile(np.arange(per_day), grid.days)
        day = np.repeat(np.arange(grid.days), per_day)
        # The mean over the hour's rows: within an hour growth moves nothing that 2 decimals could show.
        return cls(day, hour, (day + hour / per_day + (rows - 1) / 2 * step) / DAYS_PER_MONTH, rows)


def time_nodes(grid: TimeGrid, seasonality: Seasonality, cells: list[Cell], stretch: float) -> TimeNodes:
    """Choose the nodes of a grid.

    Parameters
    ----------
    grid, seasonality, cells
        What they stand for.
    stretch
        Longest run of months that one polynomial covers; ``inf`` where nothing grows.
    """
    days, hours = Days.of(grid, seasonality), _Hours.of(grid)
    months, first, blocks = list[Floats](), list[int](), list[tuple[Ints, Ints, Floats]]()
    size = 0
    for rows in _classes(days, hours, stretch):
        nodes = _chebyshev(hours.months[rows])
        basis = _lagrange(nodes, hours.months[rows]) * hours.rows
        columns = np.arange(size, size + len(nodes))
        blocks.append((np.repeat(rows, len(nodes)), np.tile(columns, len(rows)), basis.ravel()))
        months.append(nodes)
        first += [int(rows[0])] * len(nodes)
        size += len(nodes)
    row, column, value = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    spread = csr_array((value, (row, column)), shape=(len(hours.day), size))
    slot = 2 * hours.day + is_business_hour(hours.hour)
    by_slot = csr_array((np.ones(len(slot)), (slot, np.arange(len(slot)))), shape=(2 * grid.days, len(slot)))
    day, hour = hours.day[first], hours.hour[first]
    return TimeNodes(
        business=is_business_hour(hour),
        weekend=days.weekday[day] >= 5,
        lift=0.3 * np.maximum(5 - days.to_quarter_end[day], 0) / 5,
        holiday=days.factor[day],
        months=np.concatenate(months),
        weights=np.stack([spread.T @ cell.covers(hours.day, hours.hour).astype(float) for cell in cells]),
        slots=by_slot @ spread,
        slot_rows=np.bincount(slot, np.full(len(slot), hours.rows), 2 * grid.days).reshape(grid.days, 2).astype(float),
    )


def _classes(days: Days, hours: _Hours, stretch: float) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the hours that share all flags, at most `stretch` months at a time."""
    near = np.maximum(5 - days.to_quarter_end, 0)
    of_day = (near * 2 + (days.weekday >= 5)) * (days.holiday.max() + 2) + days.holiday + 1
    key = of_day[hours.day] * 2 + is_business_hour(hours.hour)
    step = np.floor(hours.months / stretch)
    _, code = np.unique(np.stack([key, step]), axis=1, return_inverse=True)
    order = np.argsort(code, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(code[order])) + 1)


def _chebyshev(values: Floats) -> Floats:
    distinct = np.unique(values)
    if len(distinct) <= NODES:
        return distinct
    middle, half = (values.min() + values.max()) / 2, (values.max() - values.min()) / 2
    return np.asarray(middle + half * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES))


def _lagrange(nodes: Floats, values: Floats) -> Floats:
    """Return the Lagrange basis of the nodes at each value, (values, nodes)."""
    basis = np.ones((len(values), len(nodes)))
    for i, node in enumerate(nodes):
        for other in np.delete(nodes, i):
            basis[:, i] *= (values - other) / (node - other)
    return basis


def stretch_of(spec: FleetSpec) -> float:
    """Return for how many months one polynomial can stand for what growth does to the moments."""
    profiles = [spec.archetypes[block.archetype] for block in spec.fleet.blocks()]
    # A metric's mean moves by base * load * growth / 100 a month; over half its deviation moments bend little.
    pace = max(
        abs(p.growth) / 100 * (peak if m.load else 1.0) * getattr(p.base, m.name) / getattr(p.sd, m.name) * m.growth
        for p in profiles
        for peak in [2 * max(1.0, p.business_hours) * max(1.0, p.weekend)]
        for m in spec.metrics.metrics
    )
    return 3 / pace if spec.growth and pace > 0 else math.inf
