"""Trials of what lies between cells and between metrics: effects, growth, correlations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import DAYS_PER_MONTH
from dask_synth.model.metrics import OBSERVED
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
    planned = nodes.slot_rows.sum(axis=1)
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
    forecast, nodes = evidence.theory.forecasts[archetype], evidence.theory.nodes
    # The mean's response is to a factor on all of it; growth acts on what there was at the start.
    trend = 1 + rate / 100 * (nodes.weights[0] @ nodes.months) / nodes.weights[0].sum()
    response = forecast.response(metric, nodes.weights[0])
    if abs(response) < 1e-6:
        return "clipping leaves no growth to see"
    seen = rate + 100 * (observed - expected) * trend / response
    per_year = ": is it the rate of a year?" if abs(seen * 12 / rate - 1) < 0.5 else ""
    return f"as if it grew by {seen:.3g} % a month instead of {rate:g} %{per_year}"


def correlations(evidence: Evidence) -> Iterator[Trial]:
    """Compare the correlation of each pair of metrics over all rows of an archetype."""
    for archetype in evidence.archetypes:
        totals = evidence.statistics.sums[archetype].days.sum(axis=(0, 1))
        rows = totals[0]
        if rows < 10 * MIN_ROWS:
            continue
        mean = totals[1:SUMS] / rows
        left, right = (np.array(side) for side in zip(*PAIRS, strict=True))
        products = totals[SUMS:] / rows - mean[left] * mean[right]
        yield from correlation_trials(evidence, archetype, products, rows, noise=False)


def correlation_trials(
    evidence: Evidence, archetype: str, products: Floats, rows: float, *, noise: bool
) -> Iterator[Trial]:
    """Compare the correlations in mean products of deviations (in the order of PAIRS) over so many rows."""
    words, suffix = ("the noise of ", ".noise") if noise else ("", "")
    for a, b in combinations(range(len(METRICS)), 2):
        pair = METRICS[a], METRICS[b]
        expected = evidence.theory.correlations[archetype, *pair, noise]
        spread = products[PAIRS.index((a, a))] * products[PAIRS.index((b, b))]
        # Two views of one metric are only ever off by what rounding to 2 decimals takes.
        floor = 1e-5 if OBSERVED[pair[0]].latent == OBSERVED[pair[1]].latent else 0.0
        if spread > 0 and expected.value:
            yield Trial(
                name=f"correlation.{archetype}.{pair[0]}~{pair[1]}{suffix}",
                kind="correlation",
                what=f"correlation of {words}{archetype} {pair[0]} and {pair[1]}",
                observed=float(products[PAIRS.index((a, b))] / math.sqrt(spread)),
                expected=expected.value,
                standard_error=max(expected.deviation / math.sqrt(rows), floor),
                archetype=archetype,
                metric=f"{pair[0]}~{pair[1]}",
                cell="noise" if noise else None,
                hint="is the correlation of the noise another, or not mixed in by its Cholesky factor?",
            )
