"""The axes of a picture: decided before any row is read, so that its size follows from them and never from the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.lives import Lives
from dask_synth.model.spec import FleetSpec

Ints = npt.NDArray[np.int64]

DAY = 86_400 * 10**6
FIRST_MONDAY = 4 * DAY
"""1970-01-05, in microseconds."""

DAYS_OF_WEEK = 7
HOURS_OF_WEEK = 168

MAX_PERIODS = 1500
MAX_SERVERS = 24
SERVERS_EACH = 3
SERIES_EACH = 4
"""Mean, two quantiles, expected mean."""
MAX_VALUES = 240_000
"""Values of all series together: what bounds the page, whatever the dataset's size."""


@dataclass(frozen=True)
class Layout:
    """The axes of a picture.

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
    positions
        Those servers' positions in the fleet.
    criticalities
        All of them, in the order of the configuration.
    lives
        What is shown of single servers, pools and regions.
    """

    start: int
    days: int
    days_per_period: int
    periods: int
    slots: int
    archetypes: tuple[tuple[str, int], ...]
    sample: tuple[tuple[str, str], ...]
    positions: tuple[int, ...]
    criticalities: tuple[str, ...]
    lives: Lives

    @classmethod
    def of(cls, spec: FleetSpec) -> Self:
        """Choose the axes for a fleet."""
        chosen = _sample(spec)
        blocks = spec.fleet.blocks()
        values = len(spec.metrics.columns) * (SERIES_EACH * (len(blocks) + 1) + len(chosen))
        width = -(-spec.grid.days // min(MAX_PERIODS, MAX_VALUES // values))
        return cls(
            start=int(spec.grid.timestamps()[0].astype(np.int64)),
            days=spec.grid.days,
            days_per_period=width,
            periods=-(-spec.grid.days // width),
            slots=DAYS_OF_WEEK if spec.grid.rows_per_day == 1 else HOURS_OF_WEEK,
            archetypes=tuple((block.archetype, block.stop - block.start) for block in blocks),
            sample=tuple((spec.fleet.server_ids(server, server + 1)[0], kind) for server, kind in chosen),
            positions=tuple(server for server, _ in chosen),
            criticalities=tuple(spec.fleet.categories()["criticality"]),
            lives=Lives.of(spec),
        )

    def period_starts(self) -> npt.NDArray[np.datetime64]:
        """Return the first day of each period."""
        first = np.datetime64(self.start, "us").astype("M8[D]")
        return np.asarray(first + np.arange(self.periods) * self.days_per_period)

    def period_of(self, elapsed: Ints) -> Ints:
        """Return the period at each time, in microseconds since the start."""
        return elapsed // (DAY * self.days_per_period)

    def slot_of(self, elapsed: Ints) -> Ints:
        """Return the day or hour of the week at each time, in microseconds since the start; Monday 00:00 first."""
        return (elapsed + self.start - FIRST_MONDAY) // (DAY * DAYS_OF_WEEK // self.slots) % self.slots


def _sample(spec: FleetSpec) -> list[tuple[int, str]]:
    """Take the first, a middle and the last server of each archetype, at most MAX_SERVERS in all."""
    blocks = spec.fleet.blocks()
    each = min(SERVERS_EACH, max(1, MAX_SERVERS // len(blocks)))
    chosen = [
        (server, block.archetype)
        for block in blocks
        for server in np.unique(np.linspace(block.start, block.stop - 1, each).astype(int)).tolist()
    ]
    return chosen[:MAX_SERVERS]
