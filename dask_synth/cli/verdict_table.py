"""A verdict for people: the failures first, in words."""

from __future__ import annotations

import math
from collections import Counter

from rich.console import Console
from rich.table import Table

from dask_synth.proof.verdict import Check, Verdict

SHOWN = 12
"""Failures that are listed; validation.json has them all."""


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Print the failures, most striking first, then how many checks of each kind there were."""
    failures = sorted(verdict.failures, key=_strikingness, reverse=True)
    for check in failures[:SHOWN]:
        console.print(f"FAILED {check.message}", highlight=False, soft_wrap=True, markup=False)
    if len(failures) > SHOWN:
        console.print(f"... and {len(failures) - SHOWN} more in validation.json", highlight=False)
    if console.is_terminal or failures:
        console.print(_by_kind(verdict), highlight=False)
    console.print(headline(verdict), highlight=False, soft_wrap=True, markup=False)


def headline(verdict: Verdict) -> str:
    """Say in one line how it went, and at which level."""
    count, failed = len(verdict.checks), len(verdict.failures)
    outcome = f"{failed:,} of {count:,} checks failed" if failed else f"all {count:,} checks passed"
    odds = round(1 / verdict.level) if verdict.level else math.inf
    return (
        f"{'INVALID' if failed else 'valid'}: {outcome} on {verdict.rows:,} rows in {verdict.seconds:.1f} s "
        f"(a clean dataset fails once in {odds:,}: |z| > {verdict.critical_z:.2f})"
    )


def _strikingness(check: Check) -> float:
    return math.inf if check.z is None else abs(check.z)


def _by_kind(verdict: Verdict) -> Table:
    table = Table("checks of", "number", "failed", "largest |z|")
    failed = Counter(check.kind for check in verdict.failures)
    for kind, number in Counter(check.kind for check in verdict.checks).items():
        scores = [abs(check.z) for check in verdict.checks if check.kind == kind and check.z is not None]
        table.add_row(kind, f"{number:,}", str(failed[kind]), f"{max(scores):.1f}" if scores else "")
    return table
