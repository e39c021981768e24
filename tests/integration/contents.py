"""What a dataset holds, read and hashed here, and not by the code under test."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import dask_synth

COLUMNS = ("server_id", "timestamp", "cpu_p95", "mem_p95", "net_in_p95", "is_holiday")
SIX_PARTS = ("--set", "output.rows_per_partition=300")


def digest(frame: pd.DataFrame) -> str:
    """Return the number of rows and a hash over them, in any order."""
    plain = frame[list(COLUMNS)].astype({"server_id": str, "timestamp": "datetime64[ns]", "is_holiday": bool})
    hashes = pd.util.hash_pandas_object(plain, index=False)
    return f"{len(frame)} rows {int(hashes.sum()):016x}"


class Content(NamedTuple):
    """The sha256 of every file that the manifest lists, and the digest of the rows."""

    files: tuple[str, ...]
    rows: str


def content(path: Path) -> Content:
    """Read a committed dataset in a folder; AssertionError or OSError where it is not whole."""
    entries = dask_synth.open_dataset(path).manifest.files
    found = {entry.path: hashlib.sha256((path / entry.path).read_bytes()).hexdigest() for entry in entries}
    wrong = [entry.path for entry in entries if found[entry.path] != entry.sha256]
    assert not wrong, f"not as listed: {wrong}"
    parts = [pd.read_parquet(path / name, partitioning=None) for name in found if name.startswith("metrics/")]
    return Content(tuple(sorted(found.values())), digest(pd.concat(parts)))


def left_over(folder: Path, path: Path, others: Set[str] = frozenset()) -> set[str]:
    """Return what lies in `folder` and is not of the dataset at `path`; `others` are known, relative to the dataset."""
    listed = {entry.path for entry in dask_synth.open_dataset(path).manifest.files} | {"manifest.json"} | others
    known = {path, *(above for name in listed for above in [path / name, *(path / name).parents])}
    return {found.relative_to(folder).as_posix() for found in folder.rglob("*")} - {
        known_.relative_to(folder).as_posix() for known_ in known if known_.is_relative_to(folder)
    }


def small_fleet(seed: int = 42, end: str = "2024-03-30", **more: Any) -> tuple[str, ...]:
    """Return the options of a fleet of six parts."""
    options = {"servers": 12, "start-date": "2024-01-01", "end-date": end, "seed": seed, **more}
    return (*(str(word) for name, value in options.items() for word in (f"--{name}", value)), *SIX_PARTS)
