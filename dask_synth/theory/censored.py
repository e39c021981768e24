"""Moments of clipped normals up to the sixth, alone and in pairs, about any centre.

About a centre near the mean nothing cancels, however small the deviation is beside the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Joint = Mapping[tuple[int, int], Floats]
"""(a, b) -> E[(Y1 - centre1) ** a (Y2 - centre2) ** b], at each node."""

STEP = 0.01
"""What values are rounded to. It acts like independent uniform noise where deviations are no smaller than it."""

TAIL = 8.0
"""Standard deviations beyond which a normal has no mass that counts: 1e-15."""

POINTS = 32

WIDE = 0.5
"""Standard deviations, as a share of the range, beyond which a normal's density bends little within it."""


@dataclass(frozen=True)
class Censored:
    """clip(X, 0, high) with X normal: a metric column, calm or in a spike.

    Attributes
    ----------
    mean
        Of X, one element a time node.
    sd
        Of X.
    high
        Upper bound.
    """

    mean: Floats
    sd: float
    high: float

    def over_high(self) -> Censored:
        """Return the same over its bound: from 0 to 1."""
        return Censored(self.mean / self.high, self.sd / self.high, 1.0)

    def moments(self, centre: Floats, order: int) -> Floats:
        """Return E[(Y - centre) ** k] for k = 0, ..., order, (order + 1, nodes), of Y as it is rounded."""
        return censored_moments(self.mean, self.sd, self.high, centre, order)


def censored_moments(mean: Floats, sd: float, high: float, centre: Floats, order: int, step: float = STEP) -> Floats:
    """Return E[(clip(X, 0, high) - centre) ** k] for k = 0, ..., order, stacked in front.

    Parameters
    ----------
    mean, sd
        Of the normal X.
    high
        Upper bound.
    centre
        What powers are taken about.
    order
        Up to 6.
    step
        What values between the bounds are rounded to; 0: nothing.

    Notes
    -----
    With low, high the bounds less the centre, m the mean less the centre and f the standard normal's density at the
    standardised bounds, by parts: I_k = integral of x ** k between them = m I_{k-1} + (k - 1) sd ** 2 I_{k-2}
    + sd (low ** (k-1) f(alpha) - high ** (k-1) f(beta)) (Johnson, Kotz and Balakrishnan, *Continuous Univariate
    Distributions* 1, section 13.10.1); the mass at the bounds adds their powers.
    """
    low, top, shifted = -centre, high - centre, mean - centre
    alpha, beta = -mean / sd, (high - mean) / sd
    below, above = ndtr(alpha), ndtr(-beta)
    if sd > WIDE * high:
        inside = _wide(mean, sd, high, centre, order)
    else:
        ends, variance = [sd * density(alpha), sd * density(beta)], sd**2
        inside = [1 - below - above]
        for k in range(1, order + 1):
            inside.append(shifted * inside[k - 1] + ends[0] - ends[1])
            if k > 1:
                inside[k] += (k - 1) * variance * inside[k - 2]
            ends = [ends[0] * low, ends[1] * top]
    # Next to a bound half a step is rounded to it: the Euler-Maclaurin sum's end terms, to the order of step ** 2.
    at_ends = [np.asarray(side * density(z) / sd * step**2 / 24) for side, z in ((-1, alpha), (1, beta)) if step]
    powers = [np.ones_like(below)]
    for k, part in enumerate(_rounded(inside, step)[1:], 1):
        below, above = below * low, above * top
        powers.append(part + below + above)
        if step:
            powers[k] += k * (at_ends[0] + at_ends[1])
            at_ends = [at_ends[0] * low, at_ends[1] * top]
    return np.stack(powers)


def _rounded(moments: list[Floats], step: float) -> list[Floats]:
    """Add to moments those of independent noise as rounding makes it."""
    if not step:
        return moments
    noise = uniform_moments(step)
    return [
        np.asarray(sum(comb(k, j) * noise[j] * moments[k - j] for j in range(0, k + 1, 2))) for k in range(len(moments))
    ]


def uniform_moments(step: float) -> tuple[float, ...]:
    """Return the moments 0..6 of what rounding to `step` adds: uniform over -step / 2 .. step / 2."""
    half = step / 2
    return (1.0, 0.0, half**2 / 3, 0.0, half**4 / 5, 0.0, half**6 / 7)


def about(moments: Floats, shift: Floats | float, order: int) -> Floats:
    """Return E[(Y - centre + shift) ** order] from E[(Y - centre) ** k]."""
    total = moments[0]
    for k in range(1, order + 1):
        total = total * shift + comb(order, k) * moments[k]
    return np.asarray(total)


def joint_about(joint: Joint, shifts: tuple[Floats | float, Floats | float], a: int, b: int) -> Floats:
    """Return E[(Y1 - centre1 + shift1) ** a (Y2 - centre2 + shift2) ** b] from the same without shifts."""
    terms = [
        comb(a, i) * comb(b, j) * shifts[0] ** (a - i) * shifts[1] ** (b - j) * joint[i, j]
        for i in range(a + 1)
        for j in range(b + 1)
    ]
    return np.asarray(sum(terms))


def joint_moments(
    sides: tuple[Censored, Censored], centres: tuple[Floats, Floats], correlation: float, order: int
) -> dict[tuple[int, int], Floats]:
    """Return E[(Y1 - centre1) ** a (Y2 - centre2) ** b] for a, b >= 1 and a + b <= order, not rounded, each (nodes,).

    Notes
    -----
    Given the first metric's noise z, X2 is normal with mean m2 + sd2 rho z and variance sd2 ** 2 (1 - rho ** 2), so its
    moments are known in closed form; what is left is one integral over z: below the lower bound, between the bounds and
    above them the integrand is smooth, and each part takes a Gauss-Legendre rule.
    """
    first = sides[0]
    alpha = np.clip(-first.mean / first.sd, -TAIL, TAIL)
    beta = np.clip((first.high - first.mean) / first.sd, -TAIL, TAIL)
    ends = (np.full_like(alpha, -TAIL), alpha, beta, np.full_like(alpha, TAIL))
    parts = [_conditional(sides, centres, correlation, bounds, order) for bounds in pairwise(ends)]
    return {key: np.asarray(sum(part[key] for part in parts)) for key in parts[0]}


def _conditional(
    sides: tuple[Censored, Censored],
    centres: tuple[Floats, Floats],
    correlation: float,
    bounds: tuple[Floats, Floats],
    order: int,
) -> dict[tuple[int, int], Floats]:
    first, second = sides
    z, weight = _rule(*bounds)
    y = np.clip(first.mean[:, None] + first.sd * z, 0.0, first.high) - centres[0][:, None]
    mean, centre = second.mean[:, None] + second.sd * correlation * z, centres[1][:, None]
    if abs(correlation) < 1:
        spread = second.sd * np.sqrt(1 - correlation**2)
        powers = censored_moments(mean, spread, second.high, centre, order - 1, step=0.0)
    else:
        powers = np.stack([(np.clip(mean, 0.0, second.high) - centre) ** k for k in range(order)])
    mass, found = weight * density(z), dict[tuple[int, int], Floats]()
    for a in range(1, order):
        mass = mass * y
        for b in range(1, order + 1 - a):
            found[a, b] = np.einsum("nq,nq->n", mass, powers[b])
    return found


def _wide(mean: Floats, sd: float, high: float, centre: Floats, order: int) -> list[Floats]:
    """Return the integrals of (x - centre) ** k by quadrature: the recursion would take differences of large terms."""
    points, weights = _legendre()
    x = (points + 1) / 2 * high
    mass = density((x - mean[..., None]) / sd) / sd * weights / 2 * high
    return [np.asarray((mass * (x - centre[..., None]) ** k).sum(axis=-1)) for k in range(order + 1)]


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
