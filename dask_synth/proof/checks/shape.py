"""Trials of whole distributions: the share of spikes, and the marginal shape of each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, ndtri

from dask_synth.model.columns import MetricColumn
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import Trial
from dask_synth.theory.gauge import BINS, candidate_bins
from dask_synth.theory.theory import ChiSquare

Floats = npt.NDArray[np.float64]


def spikes(evidence: Evidence) -> Iterator[Trial]:
    """Compare the share of spikes, from the tail where one value tells most about it."""
    for seen, theory in evidence.both():
        answer, tables = theory.tails(seen.share), theory.tables
        for k, metric in enumerate(evidence.theory.spec.metrics.names):
            edge = theory.gauge.tails[k]
            if edge is None:
                continue
            above = seen.sums.histogram[k, candidate_bins()[edge] :].sum() / seen.share
            expected, error, skewness = answer.at(k)
            yield Trial(
                name=f"spike.{theory.name}.{metric}",
                kind="spike",
                what=f"share of spikes in {theory.name} {metric}",
                observed=expected + float((above - tables.tails.mean[k]) / tables.levers[k]),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                archetype=theory.name,
                metric=metric,
                hint="are spikes rarer or more frequent, weaker or stronger, or is this metric not spiked?",
            )


def shapes(evidence: Evidence) -> Iterator[Trial]:
    """Compare each metric's distribution over all rows with the exact mixture: chi-square over classes of values."""
    for seen, theory in evidence.both():
        for k, column in enumerate(evidence.theory.spec.metrics.columns):
            cuts = theory.gauge.cuts[k]
            if len(cuts) < 2 or not theory.gauge.law.resolved(column.name):
                continue
            law = theory.chi_square(k, seen.share)
            if not law.freedom:
                continue
            starts = np.array([0, *candidate_bins()[cuts]])
            counts = np.add.reduceat(seen.sums.histogram[k], starts)
            yield _chi_square(theory.name, column, starts, counts, law)


def _chi_square(
    archetype: str, column: MetricColumn, starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], law: ChiSquare
) -> Trial:
    parts = (counts - law.expected) ** 2 / law.expected
    worst = int(np.argmax(parts))
    limits = [*(starts * column.high / BINS), column.high]
    where = f"{limits[worst]:.2f} to {limits[worst + 1]:.2f}"
    value, mean = float(parts.sum()), law.scale * law.freedom
    tail = float(gammaincc(law.freedom / 2, value / law.scale / 2))
    usual = law.scale * math.sqrt(2 * law.freedom)
    z = max(-float(ndtri(tail)), -3.0) if tail > 1e-300 else (value - mean) / usual
    # Told as the statistic whose error makes z what the exact tail says.
    error = (value - mean) / z if abs(z) > 0.1 and (value - mean) * z > 0 else usual
    return Trial(
        name=f"shape.{archetype}.{column.name}",
        kind="shape",
        what=f"distribution of {archetype} {column.name}, chi-square of {len(parts)} classes",
        observed=value,
        expected=mean,
        standard_error=error,
        archetype=archetype,
        metric=column.name,
        hint=f"most at {where}: {counts[worst]:,} values instead of {law.expected[worst]:,.0f}",
    )
