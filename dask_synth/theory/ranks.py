"""The rank of a value within its own distribution: uniform, whatever the server, the hour, the bounds and the rounding.

A value is known to a hundredth, and all that lies beyond a bound is the bound: its rank is drawn evenly from those that
it may have, so that it is exactly uniform (randomised quantile residuals; Dunn and Smyth, *J. Comput. Graph. Stat.* 5,
1996). What it is drawn by is a fixed sequence, so that a dataset has the same ranks each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.theory.censored import STEP
from dask_synth.theory.scores import TOP

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

TABLE = 1 << 14
WIDE = 6.5
"""Standard deviations of the normal that the table of its distribution reaches."""
LEAST = 1e-9
"""Of a mean that noise is in proportion to."""
CLEAR = 0.02
"""Share of the values in the median's hundredth, above which the sides of the median are not told apart well enough."""
RARE = 0.02
"""Share of a server's values that may be a bound, at most, for its hours to be compared."""
EVEN = (0.7548776662466927, 0.5698402909980532, 0.32471795724474605)
"""Their multiples spread evenly over 0..1, alone and together: of servers, rows and columns (powers of 1 / 1.3247)."""


def spread_of(skew: float) -> float:
    """Return c(a), the deviation of exp(a z - a^2 / 2)."""
    return float(np.sqrt(np.expm1(skew**2)))


@dataclass(frozen=True)
class Noise:
    """How the values of one column of one server lie around a mean.

    Attributes
    ----------
    relative
        Deviation as a share of the mean; 0: it is constant.
    constant
        Deviation in the column's unit, where it is.
    skew
        a of the shape.
    high
        Upper bound.
    chance, factor
        Of a spike.
    """

    relative: float
    constant: float
    skew: float
    high: float
    chance: float
    factor: float

    def ranks(self, column: Floats, mean: Floats, even: Floats) -> tuple[npt.NDArray[np.int16], float]:
        """Return the ranks of values, as odd whole numbers from 1 - TOP to TOP - 1, and how blurred they are.

        What a rank was drawn from, squared and added up, is the share of the ranks' variance that is not the values'.

        Parameters
        ----------
        column, mean
            Values, and what they lie around before noise.
        even
            What ranks are drawn by, from 0 to 1.
        """
        mean = np.maximum(mean, LEAST) if self.relative else mean
        low, top = self._below(column - STEP / 2, mean), self._below(column + STEP / 2, mean)
        if self.chance and self.factor != 1.0:
            # A spike's hundredth holds too little to be drawn from.
            spike = self.chance * self._below(column / self.factor, mean)
            low, top = (1 - self.chance) * low + spike, (1 - self.chance) * top + spike
        low[column <= 0] = 0.0
        top[column >= self.high] = 1.0
        top -= low
        rank = top * even
        rank += low
        rank *= TOP
        whole = np.clip(rank, 0, TOP - 1).astype(np.int16)
        whole *= 2
        whole -= TOP - 1
        return whole, float(np.dot(top, top))

    def clear(self, mean: Floats) -> npt.NDArray[np.bool_]:
        """Return where a value's side of the median shows: no bound lies there, and hundredths are fine enough."""
        middle, slope = shape(np.zeros(1), self.skew)[0], slope_at_median(self.skew)
        deviation = self.relative * mean + self.constant
        median = mean + middle * deviation
        wide = CLEAR * deviation * slope * np.sqrt(2 * np.pi) >= STEP
        return np.asarray(wide & (median > STEP) & (median < self.high - STEP))

    def free(self, least: float, most: float) -> bool:
        """Whether values hardly ever are a bound, with means between these two."""
        ends = self._below(np.array([STEP / 2, self.high - STEP / 2]), np.maximum([least, most], LEAST))
        return bool(ends[0] <= RARE and ends[1] >= 1 - RARE)

    def _below(self, edge: Floats, mean: Floats) -> Singles:
        """Return the share of calm values below an edge."""
        if self.skew:
            c = spread_of(self.skew)
            position = (edge - mean) * (c / (self.relative * mean + self.constant)) + 1.0
            np.maximum(position, 1e-30, out=position)
            normal = np.log(position.astype(np.float32))
            normal += np.float32(self.skew**2 / 2)
            normal *= np.float32(1 / self.skew)
        else:
            normal = ((edge - mean) / (self.relative * mean + self.constant)).astype(np.float32)
        np.clip(normal, -WIDE, WIDE, out=normal)
        normal += np.float32(WIDE)
        normal *= np.float32((TABLE - 1) / (2 * WIDE))
        return normal_shares()[normal.astype(np.int16)]


@lru_cache(maxsize=1)
def normal_shares() -> Singles:
    """Return the normal distribution at the middle of each of TABLE steps."""
    step = 2 * WIDE / (TABLE - 1)
    return ndtr(-WIDE + step * (np.arange(TABLE) + 0.5)).astype(np.float32)


def shape(normal: Floats, skew: float) -> Floats:
    """Return g_a(z): of mean 0 and deviation 1, lopsided where a is above 0."""
    if not skew:
        return normal
    return np.asarray(np.expm1(skew * normal - skew**2 / 2) / spread_of(skew))


def slope_at_median(skew: float) -> float:
    """Return g_a'(0)."""
    return float(skew * np.exp(-(skew**2) / 2) / spread_of(skew)) if skew else 1.0


def evenly(server: int, column: int, rows: npt.NDArray[np.int64]) -> Floats:
    """Return what the ranks of a server's column are drawn by at these rows of the grid."""
    even = rows * EVEN[1]
    even += (server + 1) * EVEN[0] + column * EVEN[2]
    even -= np.floor(even)
    return np.asarray(even)
