"""Trials of means and standard deviations: what each cell came to against what it must."""

from __future__ import annotations

from collections.abc import Iterator

from dask_synth.proof.evidence import Evidence
from dask_synth.proof.hints import mean_hint
from dask_synth.proof.trial import MIN_ROWS, Trial, deviation_trial


def means(evidence: Evidence) -> Iterator[Trial]:
    """Compare the mean of each metric in each cell."""
    for seen, theory in evidence.both():
        answer, observed = theory.means(seen.cell_share), seen.means
        for i, cell in enumerate(evidence.theory.cells):
            for k, metric in enumerate(evidence.metrics if seen.cell_rows[i] >= MIN_ROWS else ()):
                expected, error, skewness = answer.at(k, i)
                response = theory.response(k, i)
                lift = (float(observed[k, i]) - expected) / response if response else 0.0
                yield Trial(
                    name=f"mean.{theory.name}.{metric}.{cell.name}",
                    kind="mean",
                    what=f"{theory.name} {metric} {cell.words}",
                    observed=float(observed[k, i]),
                    expected=expected,
                    standard_error=error,
                    skewness=skewness,
                    archetype=theory.name,
                    metric=metric,
                    cell=cell.name,
                    hint=mean_hint(evidence.theory.spec, theory.name, metric, cell, 1 + lift),
                )


def deviations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the standard deviation of each metric in each cell but single hours and weekdays."""
    for seen, theory in evidence.both():
        answer, observed = theory.squares(seen.cell_share), seen.squares
        for i, cell in enumerate(evidence.theory.cells):
            for k, metric in enumerate(evidence.metrics if seen.cell_rows[i] >= MIN_ROWS and not cell.fine else ()):
                yield from deviation_trial(
                    float(observed[k, i]),
                    answer.at(k, i),
                    name=f"sd.{theory.name}.{metric}.{cell.name}",
                    what=f"standard deviation of {theory.name} {metric} {cell.words}",
                    about=(theory.name, metric, cell.name),
                )


def noise(evidence: Evidence) -> Iterator[Trial]:
    """Compare the standard deviation of each metric around what its day's business or other hours must be.

    Seasons make most of a metric's variance; without them a noise that is 1 % off shows ten times better.
    """
    for seen, theory in evidence.both():
        answer = theory.noise(seen.share)
        for k, metric in enumerate(evidence.metrics if seen.cell_rows[0] >= 10 * MIN_ROWS else ()):
            yield from deviation_trial(
                seen.square_of_noise(k),
                answer.at(k),
                name=f"sd.{theory.name}.{metric}.noise",
                what=f"standard deviation of the noise of {theory.name} {metric}",
                about=(theory.name, metric, "noise"),
            )
