"""Trials of means and standard deviations: the sums of cells against exact moments."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dask_synth.quality.evidence import Evidence
from dask_synth.quality.hints import mean_hint
from dask_synth.quality.trial import MIN_ROWS, Trial, of_mean
from dask_synth.schema import METRICS


def means(evidence: Evidence) -> Iterator[Trial]:
    """Compare the mean of each metric in each cell."""
    for archetype in evidence.archetypes:
        forecast = evidence.theory.forecasts[archetype]
        sums = evidence.cell_sums(archetype)
        for i, cell in enumerate(evidence.theory.cells):
            rows = int(sums[i, 0])
            for k, metric in enumerate(METRICS if rows >= MIN_ROWS else ()):
                expected = forecast.mean_in(metric, evidence.theory.nodes.weights[i])
                error, skewness = of_mean(expected, rows)
                observed = sums[i, 1 + k] / rows
                response = forecast.response(metric, evidence.theory.nodes.weights[i])
                lift = (observed - expected.value) / response if response else 0.0
                yield Trial(
                    name=f"mean.{archetype}.{metric}.{cell.name}",
                    kind="mean",
                    what=f"{archetype} {metric} {cell.words}",
                    observed=observed,
                    expected=expected.value,
                    standard_error=error,
                    skewness=skewness,
                    archetype=archetype,
                    metric=metric,
                    cell=cell.name,
                    hint=mean_hint(evidence.theory.spec, archetype, metric, cell, 1 + lift),
                )


def deviations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the standard deviation of each metric in each cell but single hours and weekdays."""
    for archetype in evidence.archetypes:
        forecast, sums = evidence.theory.forecasts[archetype], evidence.cell_sums(archetype)
        for i, cell in enumerate(evidence.theory.cells):
            rows = int(sums[i, 0])
            if rows < MIN_ROWS or cell.fine:
                continue
            for k, metric in enumerate(METRICS):
                expected = forecast.variance_in(metric, evidence.theory.nodes.weights[i])
                error, skewness = of_mean(expected, rows)
                variance = (sums[i, 1 + len(METRICS) + k] - sums[i, 1 + k] ** 2 / rows) / (rows - 1)
                deviation = math.sqrt(expected.value)
                yield Trial(
                    name=f"sd.{archetype}.{metric}.{cell.name}",
                    kind="sd",
                    what=f"standard deviation of {archetype} {metric} {cell.words}",
                    # On the variance's scale the statistic is a sum; half of it over the deviation is the deviation.
                    observed=deviation + (variance - expected.value) / (2 * deviation),
                    expected=deviation,
                    standard_error=error / (2 * deviation),
                    skewness=skewness,
                    archetype=archetype,
                    metric=metric,
                    cell=cell.name,
                    hint="is the noise's deviation, the clipping or a spike's factor another?",
                )
