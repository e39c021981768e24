"""One pass over what landed: a task a file fetches its bytes once, for all that is asked of them. Wiring.

`verify`, `validate` and `report` are three uses of it; a run that is proved and drawn makes it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from dask.base import compute
from dask.delayed import Delayed, delayed
from distributed import Client

from dask_synth.clusters.heap import keep_freed_memory
from dask_synth.exactly_once.committed import Committed
from dask_synth.measure.layout import Layout
from dask_synth.measure.planned import Planned
from dask_synth.measure.read import decoded
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.storage.formats import rows_of
from dask_synth.storage.integrity import examine, fetch, unlisted
from dask_synth.storage.manifest import FileEntry

SPLIT_EVERY = 8
"""Sums that one task adds up: no worker ever holds more of them."""


@dataclass(frozen=True)
class Question:
    """What is asked of rows, besides whether their files are as they were committed.

    Attributes
    ----------
    planned
        What rows are held against.
    layout
        The axes of a picture, if one is wanted.
    """

    planned: Planned
    layout: Layout | None = None


def start_pass(
    dataset: Committed, client: Client | None = None, planned: Planned | None = None, layout: Layout | None = None
) -> Callable[[], Measured]:
    """Begin a pass over a dataset, and return what waits for its end: on a cluster, theory is worked out meanwhile.

    Parameters
    ----------
    dataset
        A committed dataset.
    client
        The cluster that reads; None reads on Dask's current scheduler, by default threads of this process.
    planned, layout
        As in :class:`Question`; without what is planned, files are hashed and not decoded.
    """
    total = tree(_tasks(dataset, Question(planned, layout) if planned else None), added)
    future = client.compute(total) if client else None

    def finish() -> Measured:
        measured: Measured = future.result() if future else compute(total)[0]
        findings = (*measured.findings, *unlisted(dataset.path, dataset.manifest))
        if findings:
            dataset.check_current()
        return replace(measured, findings=findings)

    return finish


def measure_file(root: Path, entry: FileEntry, question: Question) -> Measured:
    """Fetch a file's bytes once: hash them, decode them, sum the rows up for all that is asked."""
    keep_freed_memory()
    finding, data = fetch(root, entry)
    known = question.planned.categories, question.planned.columns
    frame = decoded(data, entry.path, *known) if data is not None else None
    # The rows of what cannot be decoded are missing then, and the check of the files says why.
    rows = Measured() if frame is None else measure_rows(frame, question.planned, question.layout)
    return replace(rows, findings=(finding,) if finding else ())


def hash_file(root: Path, entry: FileEntry) -> Measured:
    """Hash a file."""
    finding = examine(root, entry)
    return Measured((finding,) if finding else ())


def _tasks(dataset: Committed, question: Question | None) -> list[Delayed]:
    token = uuid4().hex
    names = [entry.path for entry in dataset.manifest.files]
    rows = set(rows_of(names)) if question else set()
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
