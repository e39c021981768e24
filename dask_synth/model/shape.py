"""The shape of the noise: normal, or a shifted log-normal with mean 0 and variance 1.

The exponential is a polynomial, squared: multiplications and additions alone, so the same bits on every machine.
``numpy.exp`` gives others where the processor has wider registers.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HALVINGS = 6
DECIMALS = 12
"""Factors of a shape are rounded, so that every machine's library gives the same bits."""
LEAST_SKEW = 1e-6
"""A skew below it is none: the noise differs from a normal by less."""
MOST_OF_FLOOR = 0.95
"""How near proportional noise of a skewed metric may come to the deviation at which its floor is 0."""


def exponential(x: Floats, out: Floats) -> None:
    """Write exp(x) into `out`, and spoil x: off by 6e-8 of it rms at normal x of deviation 1.3, by 7e-6 at 6.8."""
    x *= 0.5**HALVINGS
    np.multiply(x, 1 / 24, out=out)
    out += 1 / 6
    out *= x
    out += 0.5
    out *= x
    out += 1.0
    out *= x
    out += 1.0
    for _ in range(HALVINGS):
        out *= out


def affine(skew: float) -> tuple[float, float]:
    """Return the factor and the summand that make g(z) of exp(skew z); without skew, of z itself: 1 and 0."""
    if skew < LEAST_SKEW:
        return 1.0, 0.0
    c = math.sqrt(math.expm1(skew * skew))
    return round(math.exp(-skew * skew / 2) / c, DECIMALS), -round(1 / c, DECIMALS)


def capped(ratio: float, skew: float) -> float:
    """Return a ratio of deviation to mean that keeps the floor of skewed noise above 0."""
    if skew < LEAST_SKEW:
        return ratio
    return min(ratio, MOST_OF_FLOOR * round(math.sqrt(math.expm1(skew * skew)), DECIMALS))
