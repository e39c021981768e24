"""Is a file what it should be? Asked by a resumed run of its parts, and by `verify` of a whole dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip, isal_zlib

from dask_synth.storage.lock import LOCK_NAME
from dask_synth.storage.manifest import MANIFEST_NAME, FileEntry, Manifest
from dask_synth.storage.parquet import RUN_ID_KEY
from dask_synth.storage.places import readable, store_of
from dask_synth.storage.store import TEMPORARY

DERIVED = ("validation.json", "report.html", "overview.png")
"""Made from a committed dataset afterwards, so not in its manifest."""

COPY_BYTES = 1 << 20

IsalError: Any = isal_zlib.error  # typed as an instance there


class Finding(NamedTuple):
    """One file that is not as the manifest says, and in which way."""

    path: str
    what: str


def parquet_rows(path: Path) -> tuple[int, str] | None:
    """Return the rows and the run id that a Parquet file's footer tells, or None if it has no whole footer."""
    try:
        metadata = pq.read_metadata(readable(path))
    except (OSError, ValueError, pa.ArrowException):  # a damaged footer can be anything
        return None
    return metadata.num_rows, (metadata.metadata or {}).get(RUN_ID_KEY.encode(), b"").decode(errors="replace")


def csv_rows(path: Path) -> int | None:
    """Return the lines of a CSV.gz file, or None if it is not whole; gzip's own checksum is checked."""
    lines = 0
    try:
        with igzip.open(readable(path), "rb") as file:
            while block := file.read(COPY_BYTES):
                lines += block.count(b"\n")
    except (OSError, EOFError, IsalError):
        return None
    return lines


def examine(root: Path, entry: FileEntry) -> Finding | None:
    """Re-hash one file; return what is wrong with it, or None."""
    path = root / entry.path
    if not path.is_file():
        return Finding(entry.path, "missing")
    size = path.stat().st_size
    if size == entry.bytes and store_of(root).digest(entry.path) == entry.sha256:
        return None
    footer = parquet_rows(path) if path.suffix == ".parquet" else None
    if footer and footer[1] not in ("", entry.run_id):
        return Finding(entry.path, f"of another run: {footer[1]}, not {entry.run_id}")
    if size < entry.bytes:
        return Finding(entry.path, f"cut short: {size:,} of {entry.bytes:,} bytes")
    if size > entry.bytes:
        return Finding(entry.path, f"changed: {size:,} bytes, not {entry.bytes:,}")
    return Finding(entry.path, "changed: same size, other content")


def unlisted(root: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield the files that lie in a dataset and are not in its manifest."""
    known = {entry.path for entry in manifest.files} | {MANIFEST_NAME, LOCK_NAME, *DERIVED}
    for name in sorted(store_of(root).names()):
        if name not in known:
            left_over = Path(name).name.startswith(TEMPORARY)
            yield Finding(name, "left over by an interrupted run" if left_over else "not in the manifest")
