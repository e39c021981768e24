"""Trials of single servers and single days among individuals, by rank, and of what days and archetypes share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.measure.ranks import RankSums
from dask_synth.proof.checks.clocks import free_servers
from dask_synth.proof.checks.sides import servers_seen
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MIN_FREEDOM, MIN_ROWS, Trial
from dask_synth.theory.cells import is_business_hour
from dask_synth.theory.living import LivingTheory
from dask_synth.theory.scores import LOCATION, SCALE, TOP, Score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MIN_DAYS = 30


def servers(evidence: Evidence) -> Iterator[Trial]:
    """Compare how high, and how far out, each server's values lie; the farthest one counts."""
    if evidence.planned.grid.size < MIN_ROWS:
        return
    for _, theory in evidence.living():
        _, chosen = servers_seen(evidence, theory)
        ranked = evidence.measured.ranked
        whole = ranked.rows[chosen] == evidence.planned.grid.size
        index, sums = ranked.index[chosen][whole], ranked.ranks[chosen][whole] / evidence.planned.grid.size
        if not len(index):
            continue
        mean = (TOP**2 - 1) / 3
        both = (LOCATION, sums[:, : theory.columns] / TOP), (SCALE, (sums[:, theory.columns :] - mean) * 1.5 / TOP**2)
        for score, observed in both:
            yield from _farthest(evidence, theory, score, observed, index)


def _farthest(
    evidence: Evidence, theory: LivingTheory, score: Score, observed: Floats, index: npt.NDArray[np.int64]
) -> Iterator[Trial]:
    answer, words = theory.each(score), "high" if score is LOCATION else "far out"
    for k, metric in enumerate(evidence.metrics):
        expected, error, skewness = answer.at(k)
        far = int(np.argmax(np.abs(observed[:, k])))
        name = evidence.planned.server_id(int(index[far]))
        yield Trial(
            name=f"independence.{theory.name}.{metric}.{'servers' if score is LOCATION else 'servers_spread'}",
            kind="independence",
            what=f"how {words} {metric} of {name} lies, the farthest of the {theory.name} servers, by rank",
            observed=float(observed[far, k]),
            expected=expected,
            standard_error=error,
            skewness=skewness,
            family=len(index),
            archetype=theory.name,
            metric=metric,
            hint="is its level, its noise, its clock or its growth another than servers.parquet says?",
        )


def days(evidence: Evidence) -> Iterator[Trial]:
    """Compare how high values lie in each day's business hours and other hours; the farthest one counts."""
    grid = evidence.theory.spec.grid
    for seen, theory in evidence.living():
        steps = np.zeros((2, theory.steps.count))
        a_day = theory.steps.count // grid.days
        busy = is_business_hour(np.arange(a_day))
        steps[0, :a_day], steps[1, :a_day] = ~busy, busy
        planned = steps.sum(axis=1) * theory.steps.rows * theory.servers
        error = theory.weighted(list(steps)) / np.maximum(planned, 1)
        whole = (seen.rows == planned) & (planned >= MIN_ROWS)
        observed = seen.ranks / TOP / np.maximum(planned, 1)
        for k, metric in enumerate(evidence.metrics if whole.any() else ()):
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.where(whole, np.nan_to_num(np.abs(observed[k]) / error[k]), 0.0)
            day, slot = (int(i) for i in np.unravel_index(int(np.argmax(z)), z.shape))
            when = evidence.planned.timestamp(day * grid.rows_per_day)[:10] + " in business hours" * slot
            yield Trial(
                name=f"mean.{theory.name}.{metric}.day",
                kind="mean",
                what=f"how high {theory.name} {metric} lies on {when}, the farthest day, by rank",
                observed=float(observed[k, day, slot]),
                expected=0.0,
                standard_error=float(error[k, slot]),
                family=int(whole.sum()),
                archetype=theory.name,
                metric=metric,
                cell="day",
                hint="is this day's load another day's, or its clock off?",
            )


def blocks(evidence: Evidence) -> Iterator[Trial]:
    """Look for noise that servers share and should not: it makes days vary too much, or archetypes go together."""
    metrics = range(len(evidence.metrics))
    found = {
        (theory.name, k): days
        for seen, theory in evidence.living()
        for k in metrics
        if (days := _free_days(evidence, seen, theory, k)) is not None
    }
    for (name, k), days in found.items():
        error, skewness = _square_of(days.memory, len(days.sums))
        observed = float(np.mean(days.sums**2))
        yield Trial(
            name=f"independence.{name}.{evidence.metrics[k]}.days",
            kind="independence",
            what=f"variance of {name} {evidence.metrics[k]} from day to day, by rank, over the model's",
            observed=observed,
            # What spikes leave of memory is known from below and from above.
            expected=float(np.clip(observed, days.least, 1.0)),
            standard_error=error,
            skewness=skewness,
            archetype=name,
            metric=evidence.metrics[k],
            hint="do servers share noise that should not, or are some days shifted?",
        )
    for ((a, k), one), ((b, other), two) in combinations(found.items(), 2):
        if k != other or a == b:
            continue
        error, freedom = _product_of(one.memory, two.memory, len(one.sums))
        yield Trial(
            name=f"independence.{a}~{b}.{evidence.metrics[k]}",
            kind="independence",
            what=f"correlation of {a} and {b} servers' {evidence.metrics[k]} from day to day, by rank",
            observed=float(np.mean(one.sums * two.sums)),
            expected=0.0,
            standard_error=error,
            freedom=freedom,
            archetype=f"{a}~{b}",
            metric=evidence.metrics[k],
            hint="do the two archetypes share noise?",
        )


class FreeDays(NamedTuple):
    """Sums of ranks of servers that are free of bounds, day by day.

    Attributes
    ----------
    sums
        Over their deviation, (days,).
    memory
        Their correlation by days apart.
    least
        Variance that they have at least.
    """

    sums: Floats
    memory: Floats
    least: float


def _free_days(evidence: Evidence, seen: RankSums, theory: LivingTheory, column: int) -> FreeDays | None:
    free = free_servers(evidence, theory, column)
    rows, ranks = seen.free_days[:, column].sum(axis=1)
    whole = free.sum() * evidence.planned.grid.rows_per_day
    if len(rows) < MIN_DAYS or not whole or (rows != whole).any():
        return None
    units, blur = theory.units_of(free), seen.blur[column].sum() / rows.sum()
    most, least = (theory.day_covariance(column, units, (1 - blur) * calm) for calm in (1.0, theory.calm))
    return FreeDays(ranks / TOP / np.sqrt(most[0]), most / most[0], float(least[0] / most[0]))


def _square_of(memory: Floats, count: int) -> tuple[float, float]:
    """Return the error and skewness of the mean square of so many normals of this correlation."""
    spectrum = _spectrum(memory, count)
    second, third = (float((spectrum**n).mean()) * count for n in (2, 3))
    return float(np.sqrt(2 * second) / count), float(8 * third / (2 * second) ** 1.5)


def _product_of(left: Floats, right: Floats, count: int) -> tuple[float, float]:
    """Return the error of the mean product of so many pairs of normals, and the freedom of a t with tails as heavy."""
    lag = np.arange(min(len(left), len(right), count))
    both = left[: len(lag)] * right[: len(lag)] * (1 - lag / count)
    power = _spectrum(left, count) * _spectrum(right, count)
    # Its excess kurtosis is 6 over so many pairs as were independent, and a t's is 6 / (freedom - 4).
    independent = count * power.mean() ** 2 / (power**2).mean()
    return float(np.sqrt((2 * both.sum() - both[0]) / count)), MIN_FREEDOM + float(independent)


def _spectrum(memory: Floats, count: int) -> Floats:
    """Return the spectrum of so many values of this correlation, (2 * count - 1,)."""
    lags = np.zeros(count)
    lags[: len(memory[:count])] = memory[:count]
    return np.maximum(np.fft.fft(np.concatenate([lags, lags[:0:-1]])).real, 0.0)
