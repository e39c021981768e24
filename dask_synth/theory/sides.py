"""On which side of its median a value lies, +1 or -1, and what the product of two sides comes to.

Dependence is read from sides alone: neither level, noise nor skewness of a server moves them, and the mean of their
product is known exactly from the correlation of the two normals, spikes included.
"""

from __future__ import annotations

from collections.abc import Sequence
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
MOST_SPIKES = 0.5
"""Chance of a spike from which on the median is one."""
FAR = 40.0
"""Deviations beyond which a normal does not lie."""


@dataclass(frozen=True, eq=False)
class Medians:
    """Where one column's median lies, as the normal behind a calm value, and behind a spike, of some servers.

    Attributes
    ----------
    chance
        Of a spike.
    calm, spike
        The normal at the median, (servers, means): where noise is in proportion, all means are alike.
    """

    chance: float
    calm: Floats
    spike: Floats

    @classmethod
    def of(cls, noises: Sequence[Noise], means: Floats) -> Self:
        """Solve for the median of the mixture.

        Parameters
        ----------
        noises
            Of the servers, all with one shape and one chance and factor of spikes.
        means
            As :func:`typical` has them, (servers, means).
        """
        first = noises[0]
        means = np.maximum(means, LEAST) if first.relative else means
        relative, constant = (np.array([[getattr(n, x)] for n in noises]) for x in ("relative", "constant"))
        deviation = np.maximum(relative * means + constant, LEAST)
        calm = spike = np.zeros_like(means)
        spiked = first.factor != 1.0 and 0 < first.chance < MOST_SPIKES
        for _ in range(ROUNDS if spiked else 0):
            median = means + deviation * shape(calm, first.skew)
            spike = _normal((median / first.factor - means) / deviation, first.skew)
            calm = np.asarray(ndtri((0.5 - first.chance * ndtr(spike)) / (1 - first.chance)))
        return cls(first.chance if spiked else 0.0, calm, spike)

    def after(self) -> Self:
        """Return those of the server before each, the first one's own for the first."""
        return type(self)(self.chance, *(np.concatenate([of[:1], of[:-1]]) for of in (self.calm, self.spike)))


def typical(noise: Noise, mean: Floats) -> Floats:
    """Return the means that stand for all of a server's: one where noise is in proportion, else quantiles."""
    return mean[len(mean) // 2 :][:1] if noise.relative else np.quantile(mean, _MIDDLES)


_MIDDLES = (np.arange(QUANTILES) + 0.5) / QUANTILES


def apart(first: Medians, second: Medians, correlation: float) -> Floats:
    """Return the expected product of sides at two times, or of two servers, (servers,): spikes are each one's own."""
    total = np.zeros(len(first.calm))
    for a, share in ((first.calm, 1 - first.chance), (first.spike, first.chance)):
        for b, other in ((second.calm, 1 - second.chance), (second.spike, second.chance)):
            if share and other:
                total += share * other * product(a, b, correlation).mean(axis=1)
    return total


def together(first: Medians, second: Medians, correlation: float) -> Floats:
    """Return the expected product of the sides of two columns in one row, (servers,): a spike is both's."""
    p = max(first.chance, second.chance)
    calm = np.asarray(product(first.calm, second.calm, correlation).mean(axis=1))
    if not p:
        return calm
    sides = [medians.spike if medians.chance else medians.calm for medians in (first, second)]
    return np.asarray((1 - p) * calm + p * product(sides[0], sides[1], correlation).mean(axis=1))


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
