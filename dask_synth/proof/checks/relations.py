"""Trials of what lies between cells and between metrics: effects, growth, correlations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dask_synth.proof.evidence import Evidence
from dask_synth.proof.hints import growth_hint
from dask_synth.proof.trial import MIN_ROWS, Trial

CLEAR = 50
"""Standard errors that a mean lies above 0 by, so that a ratio to it is near enough to linear."""


def effects(evidence: Evidence) -> Iterator[Trial]:
    """Compare the ratio of the means of two cells, to first order: so its error is exact."""
    for seen, theory in evidence.both():
        gauge, share = theory.gauge, seen.cell_share
        least = np.array([min(share[c.above], share[c.below]) for c in gauge.contrasts])
        answer, means, observed = theory.contrasts(least), theory.means(share), seen.contrasts
        clear = means.expected > CLEAR * means.error
        for i, contrast in enumerate(gauge.contrasts):
            sides = (contrast.above, contrast.below)
            for k, metric in enumerate(evidence.metrics):
                if min(seen.cell_rows[s] for s in sides) < 10 * MIN_ROWS or not all(clear[k, s] for s in sides):
                    continue
                ratio = float(gauge.centres[k, contrast.above] / gauge.centres[k, contrast.below])
                expected, error, skewness = answer.at(k, i)
                yield Trial(
                    name=f"effect.{theory.name}.{metric}.{contrast.name}",
                    kind="effect",
                    what=f"{contrast.words} on {theory.name} {metric}",
                    observed=ratio * (1 + float(observed[k, i])),
                    expected=ratio * (1 + expected),
                    standard_error=ratio * error,
                    skewness=skewness,
                    archetype=theory.name,
                    metric=metric,
                    cell=contrast.name,
                )


def growth(evidence: Evidence) -> Iterator[Trial]:
    """Compare the least-squares slope of each metric over time, in its unit a month."""
    if evidence.theory.spec.grid.days < 30:
        return
    for seen, theory in evidence.both():
        answer, observed = theory.trend(seen.share), seen.trend
        for k, metric in enumerate(evidence.metrics if seen.cell_rows[0] >= 10 * MIN_ROWS else ()):
            expected, error, skewness = answer.at(k)
            yield Trial(
                name=f"growth.{theory.name}.{metric}",
                kind="growth",
                what=f"growth of {theory.name} {metric} a month",
                observed=float(observed[k]),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                archetype=theory.name,
                metric=metric,
                hint=growth_hint(evidence.theory.spec, theory, k, float(observed[k]) - expected),
            )


def correlations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the correlation of each pair of metrics, of all that varies and of the noise alone."""
    for seen, theory in evidence.both():
        for key, pair in theory.gauge.pairs.items():
            if seen.cell_rows[0] < 10 * MIN_ROWS or min(pair.scales) <= 0 or not pair.correlation:
                continue
            view, first, second = key[0], evidence.metrics[key[1]], evidence.metrics[key[2]]
            off, error, skewness = theory.correlation(key, seen.share).at()
            words, suffix = ("the noise of ", ".noise") if view else ("", "")
            yield Trial(
                name=f"correlation.{theory.name}.{first}~{second}{suffix}",
                kind="correlation",
                what=f"correlation of {words}{theory.name} {first} and {second}",
                observed=seen.correlation(key),
                expected=pair.correlation + off,
                standard_error=error,
                skewness=skewness,
                archetype=theory.name,
                metric=f"{first}~{second}",
                cell="noise" if view else None,
                hint="is the correlation of the noise another, or not mixed in by its Cholesky factor?",
            )
