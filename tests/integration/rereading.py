"""Processes that read a dataset again and again, and keep count of what they got."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

import dask_synth
from dask_synth.errors import DaskSynthError
from tests.integration.contents import digest

Rows = Mapping[str, str]
"""State of a dataset, as :func:`state_of` names it -> digest of its rows."""

Folders = Mapping[str, str]
"""Folder below ``metrics`` -> digest of its rows."""

Step = tuple[str, Folders]
"""Which command made a dataset, and what it holds."""


def state_of(dataset: dask_synth.Dataset) -> str:
    config = dataset.manifest.config
    return f"seed {config['seed']} to {config['time']['end_date']}"


def by_manifest(place: str, rows: Rows, stop: str, report: str) -> None:
    """Read through the manifest until the file `stop` appears; what is read is what the manifest that was read says."""

    def frame() -> str:
        dataset = dask_synth.open_dataset(place)
        found = digest(dataset.frame().compute())
        return "" if found == rows[state_of(dataset)] else f"{found} of {state_of(dataset)}: {rows[state_of(dataset)]}"

    def verify() -> str:
        return "; ".join(f"{path}: {what}" for path, what in dask_synth.open_dataset(place).verify())

    _read((frame, verify), _is_replaced, Path(stop), Path(report))


def by_folder(place: str, steps: Sequence[Step], stop: str, report: str) -> None:
    """Read all Parquet files of a folder, as pandas finds them."""

    def plain() -> str:
        found = folders_of(pd.read_parquet(f"{place}/metrics"))
        return "" if is_explained(found, steps) else f"{found}, which is no dataset's"

    os.nice(10)  # leaves the cores to the others: there is always a read under way all the same
    _read((plain,), lambda error: isinstance(error, FileNotFoundError), Path(stop), Path(report))


def folders_of(frame: pd.DataFrame) -> Folders:
    return {str(kind): digest(rows) for kind, rows in frame.groupby("server_type", observed=True)}


def is_explained(found: Folders, steps: Sequence[Step]) -> bool:
    """Whether this is a dataset, or one of which some folders were listed before an append and some after it."""
    if any(found == folders for _, folders in steps):
        return True
    return any(
        kind == "append"
        and found.keys() == after.keys()
        and all(found[name] in (before[name], after[name]) for name in after)
        for (_, before), (kind, after) in pairwise(steps)
    )


def _is_replaced(error: Exception) -> bool:
    return isinstance(error, DaskSynthError) and "replaced while" in str(error)


def _read(
    reads: tuple[Callable[[], str], ...], is_allowed: Callable[[Exception], bool], stop: Path, report: Path
) -> None:
    count: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    while not stop.exists():
        for read in reads:
            try:
                found = read()
            except Exception as error:
                found = "" if is_allowed(error) else f"{type(error).__name__}: {error}"
                count["errors"] += is_allowed(error)
            count[read.__name__] += 1
            if found:
                wrong[f"{read.__name__}: {found}"] += 1
    report.write_text(json.dumps({"count": count, "wrong": wrong}))
