"""What a report summarises, and into how many numbers: decided before any row is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import BUILT_IN
from dask_synth.model.spec import FleetSpec
from dask_synth.schema import METRICS
from dask_synth.theory.gauge import CANDIDATES

BINS = CANDIDATES
"""Bins between a metric's limits; the limits themselves have two more. Theory's edges, so that both can be drawn."""

DAY = 86_400 * 10**6
FIRST_MONDAY = 4 * DAY
"""1970-01-05, in microseconds."""

MAX_PERIODS = 1500
MAX_SERVERS = 24
SERVERS_EACH = 3
SERIES_EACH = 4
"""Mean, two quantiles, expected mean."""
MAX_VALUES = 240_000
"""Values of all series together: what bounds the page, whatever the dataset's size."""


@dataclass(frozen=True)
class Layout:
    """The axes of a summary.

    Attributes
    ----------
    start
        Microseconds since 1970 of the first row.
    days, days_per_period, periods
        Days of the dataset, days that a point in time stands for (1, unless that made too many), and points.
    slots
        Points of a week: 7, or 168 where there are rows within a day.
    archetypes
        Archetype -> its number of servers, without those that have none.
    sample
        Servers that get a series of their own -> their archetype.
    criticalities
        All of them, in the order of the configuration.
    """

    start: int
    days: int
    days_per_period: int
    periods: int
    slots: int
    archetypes: tuple[tuple[str, int], ...]
    sample: tuple[tuple[str, str], ...]
    criticalities: tuple[str, ...]

    @classmethod
    def of(cls, spec: FleetSpec) -> Self:
        """Choose the axes for a fleet."""
        sample = _sample(spec)
        blocks = spec.fleet.blocks()
        values = len(METRICS) * (SERIES_EACH * (len(blocks) + 1) + len(sample))
        width = -(-spec.grid.days // min(MAX_PERIODS, MAX_VALUES // values))
        return cls(
            start=int(spec.grid.timestamps()[0].astype(np.int64)),
            days=spec.grid.days,
            days_per_period=width,
            periods=-(-spec.grid.days // width),
            slots=7 if spec.grid.rows_per_day == 1 else 168,
            archetypes=tuple((block.archetype, block.stop - block.start) for block in blocks),
            sample=sample,
            criticalities=tuple(spec.fleet.categories()["criticality"]),
        )

    def period_starts(self) -> npt.NDArray[np.datetime64]:
        """Return the first day of each period."""
        first = np.datetime64(self.start, "us").astype("M8[D]")
        return np.asarray(first + np.arange(self.periods) * self.days_per_period)

    def period_of(self, microseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the period of each timestamp; outside 0..periods-1 for those outside the dataset's time."""
        return (microseconds - self.start) // (DAY * self.days_per_period)

    def slot_of(self, microseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the day or hour of the week of each timestamp, Monday 00:00 first."""
        # 32 bits hold the hours of 200,000 years, and divide in half the time.
        return ((microseconds - FIRST_MONDAY) // (DAY * 7 // self.slots)).astype(np.int32) % self.slots


def bin_of(column: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return each value's bin: 0 for 0 (and below), 1..BINS between, BINS + 1 for the upper limit (and above)."""
    # A division, since a product with the inverse would put some exact multiples one bin too low.
    position = (values / (BUILT_IN[column].high / BINS)).astype(np.int64)
    position += values > 0
    return np.clip(position, 0, BINS + 1, out=position)


def bin_quantiles(counts: npt.NDArray[np.int64], share: float, high: float) -> npt.NDArray[np.float64]:
    """Return a quantile from counts of bins along the last axis, linear within a bin; NaN where all counts are 0."""
    reached = counts.cumsum(axis=-1)
    target = share * reached[..., -1:]
    position = np.minimum((reached < target).sum(axis=-1, keepdims=True), counts.shape[-1] - 1)
    inside = np.take_along_axis(counts, position, axis=-1)
    before = np.take_along_axis(reached, position, axis=-1) - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (position - 1 + (target - before) / inside) * (high / (counts.shape[-1] - 2))
    return np.asarray(np.clip(value, 0.0, high)[..., 0])


def _sample(spec: FleetSpec) -> tuple[tuple[str, str], ...]:
    """Take the first, a middle and the last server of each archetype, at most MAX_SERVERS in all."""
    blocks = spec.fleet.blocks()
    each = min(SERVERS_EACH, max(1, MAX_SERVERS // len(blocks)))
    chosen = []
    for block in blocks:
        for server in np.unique(np.linspace(block.start, block.stop - 1, each).astype(int)).tolist():
            chosen.append((spec.fleet.server_ids(server, server + 1)[0], block.archetype))
    return tuple(chosen[:MAX_SERVERS])
