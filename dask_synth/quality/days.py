"""Trials day by day: the day that lies farthest from what it must be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from dask_synth.quality.evidence import Evidence
from dask_synth.quality.trial import MAX_SKEWNESS, MIN_ROWS, Trial
from dask_synth.schema import METRICS

HOURS = ("other hours", "business hours")


def days(evidence: Evidence) -> Iterator[Trial]:
    """Compare the mean of each day's business hours and other hours; the farthest one counts."""
    planned = evidence.theory.nodes.slot_rows
    first = pd.Timestamp(evidence.theory.spec.grid.start)
    for archetype in evidence.archetypes:
        sums = evidence.statistics.sums[archetype].days
        rows = sums[:, :, 0]
        share = rows / np.maximum(planned, 1)
        for k, metric in enumerate(METRICS):
            mean, variance, third = share * evidence.theory.forecasts[archetype].by_slot(metric)
            with np.errstate(divide="ignore", invalid="ignore"):
                skewness = third / variance**1.5
                z = np.where(
                    (rows >= MIN_ROWS) & (np.abs(skewness) <= MAX_SKEWNESS),
                    (sums[:, :, 1 + k] / 100 - mean) / np.sqrt(variance),
                    0.0,
                )
            if not z.any():
                continue
            day, business = np.unravel_index(int(np.argmax(np.abs(z))), z.shape)
            count = rows[day, business]
            hours = f" in {HOURS[business]}" if evidence.theory.spec.grid.rows_per_day > 1 else ""
            yield Trial(
                name=f"mean.{archetype}.{metric}.day",
                kind="mean",
                what=f"{archetype} {metric} on {(first + pd.Timedelta(days=int(day))).date()}{hours}, the farthest day",
                observed=float(sums[day, business, 1 + k] / 100 / count),
                expected=float(mean[day, business] / count),
                standard_error=float(math.sqrt(variance[day, business]) / count),
                skewness=float(skewness[day, business]),
                family=int((z != 0).sum()),
                archetype=archetype,
                metric=metric,
                cell="day",
                hint="is this day's load another day's, or its clock off?",
            )
