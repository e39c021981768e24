"""The shape of the noise: normal, or a shifted log-normal with mean 0 and variance 1.

The exponential is a polynomial, squared: multiplications and additions alone, so the same bits on every machine.
``numpy.exp`` gives others where the processor has wider registers.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HALVINGS = 6
ROOT = math.sqrt(math.sqrt(24.0))
DECIMALS = 12
"""Factors of a shape are rounded, so that every machine's library gives the same bits."""
LEAST_SKEW = 1e-6
"""A skew below it is none: the noise differs from a normal by less."""
MOST_OF_FLOOR = 0.95
"""How near proportional noise of a skewed metric may come to the deviation at which its floor is 0."""


def exponential(x: Floats, factor: Floats | float, out: Floats) -> None:
    """Write exp(factor * x) into `out`, and spoil x.

    It is off by 6e-8 rms where factor * x is normal with deviation 1.3, and by 7e-6 at 6.8.
    """
    # 1 + h + h**2 / 2 + h**3 / 6 + h**4 / 24, with h = factor * x / 64, in h over the fourth root of 24.
    x *= factor * (0.5**HALVINGS / ROOT)
    np.add(x, ROOT * ROOT * ROOT / 6, out=out)
    for coefficient in (ROOT * ROOT / 2, ROOT, 1.0):
        out *= x
        out += coefficient
    for _ in range(HALVINGS):
        out *= out


@lru_cache
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
