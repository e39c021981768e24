"""How the values of a fleet must be distributed: exact probabilities over one server's whole time.

At each timestamp a value is a mixture of two doubly censored normals (see ``expectations.py``); over time, these are
averaged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.model.metrics import OBSERVED, Baseline

Floats = npt.NDArray[np.float64]

ROUNDING = 0.005
"""A value is written as x where the exact one lies within x - 0.005 .. x + 0.005."""

MAX_LEVELS = 512


def cumulative(baseline: Baseline, column: str, at: Floats) -> Floats:
    """Return the probability that an exact, clipped value is at most `at`, averaged over the grid.

    Parameters
    ----------
    baseline
        Of the server's archetype.
    column
        One of :data:`dask_synth.schema.METRICS`.
    at
        Where, in the column's unit.

    Notes
    -----
    With k the spike's factor and p its probability: F(a) = mean over time of (1 - p) Phi((a - mu) / sd)
    + p Phi((a - k mu) / (k sd)) for 0 <= a < high, 0 below, 1 from `high` on. On grids of more than 512 timestamps mu
    is taken at 512 levels, each the mean of those near it, which moves F by at most (level width / sd) ** 2 / 99: for
    the built-in profiles less than 2e-6.
    """
    limits = OBSERVED[column]
    mean, sd = baseline.mean[limits.latent] * limits.scale, baseline.sd[limits.latent] * limits.scale
    factor, p = baseline.spike_factor[limits.latent], baseline.spike_probability
    levels, weights = _levels(mean)
    inside = (1 - p) * (weights @ ndtr((at - levels[:, None]) / sd))
    if p > 0:
        inside += p * (weights @ ndtr((at - levels[:, None] * factor) / (sd * factor)))
    return np.where(at < 0, 0.0, np.where(at >= limits.high, 1.0, inside))


def bin_probabilities(baseline: Baseline, column: str, bins: int) -> Floats:
    """Return the probability of each of `bins` + 2 bins of the written, rounded value.

    Returns
    -------
    numpy.ndarray
        First that of exactly 0, then of `bins` equally wide bins between (lower bound in, upper out),
        last that of exactly the upper limit. They sum to 1.
    """
    edges = np.linspace(0.0, OBSERVED[column].high, bins + 1) - ROUNDING
    edges[0] = ROUNDING
    # Where there is next to nothing, a difference may be a rounding error below 0.
    return np.maximum(np.diff(cumulative(baseline, column, edges), prepend=0.0, append=1.0), 0.0)


def _levels(mean: Floats) -> tuple[Floats, Floats]:
    """Return levels and weights that stand for the values of `mean`."""
    low, high = mean.min(), mean.max()
    if len(mean) <= MAX_LEVELS or high == low:
        return mean, np.full(len(mean), 1 / len(mean))
    position = np.minimum(((mean - low) * (MAX_LEVELS / (high - low))).astype(np.int64), MAX_LEVELS - 1)
    counts = np.bincount(position, minlength=MAX_LEVELS)
    sums = np.bincount(position, weights=mean, minlength=MAX_LEVELS)
    used = counts > 0
    return sums[used] / counts[used], counts[used] / len(mean)
