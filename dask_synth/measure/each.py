"""What a picture shows of single servers, of pools and of regions, as sums that add up. Whole hundredths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.measure.lives import DAYS_OF_WEEK, HOURS_OF_DAY, Lives, local_hours
from dask_synth.model.calendar import TimeGrid
from dask_synth.model.columns import MetricColumn

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CENT = 100.0


@dataclass(frozen=True, eq=False)
class Each:
    """One row a server.

    Attributes
    ----------
    index
        Positions of the servers in the fleet, ascending, (k,).
    series
        Rows, then the sum of each column, by point of time, (k, 1 + columns, points).
    full
        Rows in which a column is at its upper bound, (k, columns).
    """

    index: Ints
    series: Floats
    full: Floats

    def __add__(self, other: Self) -> Self:
        if not (len(self.index) and len(other.index)):
            return self if len(self.index) else other
        index, where = np.unique(np.concatenate([self.index, other.index]), return_inverse=True)
        if len(index) == len(where) and self.index[-1] < other.index[0]:  # as nearly always: others, behind these
            both = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("series", "full"))
            return type(self)(index, *both)
        series, full = np.zeros((len(index), *self.series.shape[1:])), np.zeros((len(index), self.full.shape[1]))
        np.add.at(series, where, np.concatenate([self.series, other.series]))
        np.add.at(full, where, np.concatenate([self.full, other.full]))
        return type(self)(index, series, full)


NO_ONE = Each(np.empty(0, np.int64), np.empty((0, 0, 0)), np.empty((0, 0)))


def each_of(
    arrangement: Arrangement, hundredths: Sequence[Floats], elapsed: Ints, columns: Sequence[MetricColumn], lives: Lives
) -> Each:
    """Sum up the rows of each server that has a series of its own.

    Parameters
    ----------
    arrangement, hundredths
        How rows lie, and their columns.
    elapsed
        Microseconds since the start, at each of the arrangement's times.
    columns
        What the columns are.
    lives
        The axes.
    """
    point = lives.point_of(elapsed)
    ones = arrangement.by_period(np.ones(len(hundredths[0])), point, lives.points)
    series = np.stack([ones, *(arrangement.by_period(column, point, lives.points) for column in hundredths)], axis=1)
    bounds = [values >= column.high * CENT for column, values in zip(columns, hundredths, strict=True)]
    full = np.stack([arrangement.count_by_server(reached) for reached in bounds], axis=1).astype(float)
    seen = np.flatnonzero(lives.chosen(arrangement.servers) & (ones.sum(axis=1) > 0))
    order = seen[np.argsort(arrangement.servers[seen])]
    return Each(arrangement.servers[order], series[order], full[order])


def beside_each_other(
    arrangement: Arrangement, hundredths: Sequence[Floats], elapsed: Ints, lives: Lives
) -> dict[int, Floats]:
    """Return rows and sums of each column, (1 + columns, moments), of the servers that are drawn beside each other."""
    wanted = {server for together in lives.together for server in together.servers}
    moment, found = lives.moment_of(elapsed), dict[int, Floats]()
    for place in np.flatnonzero(np.isin(arrangement.servers, list(wanted))) if wanted else ():
        rows, times = arrangement.rows_of(int(place))
        inside = np.flatnonzero(moment[times] >= 0)
        if len(inside):
            at = moment[times][inside]
            values = [np.ones(len(at)), *(column[rows][inside] for column in hundredths)]
            sums = [np.bincount(at, column, lives.moments) for column in values]
            found[int(arrangement.servers[place])] = np.stack(sums)
    return found


def by_local_hour(
    arrangement: Arrangement, hundredths: Sequence[Floats], regions: Ints, lives: Lives, grid: TimeGrid
) -> Floats:
    """Return rows and sums of each column by region and local hour of the week, (1 + columns, regions, 168).

    Parameters
    ----------
    arrangement, hundredths
        How rows lie, and their columns.
    regions
        Of the arrangement's servers.
    lives, grid
        The axes, and the times.
    """
    zones = lives.zones
    sums = [arrangement.rows_by_group(regions, len(zones))]
    sums += [arrangement.by_group(column, regions, len(zones)) for column in hundredths]
    week = DAYS_OF_WEEK * HOURS_OF_DAY
    hours = [local_hours(grid, zone, arrangement.times) for zone in zones]
    return np.stack([[np.bincount(h, of, week) for h, of in zip(hours, values, strict=True)] for values in sums])
