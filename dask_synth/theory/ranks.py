"""The rank of a value within its own distribution: uniform, whatever the server, the hour, the bounds and the rounding.

A value is known to a hundredth, and all that lies beyond a bound is the bound: its rank is drawn evenly from those that
it may have, so that it is exactly uniform (randomised quantile residuals; Dunn and Smyth, *J. Comput. Graph. Stat.* 5,
1996). What it is drawn by is a fixed sequence, so that a dataset has the same ranks each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

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
FINE = 1e-3
"""Share of all values in the hundredths of spikes, below which they are left out."""
FREE = 0.1
"""The same, above which hours and days of a server are not compared."""
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

    def ranks(
        self, column: Floats, mean: Floats, even: Singles, exact: bool = True
    ) -> tuple[npt.NDArray[np.int16], float]:
        """Return the ranks of values, as odd whole numbers from 1 - TOP to TOP - 1, and how blurred they are.

        What a rank was drawn from, squared and added up, is the share of the ranks' variance that is not the values'.

        Parameters
        ----------
        column, mean
            Values, and what they lie around before noise.
        even
            What ranks are drawn by, from 0 to 1.
        exact
            Whether a spike's hundredth counts as well: where :meth:`coarse` says no, it holds too little.
        """
        unit, centre = self._units(mean)
        half, place = (STEP / 2 * unit).astype(np.float32), column * unit
        calm = (place - centre).astype(np.float32)
        low, top = self._shares(calm - half), self._shares(calm + half)
        if self._spiked:
            place /= self.factor
            place -= centre
            calm = place.astype(np.float32)
            half *= np.float32(1 / self.factor)
            low *= np.float32(1 - self.chance)
            top *= np.float32(1 - self.chance)
            low += np.float32(self.chance) * (below := self._shares(calm - half if exact else calm))
            top += np.float32(self.chance) * (self._shares(calm + half) if exact else below)
        low[column <= 0] = 0.0
        top[column >= self.high] = 1.0
        top -= low
        blur = float(np.einsum("i,i->", top, top))
        top *= even
        top += low
        top *= np.float32(TOP)
        whole = np.minimum(top, np.float32(TOP - 1), out=top).astype(np.int16)
        whole *= 2
        whole -= TOP - 1
        return whole, blur

    def coarse(self, least: float) -> bool:
        """Whether a spike's hundredth holds a share of all values that counts, with means of at least so much."""
        deviation = max(self.relative * least + self.constant, LEAST)
        return self._spiked and self.chance * min(STEP / deviation, 1.0) > FINE

    def clear(self, mean: Floats) -> npt.NDArray[np.bool_]:
        """Return where a value's side of the median shows: no bound lies there, and hundredths are fine enough.

        Spikes move the median by at most the share of the values that they are.
        """
        chance = self.chance if self._spiked else 0.0
        if chance >= 0.5:
            return np.zeros(len(mean), bool)
        ends = ndtri(np.array([0.5 - chance, 0.5]) / (1 - chance))
        wide = CLEAR * slope_at(float(ends[0]), self.skew) * float(np.sqrt(2 * np.pi))
        low, high = shape(ends, self.skew).tolist()
        # Each asks that a multiple of the mean is large enough, as the deviation is one or constant.
        asked = (
            (wide * self.relative, STEP - wide * self.constant),
            (1 + low * self.relative, STEP - low * self.constant),
            (-1 - high * self.relative, STEP - self.high + high * self.constant),
        )
        least, most, never = -np.inf, np.inf, False
        for times, more in asked:
            never |= not times and more > 0
            least = max(least, more / times) if times > 0 else least
            most = min(most, more / times) if times < 0 else most
        return np.asarray((mean > least) & (mean < most) & (not never))

    def free(self, least: float, most: float) -> bool:
        """Whether values hardly ever are a bound, nor one hundredth, with means between these two."""
        ends = self._below(np.array([STEP / 2, self.high - STEP / 2]), np.maximum([least, most], LEAST))
        fine = FREE * (self.relative * least + self.constant) * slope_at(0.0, self.skew) * np.sqrt(2 * np.pi) >= STEP
        return bool(fine and ends[0] <= RARE and ends[1] >= 1 - RARE)

    @property
    def _spiked(self) -> bool:
        return bool(self.chance and self.factor != 1.0)

    def _units(self, mean: Floats) -> tuple[Floats, Floats]:
        """Return how many deviations a unit of the column is, and what to take from so many of a value.

        What is left is 1 at the mean, or 0 without skew. Where nothing varies, the deviation is a trace.
        """
        spread = spread_of(self.skew) if self.skew else 1.0
        if self.relative:
            unit, centre = (spread / self.relative) / np.maximum(mean, LEAST), np.array(spread / self.relative)
        else:
            unit = np.array(spread / max(self.constant, LEAST))
            centre = mean * unit
        return unit, centre - 1.0 if self.skew else centre

    def _shares(self, place: Singles) -> Singles:
        """Return the share of calm values below a place, as :meth:`_units` has it; it is written over."""
        scale = (TABLE - 1) / (2 * WIDE)
        if self.skew:
            np.maximum(place, np.float32(1e-30), out=place)
            np.log(place, out=place)
            place *= np.float32(scale / self.skew)
            place += np.float32(scale * (self.skew / 2 + WIDE))
        else:
            place *= np.float32(scale)
            place += np.float32(scale * WIDE)
        np.clip(place, np.float32(0), np.float32(TABLE - 1), out=place)
        return normal_shares().take(place.astype(np.int16))

    def _below(self, edge: Floats, mean: Floats) -> Singles:
        """Return the share of calm values below an edge."""
        unit, centre = self._units(mean)
        return self._shares((edge * unit - centre).astype(np.float32))


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


def slope_at(normal: float, skew: float) -> float:
    """Return g_a'(z)."""
    return float(skew * np.exp(skew * normal - skew**2 / 2) / spread_of(skew)) if skew else 1.0


def evenly(server: int, columns: int, rows: npt.NDArray[np.int64]) -> Iterator[Singles]:
    """Yield what the ranks of a server's columns are drawn by at these rows of the grid, column by column."""
    start = rows * EVEN[1]
    start += (server + 1) * EVEN[0]
    start -= np.floor(start)
    begin = start.astype(np.float32)
    for column in range(columns):
        even = begin + np.float32(column * EVEN[2] % 1)
        even -= np.floor(even)
        yield even
