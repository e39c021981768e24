"""Trials day by day: the day that lies farthest from what it must be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MAX_SKEWNESS, MIN_ROWS, Trial

HOURS = ("other hours", "business hours")


def days(evidence: Evidence) -> Iterator[Trial]:
    """Compare the mean of each day's business hours and other hours; the farthest one counts."""
    grid = evidence.theory.spec.grid
    for seen, theory in evidence.both():
        answer = theory.day_sums(seen.slot_share)
        enough = seen.slot_rows >= MIN_ROWS
        observed = seen.slot_sums / np.maximum(seen.slot_rows, 1)
        for k, metric in enumerate(evidence.metrics):
            usable = enough & (np.abs(answer.skewness[k]) <= MAX_SKEWNESS) & (answer.error[k] > 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.where(usable, (observed[k] - answer.expected[k]) / answer.error[k], 0.0)
            if not usable.any():
                continue
            day, business = np.unravel_index(int(np.argmax(np.abs(z))), z.shape)
            expected, error, skewness = answer.at(k, int(day), int(business))
            when = (pd.Timestamp(grid.start) + pd.Timedelta(days=int(day))).date()
            hours = f" in {HOURS[business]}" if grid.rows_per_day > 1 else ""
            yield Trial(
                name=f"mean.{theory.name}.{metric}.day",
                kind="mean",
                what=f"{theory.name} {metric} on {when}{hours}, the farthest day",
                observed=float(observed[k, day, business]),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                family=int(usable.sum()),
                archetype=theory.name,
                metric=metric,
                cell="day",
                hint="is this day's load another day's, or its clock off?",
            )
