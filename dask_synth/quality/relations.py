"""Trials of what lies between cells and between metrics: effects, growth, correlations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import DAYS_PER_MONTH
from dask_synth.quality.evidence import Evidence
from dask_synth.quality.statistics import PAIRS, SUMS
from dask_synth.quality.trial import MIN_ROWS, Trial
from dask_synth.schema import METRICS

Floats = npt.NDArray[np.float64]

EFFECTS = {
    "weekend": ("weekday", "weekend effect"),
    "business_hours": ("other_hours", "business-hours effect"),
    "quarter_end": ("quarter_middle", "quarter-end effect"),
}
"""Cell -> the cell that its mean is divided by, and words. Every holiday is divided by ordinary days."""

GROWTH_SOURCE = {"cpu_p95": "cpu", "mem_p95": "mem", "disk_p95": "disk"}


def effects(evidence: Evidence) -> Iterator[Trial]:
    """Compare the ratio of the means of two cells; its error follows from theirs (delta method)."""
    position = {cell.name: i for i, cell in enumerate(evidence.theory.cells)}
    holidays = {name: ("ordinary_day", f"effect of {name}") for name in position if name.startswith("holiday")}
    pairs = [(n, b, words) for n, (b, words) in {**EFFECTS, **holidays}.items() if n in position and b in position]
    for archetype in evidence.archetypes:
        for name, below, words in pairs:
            for k, metric in enumerate(METRICS):
                trial = _effect(evidence, archetype, (position[name], position[below]), k)
                if trial:
                    value, should, error = trial
                    yield Trial(
                        name=f"effect.{archetype}.{metric}.{name}",
                        kind="effect",
                        what=f"{words} on {archetype} {metric}",
                        observed=value,
                        expected=should,
                        standard_error=error,
                        archetype=archetype,
                        metric=metric,
                        cell=name,
                    )


def _effect(evidence: Evidence, archetype: str, cells: tuple[int, int], k: int) -> tuple[float, float, float] | None:
    sums, weights = evidence.cell_sums(archetype), evidence.theory.nodes.weights
    rows = [sums[i, 0] for i in cells]
    expected = [evidence.theory.forecasts[archetype].mean_in(METRICS[k], weights[i]) for i in cells]
    errors = [e.deviation / math.sqrt(max(n, 1)) for e, n in zip(expected, rows, strict=True)]
    # The ratio is near enough to linear where the divisor's own error is small.
    if min(rows) < 10 * MIN_ROWS or expected[1].value < 50 * errors[1] or expected[0].value < 20 * errors[0]:
        return None
    ratio = expected[0].value / expected[1].value
    observed = [sums[i, 1 + k] / n for i, n in zip(cells, rows, strict=True)]
    # ratio (1 + a - b) with a, b the relative deviations: the linear part, so that the error is exact.
    linear = ratio * (1 + observed[0] / expected[0].value - observed[1] / expected[1].value)
    relative = math.hypot(errors[0] / expected[0].value, errors[1] / expected[1].value)
    return linear, ratio, ratio * relative


def growth(evidence: Evidence) -> Iterator[Trial]:
    """Compare the least-squares slope of each metric over time, in its unit a month."""
    nodes, spec = evidence.theory.nodes, evidence.theory.spec
    planned = nodes.slots.sum(axis=(1, 2))
    months = np.arange(spec.grid.days) / DAYS_PER_MONTH
    for archetype in evidence.archetypes:
        days = evidence.statistics.sums[archetype].days.sum(axis=1)
        forecast, rows = evidence.theory.forecasts[archetype], days[:, 0]
        if spec.grid.days < 30 or rows.sum() < 10 * MIN_ROWS:
            continue
        lever = months - months @ rows / rows.sum()
        spread = lever @ (lever * rows)
        fraction = rows / planned
        for k, metric in enumerate(METRICS):
            mean, spreads, _ = forecast.by_slot(metric).sum(axis=2)
            expected = (lever * fraction) @ mean / spread
            variance = (lever**2 * fraction) @ spreads
            observed = lever @ days[:, 1 + k] / 100 / spread
            yield Trial(
                name=f"growth.{archetype}.{metric}",
                kind="growth",
                what=f"growth of {archetype} {metric} a month",
                observed=float(observed),
                expected=float(expected),
                standard_error=float(np.sqrt(variance) / spread),
                archetype=archetype,
                metric=metric,
                hint=_growth_hint(evidence, archetype, metric, float(observed), float(expected)),
            )


def _growth_hint(evidence: Evidence, archetype: str, metric: str, observed: float, expected: float) -> str:
    rate = evidence.theory.spec.archetypes[archetype].growth
    if metric not in GROWTH_SOURCE or not expected or not rate:
        return "does something grow that should not?"
    ratio = observed / expected
    per_year = " (is it a rate a year?)" if abs(ratio * 12 - 1) < 0.3 else ""
    return f"as if it grew by {rate * ratio:.3g} % a month instead of {rate:g} %{per_year}"


def correlations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the correlation of each pair of metrics over all rows of an archetype."""
    for archetype in evidence.archetypes:
        totals = evidence.statistics.sums[archetype].days.sum(axis=(0, 1))
        rows = totals[0]
        if rows < 10 * MIN_ROWS:
            continue
        mean = totals[1:SUMS] / rows
        product = {pair: totals[SUMS + i] / rows - mean[pair[0]] * mean[pair[1]] for i, pair in enumerate(PAIRS)}
        for a, b in combinations(range(len(METRICS)), 2):
            spread = math.sqrt(product[a, a] * product[b, b])
            expected = evidence.theory.forecasts[archetype].correlation_of(METRICS[a], METRICS[b])
            if not spread:
                continue
            yield Trial(
                name=f"correlation.{archetype}.{METRICS[a]}~{METRICS[b]}",
                kind="correlation",
                what=f"correlation of {archetype} {METRICS[a]} and {METRICS[b]}",
                observed=product[a, b] / spread,
                expected=expected.value,
                # A perfect correlation is only ever off by what rounding to 2 decimals takes.
                standard_error=max(expected.deviation / math.sqrt(rows), 1e-5),
                archetype=archetype,
                metric=f"{METRICS[a]}~{METRICS[b]}",
                hint="are the noise's correlations others, or the metrics not mixed by their Cholesky factor?",
            )
