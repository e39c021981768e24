"""What a server's values are on average, given what they lie around: closed forms of clipped noise, with spikes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.theory.ranks import LEAST, Noise

Floats = npt.NDArray[np.float64]

LEVELS = 512
NODES = 25
"""Means at which the closed form is evaluated; between them it is taken as linear, within 0.3 % of a metric's
range, or 1 % where noise is tiny beside what means run through."""
SURE = 30.0
"""Standard deviations beyond which nothing lies."""


def expected_values(noises: Sequence[Noise], mean: Floats) -> Floats:
    """Return E[y], (columns, nodes).

    Parameters
    ----------
    noises
        Of each column.
    mean
        What it lies around, (columns, nodes).
    """
    relative, constant, skew, high, chance, factor = np.array(
        [(n.relative, n.constant, n.skew, n.high, n.chance, n.factor) for n in noises]
    ).T[:, :, None]
    mean = np.where(relative > 0, np.maximum(mean, LEAST), mean)
    # Calm and in a spike, beside each other: a spike's bound lies so much lower.
    top = np.repeat(np.concatenate([high, high / factor], axis=1), mean.shape[1], axis=1)
    both, deviation = np.tile(mean, 2), np.tile(relative * mean + constant, 2)
    lopsided, found = skew[:, 0] > 0, np.empty(both.shape)
    for law, some in ((_even, ~lopsided), (_lopsided, lopsided)):
        if some.any():
            found[some] = law(both[some], deviation[some], top[some], skew[some])
    calm, spike = np.split(found, 2, axis=1)
    return np.asarray((1 - chance) * calm + chance * factor * spike)


def expected_table(noises: Sequence[Noise], least: Floats, most: Floats) -> Floats:
    """Return E[y] at LEVELS means, evenly from the least of each column to the most, (columns, LEVELS)."""
    # Closer where means are small, so that the error is small beside them too.
    share = np.linspace(0, 1, NODES) ** 1.5
    nodes = least[:, None] + (most - least)[:, None] * share
    known = expected_values(noises, nodes)
    even = np.linspace(0, 1, LEVELS)
    return np.stack([np.interp(even, share, one) for one in known])


def _even(mean: Floats, deviation: Floats, top: Floats, _: Floats) -> Floats:
    """Return the mean of a normal, clipped at 0 and at the top."""
    low, up = np.clip(-mean / deviation, -SURE, SURE), np.clip((top - mean) / deviation, -SURE, SURE)
    density = (np.exp(-(up**2) / 2) - np.exp(-(low**2) / 2)) / np.sqrt(2 * np.pi)
    return np.asarray(top * ndtr(-up) + mean * (ndtr(up) - ndtr(low)) - deviation * density)


def _lopsided(mean: Floats, deviation: Floats, top: Floats, skew: Floats) -> Floats:
    """Return the mean of a shifted log-normal, clipped at 0 and at the top."""
    scale = deviation / np.sqrt(np.expm1(skew**2))
    floor = mean - scale
    # Beyond a bound that its floor has passed, nothing or all of it lies.
    low, up = (np.log(np.maximum((bound - floor) / scale, 1e-300)) / skew + skew / 2 for bound in (0.0, top))
    inside, moved = ndtr(up) - ndtr(low), ndtr(up - skew) - ndtr(low - skew)
    return np.asarray(top * ndtr(-up) + floor * inside + scale * moved)
