"""The manifest: what a committed dataset consists of. Its presence is the commit."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

MANIFEST_NAME = "manifest.json"
MODEL_VERSION = 1
"""Counts the changes of the model that change data."""

BYTE_DECIDING = ("numpy", "pandas", "pyarrow", "holidays", "isal")
"""The packages whose version may change a dataset's bytes."""


class Record(BaseModel):
    """An immutable JSON object of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Record):
    """One file of a dataset.

    Attributes
    ----------
    path
        Relative to the dataset.
    rows, bytes
        Rows that it holds, and its size.
    sha256
        Of its bytes, hexadecimal.
    servers
        First and last server index.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    servers: tuple[int, int]

    @classmethod
    def of(cls, path: str, data: Any, rows: int, servers: tuple[int, int]) -> FileEntry:
        """Describe a file that holds `data`, any buffer of bytes."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(path=path, rows=rows, bytes=memoryview(data).nbytes, sha256=digest, servers=servers)


class Manifest(Record):
    """What was run, with what, and every file that came of it."""

    format: int = 1
    run_id: str
    started: dt.datetime
    created: dt.datetime
    config: dict[str, Any]
    versions: dict[str, str]
    categories: dict[str, list[str]]
    rows: int
    servers: int
    time: tuple[dt.datetime, dt.datetime]
    files: tuple[FileEntry, ...]

    def total_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(entry.bytes for entry in self.files)

    def to_json(self) -> bytes:
        """Return the bytes of ``manifest.json``."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def versions() -> dict[str, str]:
    """Return the versions of everything that decides a dataset's bytes."""
    found = {name: importlib.metadata.version(name) for name in BYTE_DECIDING}
    return {"model": str(MODEL_VERSION), **found}


def run_identity(config: Mapping[str, Any]) -> str:
    """Return the run id: 16 hexadecimal digits of a hash over what decides the bytes.

    Parameters
    ----------
    config
        The effective configuration as JSON types. Where it lands (``output.path``) does not count.
    """
    output = {key: value for key, value in config["output"].items() if key != "path"}
    text = json.dumps([{**config, "output": output}, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
