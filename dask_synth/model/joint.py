"""Moments of clipped, spiked metrics up to the sixth, alone and in pairs.

Values are divided by their upper bound, so that all lie in 0..1. A spike multiplies all metrics of its row, so a pair
is a mixture of two clipped binormals with the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

TAIL = 8.0
"""Standard deviations beyond which a normal has no mass that counts: 1e-15."""

POINTS = 32

WIDE = 0.5
"""Standard deviations, as a share of the range, beyond which a normal's density bends little within it."""


@dataclass(frozen=True)
class Censored:
    """clip(X, 0, 1) with X normal: one metric over its bound, calm or in a spike.

    Attributes
    ----------
    mean
        Of X, one element a time node.
    sd
        Of X.
    """

    mean: Floats
    sd: float

    def moments(self, order: int) -> Floats:
        """Return E[Y ** k] for k = 0, ..., order, as (order + 1, nodes)."""
        return censored_powers(self.mean, np.asarray(self.sd), order)


def censored_powers(mean: Floats, sd: Floats, order: int) -> Floats:
    """Return E[clip(X, 0, 1) ** k] for k = 0, ..., order, stacked in front.

    Notes
    -----
    By parts, I_k = integral of x ** k over 0..1 = mean I_{k-1} + (k - 1) sd ** 2 I_{k-2} + sd (0 ** (k-1) f(alpha) -
    f(beta)), f the standard normal density at the standardised bounds (Johnson, Kotz and Balakrishnan, *Continuous
    Univariate Distributions* 1, section 13.10.1); the mass above the bound adds 1 - F(beta) to each.
    """
    alpha, beta = -mean / sd, (1 - mean) / sd
    above = ndtr(-beta)
    at_low, at_high = density(alpha), density(beta)
    inside = [ndtr(beta) - ndtr(alpha)]
    inside.append(mean * inside[0] + sd * (at_low - at_high))
    for k in range(2, order + 1):
        inside.append(mean * inside[k - 1] + (k - 1) * sd**2 * inside[k - 2] - sd * at_high)
    powers = np.stack(inside[: order + 1] if sd <= WIDE else _wide(mean, sd, order)) + above
    powers[0] = 1.0
    return powers


def _wide(mean: Floats, sd: Floats, order: int) -> list[Floats]:
    """Return the integrals of x ** k by quadrature: the recursion would take differences of large terms."""
    points, weights = _legendre()
    x = (points + 1) / 2
    mass = density((x - mean[..., None]) / sd) / sd * weights / 2
    return [np.asarray((mass * x**k).sum(axis=-1)) for k in range(order + 1)]


def joint_powers(first: Censored, second: Censored, correlation: float, order: int) -> dict[tuple[int, int], Floats]:
    """Return E[Y1 ** a Y2 ** b] for a, b >= 1 and a + b <= order, each (nodes,).

    Notes
    -----
    Given the first metric's noise z, X2 is normal with mean m2 + sd2 rho z and variance sd2 ** 2 (1 - rho ** 2), so its
    moments are known in closed form; what is left is one integral over z. Below the lower bound Y1 is 0 and nothing is
    added; between the bounds and above them the integrand is smooth, and each part takes a Gauss-Legendre rule.
    """
    alpha = np.clip(-first.mean / first.sd, -TAIL, TAIL)
    beta = np.clip((1 - first.mean) / first.sd, -TAIL, TAIL)
    parts = [
        _conditional(first, second, correlation, bounds, order) for bounds in ((alpha, beta), (beta, TAIL + 0 * beta))
    ]
    return {key: parts[0][key] + parts[1][key] for key in parts[0]}


def _conditional(
    first: Censored, second: Censored, correlation: float, bounds: tuple[Floats, Floats], order: int
) -> dict[tuple[int, int], Floats]:
    z, weight = _rule(*bounds)
    y = np.clip(first.mean[:, None] + first.sd * z, 0.0, 1.0)
    if abs(correlation) < 1:
        spread = np.asarray(second.sd * np.sqrt(1 - correlation**2))
        powers = censored_powers(second.mean[:, None] + second.sd * correlation * z, spread, order - 1)
    else:
        same = np.clip(second.mean[:, None] + second.sd * correlation * z, 0.0, 1.0)
        powers = np.stack([same**k for k in range(order)])
    mass = weight * density(z)
    pairs = [(a, b) for a in range(1, order) for b in range(1, order + 1 - a)]
    return {(a, b): np.einsum("nq,nq,nq->n", mass, y**a, powers[b]) for a, b in pairs}


@lru_cache(maxsize=1)
def _legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(POINTS)


def _rule(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre points and weights on each low..high, both (nodes, POINTS)."""
    points, weights = _legendre()
    half = (high - low)[:, None] / 2
    return (high + low)[:, None] / 2 + half * points, half * weights


def density(x: Floats) -> Floats:
    """Return the standard normal density."""
    return np.asarray(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))
