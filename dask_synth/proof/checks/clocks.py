"""Trials of clocks: whether the loads of individuals rise, fall and rest when their region's do, by rank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dask_synth.measure.ranks import RankSums
from dask_synth.proof.checks.sides import servers_seen
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MIN_ROWS, Trial
from dask_synth.theory.cells import HOURS
from dask_synth.theory.living import LivingTheory
from dask_synth.theory.paths import WEEK
from dask_synth.theory.scores import TOP

Floats = npt.NDArray[np.float64]

AROUND = 9
"""Days with which a holiday is compared, itself in their middle."""
SEASONS = ("", ", when its clock is ahead")
EARLY = "do its servers' hours, weekends or holidays come at another time?"
FEASTS = "are its servers' holidays those of another country?"


def cycles(evidence: Evidence) -> Iterator[Trial]:
    """Compare the hours in which the load rises with those in which it falls, region by region, and night with day.

    A clock that is off makes values lie low where the load rises and high where it falls, or the other way round.
    """
    spec = evidence.theory.spec
    if spec.grid.rows_per_day < HOURS:
        return
    for seen, theory in evidence.living():
        week = np.log(np.maximum(theory.law.paths.week(1.0, 0), 1e-9))
        if np.ptp(week) == 0:
            continue
        rise = (np.roll(week, -1) - np.roll(week, 1)) / 2
        for region, (name, _) in enumerate(spec.fleet.regions):
            for later, season in enumerate(SEASONS):
                yield from _cycle(evidence, theory, seen, rise, (region, later), f"in {name}{season} where load rises")
        yield from _cycle(evidence, theory, seen, week - week.mean(), None, "in busy hours")


def _cycle(
    evidence: Evidence,
    theory: LivingTheory,
    seen: RankSums,
    pattern: Floats,
    where: tuple[int, int] | None,
    words: str,
) -> Iterator[Trial]:
    for k, metric in enumerate(evidence.metrics):
        if not evidence.theory.spec.metrics.metric_of(metric).load:
            continue
        total = variance = size = 0.0
        for region in range(len(theory.law.paths.clocks)):
            hours, weight = _hours(evidence, theory, region, pattern, where)
            rows, ranks = seen.week[:, k, region]
            if not (rows * np.abs(hours)).any():
                continue
            total += float((ranks * hours).sum()) / TOP
            size += float((rows * np.abs(hours)).sum())
            units = theory.units_of(free_servers(evidence, theory, k) & (theory.regions == region))
            variance += theory.contrast(k, weight, units, seen.blur[k, region] / rows.sum()) ** 2
        if size < MIN_ROWS * np.abs(pattern).mean():
            continue
        cell = "cycle" if where is None else f"clock_{where[0]}_{where[1]}"
        yield Trial(
            name=f"effect.{theory.name}.{metric}.{cell}",
            kind="effect",
            what=f"how much higher {theory.name} {metric} lies {words}, by rank",
            observed=total / size,
            expected=0.0,
            standard_error=np.sqrt(variance) / size,
            archetype=theory.name,
            metric=metric,
            cell=cell,
            hint="is the cycle stronger or weaker?" if where is None else EARLY,
        )


def _hours(
    evidence: Evidence, theory: LivingTheory, region: int, pattern: Floats, where: tuple[int, int] | None
) -> tuple[Floats, Floats]:
    """Return a pattern of local hours by UTC hour of the week and season, (2, 168), and at each step, (steps,)."""
    clock, steps = theory.law.paths.clocks[region], theory.steps
    # Clocks of one region and season keep one distance from UTC: an hour there is one hour of the week here.
    utc = (evidence.theory.spec.grid.start.weekday() * HOURS + np.arange(steps.count)) % WEEK
    hour, season = clock.hour[:: steps.rows], clock.later[:: steps.rows]
    hours, weight = np.zeros((2, WEEK)), np.zeros(steps.count)
    for later in (0, 1):
        if where in (None, (region, later)):
            there = season == later
            weight[there] = pattern[hour[there]]
            hours[later, utc[there]] = weight[there]
    return hours, weight


def holidays(evidence: Evidence) -> Iterator[Trial]:
    """Compare the holidays of each region with its other days: all archetypes together, for there are few."""
    spec = evidence.theory.spec
    per_day = spec.grid.rows_per_day
    for region, (name, _) in enumerate(spec.fleet.regions):
        for k, metric in enumerate(evidence.metrics):
            total = variance = size = 0.0
            for seen, theory in evidence.living():
                # A local day lies in two of UTC's: a day weighs what its hours take off the load.
                lever = (1 - theory.law.paths.clocks[region].feast).reshape(-1, per_day).mean(axis=1)
                # Against the days around: what lasts for weeks is no holiday.
                lever = lever - np.convolve(np.pad(lever, AROUND // 2, "edge"), np.full(AROUND, 1 / AROUND), "valid")
                rows, ranks = seen.free_days[:, k, region]
                if not (rows * np.abs(lever)).any() or not spec.metrics.metric_of(metric).load:
                    continue
                total += float(ranks @ lever) / TOP
                size += float(rows @ np.abs(lever))
                units = theory.units_of(free_servers(evidence, theory, k) & (theory.regions == region))
                weight = np.repeat(lever, theory.steps.count // spec.grid.days)
                variance += theory.contrast(k, weight, units, seen.blur[k, region] / rows.sum()) ** 2
            if size:
                yield Trial(
                    name=f"effect.fleet.{metric}.holidays_{region}",
                    kind="effect",
                    what=f"how high {metric} lies on the holidays of {name}, by rank",
                    observed=total / size,
                    expected=0.0,
                    standard_error=float(np.sqrt(variance)) / size,
                    metric=metric,
                    cell=f"holidays_{region}",
                    hint=FEASTS,
                )


def free_servers(evidence: Evidence, theory: LivingTheory, column: int) -> npt.NDArray[np.bool_]:
    """Return which of an archetype's servers have values that hardly ever are a bound, (servers,)."""
    place, chosen = servers_seen(evidence, theory)
    free = np.zeros(theory.servers, bool)
    free[place] = evidence.measured.ranked.free[chosen, column] > 0
    return free
