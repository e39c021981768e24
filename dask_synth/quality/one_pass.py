"""One pass over what landed: a task a file fetches its bytes once, for all that is asked of them. Wiring.

`verify`, `validate` and `report` are three uses of it; a run that is proved and drawn makes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from dask.base import compute
from dask.delayed import Delayed, delayed
from distributed import Client

from dask_synth.quality.binning import Layout
from dask_synth.quality.landed import decoded
from dask_synth.quality.partials import Partial, summarise_part
from dask_synth.quality.partition import summarise
from dask_synth.quality.reference import Reference
from dask_synth.quality.statistics import Statistics
from dask_synth.schema import Categories
from dask_synth.storage.dataset import Dataset
from dask_synth.storage.integrity import Finding, examine, fetch, unlisted
from dask_synth.storage.manifest import FileEntry
from dask_synth.storage.names import METRICS

SPLIT_EVERY = 8
"""Sums that one task adds up: no worker ever holds more of them."""


@dataclass(frozen=True)
class Question:
    """What is asked of rows, besides whether their files are as they were committed.

    Attributes
    ----------
    categories
        The full list of values of each categorical column.
    reference
        What rows are held against, for a proof.
    layout
        The axes of a picture.
    """

    categories: Categories
    reference: Reference | None = None
    layout: Layout | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of some files.

    Attributes
    ----------
    findings
        Files that are not as they were committed.
    statistics
        For a proof.
    partial
        For a picture.
    """

    findings: tuple[Finding, ...] = ()
    statistics: Statistics = field(default_factory=Statistics)
    partial: Partial = field(default_factory=Partial)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.findings + other.findings, self.statistics + other.statistics, self.partial + other.partial
        )


def start_pass(
    dataset: Dataset, client: Client | None = None, reference: Reference | None = None, layout: Layout | None = None
) -> Callable[[], Measured]:
    """Begin a pass over a dataset, and return what waits for its end: on a cluster, theory is worked out meanwhile.

    Parameters
    ----------
    dataset
        A committed dataset.
    client
        The cluster that reads; None reads on Dask's current scheduler, by default threads of this process.
    reference, layout
        As in :class:`Question`; without both, files are hashed and not decoded.
    """
    total = tree(_tasks(dataset, Question(dataset.manifest.categories, reference, layout)), added)
    future = client.compute(total) if client else None

    def finish() -> Measured:
        measured: Measured = future.result() if future else compute(total)[0]
        findings = (*measured.findings, *unlisted(dataset.path, dataset.manifest))
        if findings:
            dataset.check_current()
        return Measured(findings, measured.statistics, measured.partial)

    return finish


def measure_file(root: Path, entry: FileEntry, question: Question) -> Measured:
    """Fetch a file's bytes once: hash them, decode them, sum the rows up for all that is asked."""
    finding, data = fetch(root, entry)
    findings = (finding,) if finding else ()
    part = decoded(data, entry.path, question.categories) if data is not None else None
    if part is None:
        # Its rows are missing then, and the check of the files says why.
        return Measured(findings)
    return Measured(
        findings,
        summarise(part.frame, question.reference) if question.reference else Statistics(),
        summarise_part(part, question.layout) if question.layout else Partial(),
    )


def hash_file(root: Path, entry: FileEntry) -> Measured:
    """Hash a file."""
    finding = examine(root, entry)
    return Measured((finding,) if finding else ())


def _tasks(dataset: Dataset, question: Question) -> list[Delayed]:
    token = uuid4().hex
    asked = question.reference or question.layout
    names = [entry.path for entry in dataset.manifest.files]
    parts = [name for name in names if name.startswith(f"{METRICS}/")]
    rows = set(parts or [name for name in names if name.endswith(".csv.gz")]) if asked else set()
    shared = delayed(question, name=f"question-{token}", traverse=False)
    measure, verify = delayed(measure_file, pure=False), delayed(hash_file, pure=False)
    return [
        measure(dataset.path, entry, shared, dask_key_name=f"measure-file-{token}-{index}")
        if entry.path in rows
        else verify(dataset.path, entry, dask_key_name=f"verify-file-{token}-{index}")
        for index, entry in enumerate(dataset.manifest.files)
    ]


def tree(level: list[Delayed], add_up: Callable[[Any], Any]) -> Delayed:
    """Add up results, SPLIT_EVERY at a time, in their order."""
    joined = delayed(add_up)
    while len(level) > 1:
        level = [joined(level[i : i + SPLIT_EVERY]) for i in range(0, len(level), SPLIT_EVERY)]
    return level[0]


def added(parts: Iterable[Measured]) -> Measured:
    """Add up what came of files, in their order."""
    return reduce(add, parts, Measured())
