"""Whether a file of a dataset is what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.storage.formats import FORMATS
from dask_synth.storage.manifest import FileEntry, Manifest
from dask_synth.storage.names import DERIVED, MANIFEST_NAME, PLAN_NAME, has_form, is_control
from dask_synth.storage.parquet import RUN_ID_KEY
from dask_synth.storage.places import is_local, readable, reading, store_of


class Finding(NamedTuple):
    """One file that is not as the manifest says, and in which way."""

    path: str
    what: str


def examine(root: Path, entry: FileEntry) -> Finding | None:
    """Re-hash one file; return what is wrong with it, or None."""
    path = root / entry.path
    with reading(root):
        return _examined(root, path, entry)


def fetch(root: Path, entry: FileEntry) -> tuple[Finding | None, bytes | None]:
    """Read one file, once, and hash it; return what is wrong with it, or None, and its bytes where there are any."""
    path = root / entry.path
    with reading(root):
        try:
            link = _link_in(root, entry.path)
            data = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return Finding(entry.path, "missing"), None
        except OSError as error:
            return Finding(entry.path, f"cannot be read: {error.strerror or error}"), None
        if link:
            return Finding(entry.path, f"not a file of its own: {link!r} is a symbolic link"), data
        if hashlib.sha256(data).hexdigest() == entry.sha256:
            return None, data
        return _changed(path, entry, len(data)), data


def _examined(root: Path, path: Path, entry: FileEntry) -> Finding | None:
    try:
        if link := _link_in(root, entry.path):
            return Finding(entry.path, f"not a file of its own: {link!r} is a symbolic link")
        if not path.is_file():
            return Finding(entry.path, "missing")
        size = path.stat().st_size
        if size == entry.bytes and store_of(root).digest(entry.path) == entry.sha256:
            return None
    except FileNotFoundError:
        return Finding(entry.path, "missing")
    except OSError as error:
        return Finding(entry.path, f"cannot be read: {error.strerror or error}")
    return _changed(path, entry, size)


def _changed(path: Path, entry: FileEntry, size: int) -> Finding:
    other = _run_of(path) if path.suffix == ".parquet" else None
    if other and other != entry.run_id:
        return Finding(entry.path, f"of another run: {other}, not {entry.run_id}")
    if size < entry.bytes:
        return Finding(entry.path, f"cut short: {size:,} of {entry.bytes:,} bytes")
    if size > entry.bytes:
        return Finding(entry.path, f"changed: {size:,} bytes, not {entry.bytes:,}")
    return Finding(entry.path, "changed: same size, other content")


def _link_in(root: Path, name: str) -> str | None:
    """Return the first part of a name, below a folder, that is a link: behind it may be another dataset's files."""
    if not is_local(root):
        return None
    below = [str(above) for above in reversed(PurePosixPath(name).parents)][1:]
    return next((part for part in (*below, name) if (root / part).is_symlink()), None)


def _run_of(path: Path) -> str | None:
    """Return the run id that a Parquet file's footer tells, or None if it has no whole footer."""
    try:
        metadata = pq.read_metadata(readable(path)).metadata or {}
    except (OSError, ValueError, pa.ArrowException):  # a damaged footer can be anything
        return None
    return str(metadata.get(RUN_ID_KEY.encode(), b"").decode(errors="replace"))


def unlisted(root: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield the files that lie among those of a dataset and are not in its manifest.

    None of them is what a person keeps beside its folders, nor what a run keeps there while it works; nor are its
    parts, as long as its plan is there.
    """
    known = {entry.path for entry in manifest.files} | {MANIFEST_NAME, *DERIVED}
    among = tuple(f"{format_.folder}/" for format_ in FORMATS.values())
    others = (name for name in store_of(root).names() if name not in known and not is_control(name))
    names = sorted(name for name in others if has_form(name) or name.startswith(among))
    # Asked after the files: a run takes its plan away last.
    at_work = bool(names) and (root / PLAN_NAME).exists()
    for name in names:
        if not (at_work and has_form(name)):
            yield Finding(name, "not in the manifest")
