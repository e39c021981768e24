"""Trials of whole distributions: the share of spikes, and the marginal shape of each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, ndtri

from dask_synth.model.metrics import OBSERVED
from dask_synth.quality.evidence import Evidence
from dask_synth.quality.statistics import BINS
from dask_synth.quality.trial import Trial
from dask_synth.schema import METRICS

Floats = npt.NDArray[np.float64]

CANDIDATES = 100
CLASSES = 25
MIN_EXPECTED = 25.0
MIN_TAIL = 50.0


def edges_of(metric: str) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return bins before which a metric's histogram may be cut, and the latent values there.

    Rounding sends all below half a hundredth before the bin's first value into the bins before it.
    """
    # The first and the last cut part the values at the bounds from those between.
    bins = np.array([1, *np.arange(1, CANDIDATES + 1) * (BINS // CANDIDATES)])
    return bins, bins * OBSERVED[metric].high / BINS - 0.005


def spikes(evidence: Evidence) -> Iterator[Trial]:
    """Compare the share of spikes, from the tail where one value tells most about it."""
    share = evidence.theory.nodes.weights[0] / evidence.theory.nodes.weights[0].sum()
    for archetype in evidence.archetypes:
        forecast, sums = evidence.theory.forecasts[archetype], evidence.statistics.sums[archetype]
        p, rows = forecast.spike_probability, sums.rows
        for k, metric in enumerate(METRICS):
            if forecast.spike_factor[OBSERVED[metric].latent] == 1.0:
                continue
            bins, edges = edges_of(metric)
            calm, spike = (1 - forecast.below(metric, edges, spike=spike) for spike in (False, True))
            tail = (1 - p) * calm + p * spike
            lever, total = (spike - calm) @ share, tail @ share
            variance = (tail * (1 - tail)) @ share
            usable = (np.minimum(total, 1 - total) * rows >= MIN_TAIL) & (np.abs(lever) > 0.01)
            if not usable.any():
                continue
            best = int(np.argmax(np.where(usable, lever**2 / np.maximum(variance, 1e-300), -1.0)))
            seen = sums.histogram[k, bins[best] :].sum() / rows
            error = math.sqrt(variance[best] / rows)
            yield Trial(
                name=f"spike.{archetype}.{metric}",
                kind="spike",
                what=f"share of spikes in {archetype} {metric}",
                observed=float(p + (seen - total[best]) / lever[best]),
                expected=p,
                standard_error=error / abs(lever[best]),
                skewness=float(math.copysign((1 - 2 * total[best]) / math.sqrt(variance[best] * rows), lever[best])),
                archetype=archetype,
                metric=metric,
                hint="are spikes rarer or more frequent, weaker or stronger, or is this metric not spiked?",
            )


def shapes(evidence: Evidence) -> Iterator[Trial]:
    """Compare each metric's distribution over all rows with the exact mixture: chi-square over classes of values.

    Rows at different times have different distributions, so counts vary less than the multinomial's: the test errs on
    the side of passing.
    """
    share = evidence.theory.nodes.weights[0] / evidence.theory.nodes.weights[0].sum()
    for archetype in evidence.archetypes:
        forecast, sums = evidence.theory.forecasts[archetype], evidence.statistics.sums[archetype]
        for k, metric in enumerate(METRICS):
            bins, edges = edges_of(metric)
            below = forecast.below(metric, edges) @ share
            cuts = _cuts(below, sums.rows)
            if len(cuts) < 2:
                continue
            expected = np.diff(np.concatenate([[0.0], below[cuts], [1.0]])) * sums.rows
            seen = np.add.reduceat(sums.histogram[k], [0, *bins[cuts]])
            parts = (seen - expected) ** 2 / expected
            worst = int(np.argmax(parts))
            limits = [0.0, *edges[cuts], OBSERVED[metric].high]
            where = f"{limits[worst]:.2f} to {limits[worst + 1]:.2f}"
            counts = f"{seen[worst]:,} values instead of {expected[worst]:,.0f}"
            yield _chi_square(archetype, metric, parts, f"{where}: {counts}")


def _cuts(below: Floats, rows: int) -> list[int]:
    """Choose cuts so that classes hold MIN_EXPECTED rows, one of CLASSES parts of all where values are not a bound."""
    least = MIN_EXPECTED / rows
    last = len(below) - 1 if 1 - below[-1] >= least else len(below)
    top = float(below[last]) if last < len(below) else 1.0
    cuts = [0] if below[0] >= least else []
    reached = float(below[0]) if cuts else 0.0
    for i, share in enumerate(below[:last]):
        if i and share - reached >= max(1 / CLASSES, least) and top - share >= least:
            cuts.append(i)
            reached = float(share)
    return [*cuts, last] if last < len(below) else cuts


def _chi_square(archetype: str, metric: str, parts: Floats, worst: str) -> Trial:
    freedom = len(parts) - 1
    value = float(parts.sum())
    tail = float(gammaincc(freedom / 2, value / 2))
    z = max(-float(ndtri(tail)), -3.0) if tail > 1e-300 else (value - freedom) / math.sqrt(2 * freedom)
    # Told as the statistic whose error makes z what the exact tail says.
    error = (value - freedom) / z if abs(z) > 0.1 and (value - freedom) * z > 0 else math.sqrt(2 * freedom)
    return Trial(
        name=f"shape.{archetype}.{metric}",
        kind="shape",
        what=f"distribution of {archetype} {metric}, chi-square of {len(parts)} classes",
        observed=value,
        expected=float(freedom),
        standard_error=error,
        archetype=archetype,
        metric=metric,
        hint=f"most at {worst}",
    )
