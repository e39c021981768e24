"""Trials of the noise alone: what is left once each day's hours have given up their own mean.

Seasons make most of a metric's variance and correlation; without them a noise that is 1 % off shows ten times better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dask_synth.quality.evidence import Evidence
from dask_synth.quality.relations import correlation_trials
from dask_synth.quality.statistics import PAIRS, SUMS
from dask_synth.quality.trial import MIN_ROWS, Trial
from dask_synth.schema import METRICS

Floats = npt.NDArray[np.float64]

MIN_IN_SLOT = 5
"""Rows that a day's hours need to have a mean of their own."""


def deviations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the standard deviation of each metric around the mean of its day's business or other hours."""
    for archetype in evidence.archetypes:
        products, rows = _within(evidence, archetype)
        for k, metric in enumerate(METRICS if rows >= 10 * MIN_ROWS else ()):
            expected = evidence.theory.forecasts[archetype].noise(metric)
            deviation = math.sqrt(expected.value)
            # By half the variance's error over the deviation: a sum of independent rows, whose error is exact.
            observed = deviation + (products[PAIRS.index((k, k))] - expected.value) / (2 * deviation)
            yield Trial(
                name=f"sd.{archetype}.{metric}.noise",
                kind="sd",
                what=f"standard deviation of the noise of {archetype} {metric}",
                observed=observed,
                expected=deviation,
                standard_error=expected.deviation / math.sqrt(rows) / (2 * deviation),
                skewness=expected.skewness / math.sqrt(rows),
                archetype=archetype,
                metric=metric,
                cell="noise",
                hint="is the noise's deviation, the clipping or a spike's factor another?",
            )


def correlations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the correlation of each pair of metrics around the means of their day's business or other hours."""
    for archetype in evidence.archetypes:
        products, rows = _within(evidence, archetype)
        if rows >= 10 * MIN_ROWS:
            yield from correlation_trials(evidence, archetype, products, rows, noise=True)


def _within(evidence: Evidence, archetype: str) -> tuple[Floats, float]:
    """Return the mean products of deviations within slots, in the order of PAIRS, and how many rows they come from."""
    slots = evidence.statistics.sums[archetype].days.reshape(-1, SUMS + len(PAIRS))
    slots = slots[slots[:, 0] >= MIN_IN_SLOT]
    if not len(slots):
        return np.zeros(len(PAIRS)), 0.0
    rows = slots[:, 0]
    # One degree of freedom a slot goes into its mean.
    free = (rows - 1).sum()
    left, right = (np.array(side) + 1 for side in zip(*PAIRS, strict=True))
    products = slots[:, SUMS:].sum(axis=0) - (slots[:, left] * slots[:, right] / rows[:, None]).sum(axis=0)
    return products / free / 1e4, float(free)
