"""On which side of its median a value lies, +1 or -1, and what the product of two sides comes to.

Dependence is read from sides alone: neither level, noise nor skewness of a server moves them, and the mean of their
product is known exactly from the correlation of the two normals, spikes included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, owens_t

from dask_synth.theory.ranks import LEAST, Noise, shape, spread_of

Floats = npt.NDArray[np.float64]

ROUNDS = 6
"""Of solving for a median: each leaves a share of the error as small as that of spikes."""
QUANTILES = 16
"""Means that stand for all of a server's, where the median's place depends on them."""
FAR = 40.0
"""Deviations beyond which a normal does not lie."""


@dataclass(frozen=True, eq=False)
class Median:
    """Where a column's median lies, as the normal behind a calm value, and behind a spike, one element a mean.

    Attributes
    ----------
    chance
        Of a spike.
    calm, spike
        The normal at the median.
    """

    chance: float
    calm: Floats
    spike: Floats

    @classmethod
    def of(cls, noise: Noise, mean: Floats) -> Self:
        """Solve for the median of the mixture; all means are alike where noise is in proportion."""
        typical = mean[len(mean) // 2 :][:1] if noise.relative else np.quantile(mean, _MIDDLES)
        mean = np.maximum(typical, LEAST) if noise.relative else typical
        deviation = noise.relative * mean + noise.constant
        calm = spike = np.zeros_like(mean)
        for _ in range(ROUNDS if noise.chance and noise.factor != 1.0 else 0):
            median = mean + deviation * shape(calm, noise.skew)
            spike = _normal((median / noise.factor - mean) / deviation, noise.skew)
            calm = ndtri((0.5 - noise.chance * ndtr(spike)) / (1 - noise.chance)) if noise.chance < 0.5 else calm
        return cls(noise.chance if noise.factor != 1.0 else 0.0, calm, spike)


_MIDDLES = (np.arange(QUANTILES) + 0.5) / QUANTILES


def apart(first: Median, second: Median, correlation: float) -> float:
    """Return the expected product of sides at two times, or of two servers: spikes are each one's own."""
    total = 0.0
    for a, share in ((first.calm, 1 - first.chance), (first.spike, first.chance)):
        for b, other in ((second.calm, 1 - second.chance), (second.spike, second.chance)):
            if share and other:
                total += share * other * float(product(a, b, correlation).mean())
    return total


def together(first: Median, second: Median, correlation: float) -> float:
    """Return the expected product of the sides of two columns in one row: a spike is both's."""
    p = max(first.chance, second.chance)
    calm = float(product(first.calm, second.calm, correlation).mean())
    if not p:
        return calm
    sides = [median.spike if median.chance else median.calm for median in (first, second)]
    return (1 - p) * calm + p * float(product(sides[0], sides[1], correlation).mean())


def product(a: Floats, b: Floats, correlation: float) -> Floats:
    """Return E[sign(X - a) sign(Y - b)] of two standard normals (Owen, Ann. Math. Stat. 27, 1956)."""
    if not correlation:
        return np.asarray((1 - 2 * ndtr(a)) * (1 - 2 * ndtr(b)))
    # At exactly 0 the formula divides by it; next to it nothing changes.
    a, b = (np.where(np.abs(x) < 1e-12, 1e-12, np.clip(x, -FAR, FAR)) for x in (a, b))
    root = np.sqrt(max(1 - correlation**2, 1e-30))
    angles = owens_t(a, (b / a - correlation) / root) + owens_t(b, (a / b - correlation) / root)
    both = (ndtr(a) + ndtr(b)) / 2 - angles - 0.5 * (a * b < 0)
    return np.asarray(1 - 2 * ndtr(a) - 2 * ndtr(b) + 4 * both)


def _normal(noise: Floats, skew: float) -> Floats:
    """Return the normal behind a noise: the inverse of :func:`shape`."""
    if not skew:
        return noise
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = (np.log(np.maximum(noise * spread_of(skew) + 1, 0.0)) + skew**2 / 2) / skew
    return np.asarray(np.maximum(normal, -FAR))
