"""All checks of a fleet, and the verdict on them. A check that crashes is a check that fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from dask_synth.proof.checks import (
    clocks,
    company,
    days,
    independence,
    individuals,
    moments,
    ranks,
    relations,
    shape,
    sides,
    structure,
)
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import Trial, decided
from dask_synth.proof.verdict import Check, Verdict

LEVEL = 1e-3
"""Probability that a clean dataset fails."""

Rows = Iterator[Check] | Iterator[Trial]

CHECKS: tuple[Callable[[Evidence], Rows], ...] = (
    structure.counts,
    structure.keys,
    structure.types,
    structure.rows,
    structure.recomputed,
    moments.means,
    moments.deviations,
    moments.noise,
    days.days,
    relations.effects,
    relations.growth,
    relations.correlations,
    shape.spikes,
    shape.shapes,
    independence.servers,
    independence.twins,
    independence.blocks,
    ranks.location,
    ranks.scale,
    ranks.first_rows,
    ranks.edges,
    ranks.growth,
    clocks.cycles,
    clocks.holidays,
    sides.sides,
    company.servers,
    company.days,
    company.blocks,
    individuals.individuals,
)


def judge(
    evidence: Evidence, run_id: str, seconds: float, level: float = LEVEL, further: Iterable[Check] = ()
) -> Verdict:
    """Run all checks and decide them together.

    Parameters
    ----------
    evidence
        Statistics and theory.
    run_id, seconds
        For the record: the dataset's run, and how long it took to read.
    level
        Probability that a clean dataset fails, over all checks together.
    further
        Checks that were made elsewhere: of files.
    """
    checks, trials = list(further), list[Trial]()
    for function in CHECKS:
        try:
            for row in function(evidence):
                checks.append(row) if isinstance(row, Check) else trials.append(row)
        except Exception as error:
            checks.append(_crashed(function.__name__, error))
    judged, limit, untested = decided(trials, level)
    checks += judged
    if untested:
        checks.append(_untested(untested))
    return Verdict(
        run_id=run_id,
        created=dt.datetime.now(dt.UTC),
        level=level,
        critical_z=limit,
        rows=evidence.measured.rows,
        seconds=seconds,
        checks=tuple(checks),
    )


def _crashed(name: str, error: Exception) -> Check:
    what = f"the check {name!r} runs"
    return Check(
        name=f"structure.check.{name}",
        kind="structure",
        what=what,
        observed=type(error).__name__,
        expected="no error",
        passed=False,
        message=f"{what}: it stopped with {type(error).__name__}: {error}",
    )


def _untested(trials: list[Trial]) -> Check:
    kinds = ", ".join(sorted({trial.kind for trial in trials}))
    what = f"{len(trials)} statistics ({kinds}) are not tested: too few rows, or values that chance has no part in"
    return Check(name="structure.untested", kind="structure", what=what, passed=True, message=what)
