"""Scores of ranks: functions of a uniform whose mean is 0, and how those of dependent values go together.

The rank of a value is the share of its own distribution below it: uniform whoever the server is and whatever the hour,
so that a score must come to 0 in every part of a fleet. Two ranks are functions of two normals of some correlation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]

ORDER = 24
"""Terms of an expansion; what is left of the variance goes with the next power, which bounds it from above."""
POINTS = 200
TOP = 4000
"""A rank is one of so many equal parts of 0..1, so that sums of scores are of whole numbers, exact in any order."""


@dataclass(frozen=True, eq=False)
class Score:
    """A function of a rank with mean 0.

    Attributes
    ----------
    variance
        Of it.
    skewness
        Of it.
    coefficients
        Of its expansion in normalised Hermite polynomials of the normal behind the rank, n = 1, ..., ORDER.
    """

    variance: float
    skewness: float
    coefficients: Floats

    @classmethod
    def of(cls, function: Callable[[Floats], Floats]) -> Self:
        """Expand a smooth function of the rank, by quadrature."""
        points, weights = np.polynomial.hermite_e.hermegauss(POINTS)
        weights = weights / weights.sum()
        value = function(ndtr(points))
        variance = float(weights @ value**2)
        third = float(weights @ value**3)
        coefficients = hermite(points, ORDER)[1:] @ (weights * value)
        return cls(variance, third / variance**1.5, coefficients)

    @classmethod
    def below(cls, share: float) -> Self:
        """Expand 1 where the rank is below a share, else 0, less that share."""
        edge = float(ndtri(share))
        density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
        order = np.arange(1, ORDER + 1)
        coefficients = -hermite(np.array([edge]), ORDER - 1)[:, 0] * density / np.sqrt(order)
        variance = share * (1 - share)
        return cls(variance, (1 - 2 * share) / np.sqrt(variance), coefficients)

    def covariance(self, correlation: Floats) -> Floats:
        """Return the covariance of the scores of two normals of this correlation, each from 0 to 1 (Mehler)."""
        powers = np.append(self.coefficients**2, max(self.variance - float(self._explained), 0.0))
        return np.asarray(correlation * np.polynomial.polynomial.polyval(correlation, powers))

    @cached_property
    def _explained(self) -> float:
        return float((self.coefficients**2).sum())


def hermite(points: Floats, order: int) -> Floats:
    """Return He_n / sqrt(n!) for n = 0, ..., order at each point, (order + 1, points)."""
    found = [np.ones_like(points), points]
    for n in range(1, order):
        found.append((points * found[n] - np.sqrt(n) * found[n - 1]) / np.sqrt(n + 1))
    return np.stack(found[: order + 1])


LOCATION = Score.of(lambda rank: 2 * rank - 1)
"""How high values lie, -1 to 1: a third of it is the variance."""
SCALE = Score.of(lambda rank: 1.5 * (2 * rank - 1) ** 2 - 0.5)
"""How far out they lie: the second Legendre polynomial, -1/2 to 1."""
EDGES = (0.002, 0.005, 0.01, 0.02, *(round(0.05 * i, 2) for i in range(1, 20)), 0.98, 0.99, 0.995, 0.998)
"""Shares below which ranks are counted: whole parts of TOP; the outer ones tell rare spikes."""
