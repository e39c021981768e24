"""Sums over parts of a grid of what has memory: a variance is a dot product of the part's lags and the memory's.

The lags of a part are how many pairs of its hours lie so far apart; they belong to the calendar alone, so that one
transform serves all servers, metrics and scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

from dask_synth.model.calendar import TimeGrid
from dask_synth.theory.cells import HOURS, Cell

Floats = npt.NDArray[np.float64]

FORGOTTEN = 16.0
"""Times of the longest memory after which nothing of it is left that counts: 1e-7."""


@dataclass(frozen=True)
class Steps:
    """The steps at which patterns are known: hours, or on daily grids days.

    Attributes
    ----------
    count
        Of the grid.
    rows
        Rows of a server in each.
    hours
        Length of a row, in hours.
    reach
        Lags, in steps, beyond which nothing is remembered.
    """

    count: int
    rows: int
    hours: float
    reach: int

    @classmethod
    def of(cls, grid: TimeGrid, longest: float) -> Self:
        """Return those of a grid and of a longest memory, in hours."""
        per_day = min(grid.rows_per_day, HOURS)
        count = grid.days * per_day
        reach = int(np.ceil(FORGOTTEN * longest * per_day / HOURS))
        return cls(count, grid.rows_per_day // per_day, HOURS / grid.rows_per_day, min(reach, count - 1))

    def by_lag(self, covariance: Floats) -> Floats:
        """Return the mean covariance of two rows of two steps, by the steps' lag, from that by the rows' lag."""
        apart = np.arange(1 - self.rows, self.rows)
        weight = (self.rows - np.abs(apart)) / self.rows**2
        lags = np.abs(np.arange(self.reach + 1)[:, None] * self.rows + apart)
        return np.asarray(covariance[lags] @ weight)

    @property
    def row_lags(self) -> npt.NDArray[np.int64]:
        """The lags, in rows, that :meth:`by_lag` wants to know of."""
        return np.arange((self.reach + 1) * self.rows)


@dataclass(frozen=True, eq=False)
class Patterns:
    """Weights over a grid's steps.

    Attributes
    ----------
    rows
        Rows of a server that each covers, or the sum of its weights over rows, (patterns,).
    squares
        The same of the squared weights.
    lags
        Sum of products of weights so many steps apart, both ways, (patterns, reach + 1).
    """

    rows: Floats
    squares: Floats
    lags: Floats

    @classmethod
    def of(cls, weights: Sequence[Floats], steps: Steps) -> Self:
        """Transform weights, each (steps,)."""
        lags = np.stack([_lags(weight, steps) for weight in weights]) * steps.rows**2
        totals = np.array([weight.sum() for weight in weights]) * steps.rows
        return cls(totals, np.array([weight @ weight for weight in weights]) * steps.rows, lags)

    def variance(self, by_lag: Floats) -> Floats:
        """Return the variance of each weighted sum over the rows of one server, (patterns,)."""
        return np.asarray(self.lags @ by_lag)


def _lags(weight: Floats, steps: Steps) -> Floats:
    if not steps.reach:
        return np.array([weight @ weight])
    size = next_fast_len(steps.count + steps.reach + 1, real=True)
    found = irfft(np.abs(rfft(weight, size)) ** 2, size)[: steps.reach + 1]
    found[1:] *= 2
    return np.asarray(found)


def flags(cell: Cell, grid: TimeGrid) -> Floats:
    """Return 1 for each step of a grid that lies in a cell, else 0."""
    per_day = min(grid.rows_per_day, HOURS)
    day, hour = np.divmod(np.arange(grid.days * per_day), per_day)
    return cell.covers(day, hour).astype(float)
