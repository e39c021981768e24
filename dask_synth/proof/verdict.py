"""The outcome of a validation: one row a check, and what they come to."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from dask_synth.storage.manifest import Record

VALIDATION_NAME = "validation.json"

Kind = Literal[
    "structure", "mean", "sd", "correlation", "effect", "spike", "growth", "independence", "shape", "recompute"
]


class Check(Record):
    """One check of one thing.

    Attributes
    ----------
    name
        Dotted and unique in a verdict, such as ``mean.database.mem_p95.weekend``.
    kind
        What is checked.
    what
        The same in words.
    archetype, metric, cell
        What it is about, where it is about one; `metric` holds both, joined by ``~``, for a correlation.
    observed, expected
        Numbers for statistics, texts for structure.
    standard_error, z
        How far chance carries the observed value, and how far it lies from the expected in these; None where chance
        has no part.
    passed
        Whether it lies within what the level allows.
    message
        One sentence for people; on failure it names what is wrong and, where one stands out, the likely cause.
    """

    name: str
    kind: Kind
    what: str
    archetype: str | None = None
    metric: str | None = None
    cell: str | None = None
    observed: float | str | None = None
    expected: float | str | None = None
    standard_error: float | None = None
    z: float | None = None
    passed: bool
    message: str


class Verdict(Record):
    """All checks of a dataset. ``validation.json`` is this as JSON.

    Attributes
    ----------
    run_id
        Of the dataset.
    created
        When it was validated, UTC.
    level
        Probability that a clean dataset fails, over all checks together.
    critical_z
        The |z| beyond which a single check fails.
    rows, seconds
        How much was read, and how long that and all checks took.
    checks
        Every check, passed or not.
    """

    run_id: str
    created: dt.datetime
    level: float
    critical_z: float
    rows: int
    seconds: float
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> list[Check]:
        """The checks that failed, in their order."""
        return [check for check in self.checks if not check.passed]
