"""What the sum of a statistic comes to: its mean and how chance spreads it. Sums of independent parts add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Answer(NamedTuple):
    """A finished answer: what a statistic must be. NaN for the error where nothing can be said.

    Attributes
    ----------
    expected, error, skewness
        Of the statistic: its mean, its standard deviation and its skewness, all of one shape.
    """

    expected: Floats
    error: Floats
    skewness: Floats

    def at(self, *index: int) -> tuple[float, float, float]:
        """Return one element's expectation, error and skewness."""
        return float(self.expected[index]), float(self.error[index]), float(self.skewness[index])


@dataclass(frozen=True, eq=False)
class Cumulants:
    """The first three cumulants of sums, arrays of one shape. Those of independent parts add up.

    Attributes
    ----------
    mean, variance, third
        Expectation, variance and third central moment.
    """

    mean: Floats
    variance: Floats
    third: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(self.mean + other.mean, self.variance + other.variance, self.third + other.third)

    def __mul__(self, count: int) -> Self:
        """Return the sum of so many that are alike and do not depend on each other."""
        return type(self)(self.mean * count, self.variance * count, self.third * count)

    def answer(self, seen: Floats | float = 1.0, over: Floats | float = 1.0) -> Answer:
        """Return what the sum must be, scaled up from the rows that there are, and divided by a constant.

        Parameters
        ----------
        seen
            Share of the planned rows that there are.
        over
            What the sum is divided by.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt(self.variance / seen)
            skewness = np.where(deviation > 0, self.third / seen**2 / deviation**3, 0.0)
            return Answer(np.asarray(self.mean / over), np.asarray(deviation / np.abs(over)), skewness)


def of_rows(weights: Floats, mean: Floats, variance: Floats, third: Floats) -> Cumulants:
    """Add up rows: each element of the last axis stands for as many of them as its weight."""
    return Cumulants(weights @ mean, weights @ variance, weights @ third)


def bernoulli(p: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the first three cumulants of a value that is 1 with probability p, else 0."""
    return p, p * (1 - p), p * (1 - p) * (1 - 2 * p)
