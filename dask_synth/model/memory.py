"""How noise remembers: the filter that gives it the autocorrelation of a profile, at the step of a grid.

Two exponentials and white noise, sampled, are an ARMA(2, 2) process of one innovation a row and metric. The filter is
the causal one: ``z(t) = now e(t) + sum of later_j y_j(t)``, ``y_j(t) = decay_j y_j(t - 1) + e(t)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.correlation import grown_factor
from dask_synth.model.life import Memory

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DECIMALS = 12
"""Numbers of a filter are rounded, so that every machine's library gives the same bits."""
LEAST_DECAY = 1e-6
"""Of what is left less after a step than this, nothing is: it is white noise at such a step."""


def decays(memory: Memory, step_hours: float) -> tuple[float, float]:
    """Return how much of each of the two is left after a step; 0 where it is white noise."""
    left = [round(math.exp(-step_hours / hours), DECIMALS) for hours in memory.hours]
    short, long = (decay if decay >= LEAST_DECAY else 0.0 for decay in left)
    return short, long


def autocorrelation(memory: Memory | None, metric: str, lags: Ints, step_hours: float) -> Floats:
    """Return the autocorrelation of a metric's noise at these lags, in steps: 1 at 0."""
    found = np.zeros(len(lags))
    if memory is not None:
        for share, decay in zip(_shares(memory, metric), decays(memory, step_hours), strict=True):
            found += share * decay ** np.abs(lags)
    return np.where(lags == 0, 1.0, found)


@dataclass(frozen=True)
class Filter:
    """What a metric's noise makes of its innovations.

    Attributes
    ----------
    now
        Weight of the innovation itself.
    later
        Weight of each recursion.
    decays
        Of the recursions.
    """

    now: float = 1.0
    later: tuple[float, float] = (0.0, 0.0)
    decays: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, memory: Memory | None, metric: str, step_hours: float) -> Self:
        """Factor a metric's spectrum at this step."""
        if memory is None:
            return cls()
        both = decays(memory, step_hours)
        shares = _shares(memory, metric)
        kept = [j for j in range(2) if shares[j] and both[j]]
        now, weights = _factored([shares[j] for j in kept], [both[j] for j in kept])
        later = dict(zip(kept, weights, strict=True))
        return cls(now, (later.get(0, 0.0), later.get(1, 0.0)), both)

    def overlap(self, later: Filter, lags: Ints) -> Floats:
        """Return the covariance of this metric's noise with that of `later`, lags of 0 or more steps after it.

        It is that of innovations which are the same; where they are correlated, it goes with their correlation.
        """
        found = np.zeros(len(lags))
        for weight, decay in self._terms:
            for other, left in later._terms:
                found += weight * other * np.power(left, lags, dtype=float) / (1 - decay * left)
        return found

    @property
    def _terms(self) -> tuple[tuple[float, float], ...]:
        return (self.now, 0.0), *zip(self.later, self.decays, strict=True)


def filters(profile: ArchetypeProfile, step_hours: float, latent: Sequence[str] = BUILT_IN.latent) -> list[Filter]:
    """Return the filter of each metric."""
    return [Filter.of(profile.memory, metric, step_hours) for metric in latent]


def innovation_correlation(
    profile: ArchetypeProfile, step_hours: float, latent: Sequence[str] = BUILT_IN.latent
) -> Floats:
    """Return the correlation of the metrics' innovations, with which their noise has the profile's in each row.

    Raises
    ------
    ValueError
        If there is none; the message gives its smallest eigenvalue.
    """
    return _innovations(profile, step_hours, latent)[0]


def innovation_factor(profile: ArchetypeProfile, step_hours: float, latent: Sequence[str] = BUILT_IN.latent) -> Floats:
    """Return the lower-triangular L with L L' = :func:`innovation_correlation`, to 12 decimals."""
    return _innovations(profile, step_hours, latent)[1]


def noise_correlation(profile: ArchetypeProfile, step_hours: float, latent: Sequence[str] = BUILT_IN.latent) -> Floats:
    """Return the correlation of the metrics' noise in one row.

    It is the profile's where a pair is named. One that is not named follows from those that are among the
    innovations, where it makes no other metric's numbers move, and their filters make its correlation of that.
    """
    return innovation_correlation(profile, step_hours, latent) * _overlaps(profile, step_hours, latent)


def stationary(decays: tuple[float, float]) -> tuple[float, float, float]:
    """Return the weights (a, b, c) of two normals that make a first state: y_1 = a u_1, y_2 = b u_1 + c u_2."""
    short, long = decays
    first = 1 / (1 - short * short)
    both = 1 / (1 - short * long)
    rest = 1 / (1 - long * long) - both * both / first
    return math.sqrt(first), both / math.sqrt(first), math.sqrt(max(rest, 0.0))


def _shares(memory: Memory, metric: str) -> tuple[float, float]:
    return memory.shares.get(metric, (0.0, 0.0))


def _factored(shares: Sequence[float], left: Sequence[float]) -> tuple[float, list[float]]:
    """Return the weights of the innovation and of each recursion.

    In v = x + 1/x - 2 the spectrum's numerator is a polynomial whose roots are the zeros of the filter; in 1 - decay
    and 1 - zero nothing cancels.
    """
    gaps = [1 - decay for decay in left]
    white = max(round(1 - sum(shares), DECIMALS), 0.0)
    # Polynomials in v, the constant first.
    poles = [[gap * gap, -decay] for gap, decay in zip(gaps, left, strict=True)]
    numerator = [white * number for number in _product(poles)]
    for j, (share, decay) in enumerate(zip(shares, left, strict=True)):
        for power, number in enumerate(_product(poles[:j] + poles[j + 1 :])):
            numerator[power] += share * (1 - decay * decay) * number
    zeros = [_gap(root) for root in _roots(numerator)]
    sigma = math.sqrt(numerator[0]) / math.prod(zeros)
    now = sigma * math.prod((1 - zero) / decay for zero, decay in zip(zeros, left, strict=True))
    later = []
    for j, gap in enumerate(gaps):
        weight = sigma * math.prod((zero - gap) / left[j] for zero in zeros)
        weight /= math.prod((other - gap) / left[j] for i, other in enumerate(gaps) if i != j)
        later.append(round(weight, DECIMALS))
    return round(now, DECIMALS), later


def _product(factors: Sequence[Sequence[float]]) -> list[float]:
    total = [1.0]
    for constant, slope in factors:
        total = [constant * low + slope * high for low, high in zip([*total, 0.0], [0.0, *total], strict=True)]
    return total


def _roots(numerator: Sequence[float]) -> list[float]:
    """Return the roots, all above 0; without white noise one of them is infinite."""
    if len(numerator) == 1:
        return []
    constant, slope, square = (*numerator, 0.0)[:3]
    largest = (-slope + math.sqrt(max(slope * slope - 4 * constant * square, 0.0))) / 2
    roots = [constant / largest if largest else math.inf, largest / square if square else math.inf]
    return roots[: len(numerator) - 1]


def _gap(root: float) -> float:
    """Return 1 less the zero inside the unit circle that a root stands for."""
    return 2 / (1 + math.sqrt(1 + 4 / root))


def _overlaps(profile: ArchetypeProfile, step_hours: float, latent: Sequence[str]) -> Floats:
    made, lag = filters(profile, step_hours, latent), np.zeros(1, np.int64)
    return np.array([[first.overlap(second, lag)[0] for second in made] for first in made])


def _innovations(profile: ArchetypeProfile, step_hours: float, latent: Sequence[str]) -> tuple[Floats, Floats]:
    return grown_factor(profile.correlation, latent, _overlaps(profile, step_hours, latent))
