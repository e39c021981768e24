"""What a picture needs besides a proof's sums: distributions over time, the week, single servers. Whole hundredths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.measure.layout import Layout
from dask_synth.theory.gauge import BINS, CANDIDATES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Key = TypeVar("Key")
Value = TypeVar("Value", bound=Any)

CELLS = CANDIDATES + 2
"""Theory's edges, so that both can be drawn: 0, CANDIDATES between the limits, and the upper limit."""

COARSE = np.arange(BINS + 1) // (BINS // CANDIDATES)
"""Bin of a proof's histogram -> a picture's, less the one by which values above 0 are higher."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Sums of some rows.

    Attributes
    ----------
    counts
        Archetype -> rows by (column, period, cell).
    week
        Archetype -> rows, then the sum of each column, by slot of the week: (1 + columns, slots).
    servers
        Sampled server -> the same by period: (1 + columns, periods).
    memory
        Criticality -> rows by cell of mem_p95.
    local
        Archetype -> rows, then the sum of each column, by region and local hour: (1 + columns, regions, 168).
    beside
        Position of a server that is drawn beside others -> rows, then the sum of each column: (1 + columns, moments).
    """

    counts: Mapping[str, Ints] = field(default_factory=dict)
    week: Mapping[str, Floats] = field(default_factory=dict)
    servers: Mapping[str, Floats] = field(default_factory=dict)
    memory: Mapping[str, Ints] = field(default_factory=dict)
    local: Mapping[str, Floats] = field(default_factory=dict)
    beside: Mapping[int, Floats] = field(default_factory=dict)

    def __add__(self, other: Self) -> Self:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return type(self)(*(joined(mine, others) for mine, others in pairs))


@dataclass(frozen=True, eq=False)
class Binned:
    """The metrics of some rows of one archetype.

    Attributes
    ----------
    arrangement
        How the rows lie.
    hundredths, bins
        Of each column, the values and their bins of a proof's histogram.
    at_times
        Number of rows, then the sum of each column, at each of the arrangement's times.
    """

    arrangement: Arrangement
    hundredths: Sequence[Floats]
    bins: Sequence[Ints]
    at_times: Sequence[Floats]

    def cells(self, column: int) -> Ints:
        """Return the cell of each of a column's values."""
        cells = COARSE.take(self.bins[column])
        cells += self.hundredths[column] > 0
        return cells


def picture_of(archetype: str, binned: Binned, elapsed: Ints, layout: Layout) -> Picture:
    """Sum up rows of one archetype: its rows over time and over the week, and its sampled servers.

    Parameters
    ----------
    archetype, binned
        Of the rows.
    elapsed
        Microseconds since the start, at each of the arrangement's times.
    layout
        The axes.
    """
    period, slot = layout.period_of(elapsed), layout.slot_of(elapsed)
    shape = layout.periods, CELLS
    counts = []
    for column in range(len(binned.bins)):
        cells = binned.cells(column)
        binned.arrangement.add_by_time(cells, period * CELLS)
        counts.append(np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape))
    return Picture(
        counts={archetype: np.stack(counts)},
        week={archetype: np.stack([np.bincount(slot, sums, layout.slots) for sums in binned.at_times])},
        servers=_servers(binned, period, layout),
    )


def bins_of(high: float, hundredths: Floats) -> Ints:
    """Return which bin of a proof's histogram each value lies in; what is out of range lies in the first or last."""
    # Multiplied first: whole numbers, of which the quotient is exact wherever it is whole.
    places = hundredths * BINS
    places /= high * 100
    bins = places.astype(np.int64)
    return bins if bins.min() >= 0 and bins.max() <= BINS else np.clip(bins, 0, BINS)


def memory_of(names: Sequence[str], codes: npt.NDArray[np.int8], cells: Ints) -> dict[str, Ints]:
    """Return the rows in each cell of memory, by criticality: its names, each row's code, and each row's cell."""
    keys = codes.astype(np.int64)
    keys *= CELLS
    keys += cells
    counts = np.bincount(keys, minlength=len(names) * CELLS).reshape(len(names), CELLS)
    return {name: counts[code] for code, name in enumerate(names) if counts[code].any()}


def _servers(binned: Binned, period: Ints, layout: Layout) -> dict[str, Floats]:
    places = {server: place for place, server in enumerate(binned.arrangement.servers.tolist())}
    found: dict[str, Floats] = {}
    for server, (name, _) in zip(layout.positions, layout.sample, strict=True):
        if server in places:
            rows, times = binned.arrangement.rows_of(places[server])
            columns = [np.ones(len(times)), *(values[rows] for values in binned.hundredths)]
            found[name] = np.stack([np.bincount(period[times], column, layout.periods) for column in columns])
    return {name: of_server for name, of_server in found.items() if of_server[0].any()}


def joined(left: Mapping[Key, Value], right: Mapping[Key, Value]) -> dict[Key, Value]:
    """Return both mappings in one; what both have is added up."""
    return {**left, **right, **{key: left[key] + right[key] for key in left if key in right}}
