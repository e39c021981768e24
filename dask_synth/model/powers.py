"""From powers to central moments, and from those to what a statistic must be."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Expected(NamedTuple):
    """A statistic as a mean of independent rows.

    Attributes
    ----------
    value
        What it must be.
    deviation
        Standard deviation of one row's contribution: divided by the root of the number of rows, the standard error.
    skewness
        Of one row's contribution.
    """

    value: float
    deviation: float
    skewness: float


def shifted(raw: Floats, centre: Floats | float, order: int) -> Floats:
    """Return E[(Y - centre) ** order] from E[Y ** k]."""
    signs = [comb(order, k) * (-centre) ** (order - k) for k in range(order + 1)]
    return np.asarray(sum(sign * raw[k] for k, sign in enumerate(signs)))


def central_of(joint: Mapping[tuple[int, int], Floats], means: list[Floats], a: int, b: int) -> Floats:
    """Return E[(Y1 - mean1) ** a (Y2 - mean2) ** b] from E[Y1 ** i Y2 ** j]."""
    terms = [
        comb(a, i) * comb(b, j) * (-means[0]) ** (a - i) * (-means[1]) ** (b - j) * joint[i, j]
        for i in range(a + 1)
        for j in range(b + 1)
    ]
    return np.asarray(sum(terms))


def expected(value: Any, variance: Any, third: Any) -> Expected:
    """Return a statistic whose rows have this mean, variance and third central moment."""
    deviation = float(np.sqrt(max(variance, 0.0)))
    return Expected(float(value), deviation, float(third / deviation**3) if deviation > 0 else 0.0)
