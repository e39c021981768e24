"""What every statistic of a fleet must be: closed-form moments of the model.

A value is clip(k (mu + sd z), 0, high) with z standard normal, and k the spike's factor with probability p, else 1: a
mixture of two doubly censored normals. Rounding to 2 decimals is left out: it adds a variance of 0.01 ** 2 / 12.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.model.metrics import OBSERVED, Baseline

Floats = npt.NDArray[np.float64]


class Moments(NamedTuple):
    """Mean and variance, element by element, in the column's unit and its square."""

    mean: Floats
    variance: Floats


class MeanExpectation(NamedTuple):
    """What the mean over servers and time must be, and how far chance carries it."""

    mean: float
    standard_error: float


def censored_moments(mean: Floats, sd: float, low: float, high: float) -> Moments:
    """Return the moments of clip(X, low, high) for X normal.

    Parameters
    ----------
    mean, sd
        Of X.
    low, high
        The bounds, at which the mass beyond them lies.

    Notes
    -----
    With alpha, beta the standardised bounds: E[Y] = low F(alpha) + high (1 - F(beta)) + mean (F(beta) - F(alpha))
    - sd (f(beta) - f(alpha)), and E[Y^2] alike with the second moment of the truncated normal (Johnson, Kotz and
    Balakrishnan, *Continuous Univariate Distributions* 1, section 13.10.1).
    """
    alpha, beta = (low - mean) / sd, (high - mean) / sd
    below, above = ndtr(alpha), ndtr(-beta)
    inside = ndtr(beta) - below
    at_low, at_high = _density(alpha), _density(beta)
    first = low * below + high * above + mean * inside - sd * (at_high - at_low)
    second = (
        low**2 * below
        + high**2 * above
        + (mean**2 + sd**2) * inside
        - sd * ((mean + high) * at_high - (mean + low) * at_low)
    )
    return Moments(first, np.maximum(second - first**2, 0.0))


def observed_moments(baseline: Baseline, column: str) -> Moments:
    """Return the moments of one metric column of one server, at each timestamp of the grid.

    Parameters
    ----------
    baseline
        Of the server's archetype.
    column
        One of :data:`dask_synth.schema.METRICS`.
    """
    limits = OBSERVED[column]
    mean, sd = baseline.mean[limits.latent] * limits.scale, baseline.sd[limits.latent] * limits.scale
    factor, p = baseline.spike_factor[limits.latent], baseline.spike_probability
    calm = censored_moments(mean, sd, 0.0, limits.high)
    spike = censored_moments(mean * factor, sd * factor, 0.0, limits.high)
    first = (1 - p) * calm.mean + p * spike.mean
    second = (1 - p) * (calm.variance + calm.mean**2) + p * (spike.variance + spike.mean**2)
    return Moments(first, second - first**2)


def expected_mean(baseline: Baseline, column: str, servers: int) -> MeanExpectation:
    """Return what the mean of a column over `servers` servers and the whole grid must be.

    Rows are independent of each other, so the variance of their mean is the mean of their variances, divided by their
    number.
    """
    moments = observed_moments(baseline, column)
    rows = servers * baseline.size
    return MeanExpectation(float(moments.mean.mean()), float(np.sqrt(moments.variance.mean() / rows)))


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))
