"""The axes of what is shown of single servers, pools and regions: decided before any row is read, and bounded."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import Block
from dask_synth.model.localtime import hours_of_week
from dask_synth.model.spec import FleetSpec

Ints = npt.NDArray[np.int64]

HOUR = 3_600 * 10**6
HOURS_OF_DAY = 24
DAYS_OF_WEEK = 7

MAX_SERVERS = 10_000
"""Servers that have a series of their own; of a larger fleet every second, third, ... one."""
VALUES_A_SERVER = 600
LEAST_VALUES, MOST_VALUES = 300_000, 3_000_000
"""Values of all servers' series together: what bounds the page."""
WHOLE_WEEKS = (1, 7, 14, 28)
"""Days that a point of a server's series stands for: as long as they are whole weeks, weekends do not show in it."""

MAX_TOGETHER, MAX_KINDS = 6, 4
"""Servers that are drawn beside each other, and archetypes of which they are."""
LOOKED_THROUGH = 4096
"""Servers of an archetype among which a pool is looked for: drawing who is in pools costs time."""
WEEKS = {True: 8, False: 2}
"""Weeks that they are drawn for, on daily grids and on finer ones."""
MAX_REGIONS = 8


class Together(NamedTuple):
    """Servers of one archetype that share a pool, and as many that share nothing, by their positions in the fleet."""

    archetype: str
    pool: tuple[int, ...]
    alone: tuple[int, ...]

    @property
    def servers(self) -> tuple[int, ...]:
        """All of them."""
        return self.pool + self.alone


@dataclass(frozen=True)
class Lives:
    """What is shown of single servers, pools and regions.

    Attributes
    ----------
    stride
        Every so many servers, one has a series of its own.
    days, points
        Days that a point of it stands for, and how many points there are.
    together
        Whose rows are drawn beside each other.
    opens, step, moments
        When that begins, in microseconds since the start, how long a point of it is, and how many there are.
    zones
        Time zone of each region, or none where all keep UTC.
    """

    stride: int
    days: int
    points: int
    together: tuple[Together, ...]
    opens: int
    step: int
    moments: int
    zones: tuple[str | int | None, ...]

    @classmethod
    def of(cls, spec: FleetSpec) -> Self:
        """Choose for a fleet."""
        grid, servers = spec.grid, spec.fleet.servers
        stride = -(-servers // MAX_SERVERS)
        most = int(np.clip(VALUES_A_SERVER * servers, LEAST_VALUES, MOST_VALUES))
        days = _width(grid.days, max(1, most // (len(spec.metrics.columns) * -(-servers // stride))))
        daily = grid.rows_per_day == 1
        shown = min(grid.days, WEEKS[daily] * DAYS_OF_WEEK)
        places = spec.fleet.places[:MAX_REGIONS] if spec.grid.rows_per_day >= HOURS_OF_DAY else ()
        return cls(
            stride=stride,
            days=days,
            points=-(-grid.days // days),
            together=_together(spec),
            opens=_monday(grid.start, (grid.days - shown) // 3, grid.days - shown) * HOURS_OF_DAY * HOUR,
            step=HOURS_OF_DAY * HOUR if daily else HOUR,
            moments=shown if daily else shown * HOURS_OF_DAY,
            zones=tuple(place.timezone for place in places),
        )

    def chosen(self, servers: Ints) -> npt.NDArray[np.bool_]:
        """Return which servers have a series of their own."""
        return np.asarray(servers % self.stride == 0)

    def point_of(self, elapsed: Ints) -> Ints:
        """Return the point of a server's series at each time, in microseconds since the start."""
        return elapsed // (HOURS_OF_DAY * HOUR * self.days)

    def moment_of(self, elapsed: Ints) -> Ints:
        """Return the point of what is drawn beside each other at each time; outside it, -1."""
        moment = (elapsed - self.opens) // self.step
        return np.where((moment >= 0) & (moment < self.moments), moment, -1)


def local_hours(grid: TimeGrid, zone: str | int | None, positions: Ints) -> Ints:
    """Return the local hour of the week at positions of a grid, Monday 00:00 first."""
    return hours_of_week(grid, zone)[positions].astype(np.int64)


def _width(days: int, points: int) -> int:
    """Return how many days a point stands for, so that there are no more points than these."""
    least = -(-days // points)
    return next((width for width in WHOLE_WEEKS if width >= least), -(-least // DAYS_OF_WEEK) * DAYS_OF_WEEK)


def _monday(start: dt.date, day: int, last: int) -> int:
    """Return the first Monday from a day of the grid on, or the last day that may be, if that is earlier."""
    return min(day + -(start.weekday() + day) % DAYS_OF_WEEK, last)


def _together(spec: FleetSpec) -> tuple[Together, ...]:
    """Take the first large pool of each archetype, and as many servers of no pool; of the largest archetypes."""
    if not (spec.fleet.company and spec.fleet.company.pools):
        return ()
    blocks = sorted(spec.fleet.blocks(), key=lambda block: block.start - block.stop)[:MAX_KINDS]
    found = [_of_block(spec, block) for block in sorted(blocks, key=lambda block: block.start)]
    return tuple(together for together in found if together)


def _of_block(spec: FleetSpec, block: Block) -> Together | None:
    pools = spec.fleet.pools(spec.seed, block.start, min(block.stop, block.start + LOOKED_THROUGH))
    names, sizes = np.unique(pools[pools >= 0], return_counts=True)
    if not len(names):
        return None
    # Those who share a pool of size 2 or more may stand further on; of the alone, no matter which.
    pool = block.start + np.flatnonzero(pools == names[np.argmax(np.minimum(sizes, MAX_TOGETHER))])[:MAX_TOGETHER]
    alone = block.start + np.flatnonzero(pools < 0)
    spread = alone[np.linspace(0, len(alone) - 1, min(len(alone), MAX_TOGETHER)).astype(int)] if len(alone) else alone
    return Together(block.archetype, tuple(pool.tolist()), tuple(spread.tolist()))
