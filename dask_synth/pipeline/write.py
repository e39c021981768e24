"""One chunk to its files: what runs on a worker. No Dask."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.clusters.heap import keep_freed_memory
from dask_synth.errors import RunError
from dask_synth.exactly_once.state import State
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_table, servers_table
from dask_synth.pipeline.plan import Chunk
from dask_synth.schema import NAMES
from dask_synth.storage.csv import encode_header
from dask_synth.storage.formats import FORMATS
from dask_synth.storage.manifest import FileEntry
from dask_synth.storage.names import CSV_NAME, SERVERS_NAME, SERVERS_STEM
from dask_synth.storage.places import Store, is_local, store_of
from dask_synth.storage.store import LocalStore


@dataclass(frozen=True)
class Target:
    """Where a run's files go: a folder, the formats, and the run that they are of.

    Attributes
    ----------
    suffix
        What the names of parts end in.
    landed
        Files that were written down as landed before, by name: one that is as it was then stays, a resumed run.
    """

    path: Path
    formats: tuple[str, ...]
    run_id: str
    suffix: str
    landed: Mapping[str, FileEntry] = field(default_factory=dict)

    @property
    def joins(self) -> bool:
        """Whether CSV.gz becomes one file in the end; objects cannot be joined without copying them all."""
        return is_local(self.path)

    def of(self, chunk: Chunk) -> Target:
        """Return the same for one chunk: what a task carries does not grow with the run."""
        names = [FORMATS[format_].part(chunk.archetype, chunk.index, self.suffix) for format_ in self.formats]
        return replace(self, landed={name: self.landed[name] for name in names if name in self.landed})


@dataclass(frozen=True)
class Receipt:
    """What a task leaves behind: a few hundred bytes, whatever the chunk's size.

    Attributes
    ----------
    seconds
        What each stage took: ``generate``, ``encode-parquet``, ``encode-csv``, ``write``, and ``check`` of parts that
        were there before.
    kept
        Whether an earlier run had written it all.
    worker
        The name of the worker; empty where no Dask is involved.
    """

    chunk: Chunk
    rows: int
    files: tuple[FileEntry, ...]
    seconds: Mapping[str, float]
    kept: bool
    worker: str = ""

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(entry.bytes for entry in self.files)


@contextmanager
def _timed(seconds: defaultdict[str, float], stage: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[stage] += perf_counter() - start


def encoded(format_name: str, table: pa.Table, target: Target) -> Any:
    """Return the bytes of a part."""
    format_ = FORMATS[format_name]
    data = format_.encode(table, target.run_id)
    return data if target.joins or not format_.head else format_.head(tuple(table.column_names)) + data


def generate_and_write(spec: FleetSpec, chunk: Chunk, target: Target) -> Receipt:
    """Make a chunk once and write it in every format. Run twice, it ends in the same files."""
    keep_freed_memory()
    seconds: defaultdict[str, float] = defaultdict(float)
    store = store_of(target.path)

    @cache  # made when the first format needs it: a resumed run may need none
    def table() -> pa.Table:
        with _timed(seconds, "generate"):
            return chunk_table(spec, chunk)

    def make(format_name: str) -> FileEntry:
        name = FORMATS[format_name].part(chunk.archetype, chunk.index, target.suffix)
        if (known := target.landed.get(name)) is not None:
            with _timed(seconds, "check"):
                if is_as_written(store, known):
                    return known
        made = table()
        with _timed(seconds, f"encode-{format_name}"):
            data = encoded(format_name, made, target)
        with _timed(seconds, "write"):
            _put(target, name, data)
            return _entry(name, data, spec, chunk, target.run_id)

    files = tuple(make(name) for name in target.formats)
    rows = chunk.servers * (spec.grid.size - chunk.first_row)
    return Receipt(chunk, rows, files, dict(seconds), kept=not table.cache_info().currsize)


def is_as_written(store: Store, entry: FileEntry) -> bool:
    """Whether a file is there, and is byte for byte what was written down of it."""
    try:
        return store.path(entry.path).stat().st_size == entry.bytes and store.digest(entry.path) == entry.sha256
    except FileNotFoundError:
        return False


def write_servers(spec: FleetSpec, target: Target) -> FileEntry:
    """Write one row a server."""
    table = servers_table(spec)
    data = encode_servers(table)
    name = SERVERS_NAME if target.joins else f"{SERVERS_STEM}-{target.suffix}.parquet"
    _put(target, name, data)
    everyone = (0, spec.fleet.servers - 1)
    return FileEntry.of(name, data, rows=table.num_rows, servers=everyone, time=None, run_id=target.run_id)


def encode_servers(table: pa.Table) -> pa.Buffer:
    """Encode one row a server."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue()


def join_csv(
    parts: Sequence[FileEntry], target: Target, before: FileEntry | None = None, names: Sequence[str] = NAMES
) -> FileEntry:
    """Put the CSV.gz parts together, in their order, under one header.

    Parameters
    ----------
    parts
        At least one.
    target
        Where they lie, and the joined file will.
    before
        The joined file of the dataset that these parts are appended to; its path is the one it has in `target`.
    names
        Of the columns.
    """
    store = LocalStore(target.path)
    all_parts = [before, *parts] if before else list(parts)
    digests = [(part.path, part.sha256) for part in all_parts]
    head = b"" if before else encode_header(names)
    size, sha256 = store.join(CSV_NAME, head, digests, partial(_check_at_work, target))
    return FileEntry(
        path=CSV_NAME,
        rows=sum(part.rows for part in all_parts),
        bytes=size,
        sha256=sha256,
        servers=(parts[0].servers[0], parts[-1].servers[1]),
        time=_span([part.time for part in all_parts if part.time]),
        run_id=target.run_id,
    )


def _put(target: Target, name: str, data: Any) -> None:
    store = store_of(target.path)
    if isinstance(store, LocalStore):
        store.put(name, data, partial(_check_at_work, target))
    else:  # names of objects never come again, so a late one meets nothing
        store.put(name, data)


def _check_at_work(target: Target) -> None:
    """Raise RunError if the run is over: a worker that was away must not write among the files of another dataset."""
    plan = State.of(target.path).plan
    if plan is None or plan.suffix != target.suffix:
        raise RunError(f"the run of this task is over: its plan is no more in {str(target.path)!r}")


def _entry(name: str, data: Any, spec: FleetSpec, chunk: Chunk, run_id: str) -> FileEntry:
    rows = chunk.servers * (spec.grid.size - chunk.first_row)
    span = spec.grid.span(chunk.first_row)
    return FileEntry.of(name, data, rows=rows, servers=(chunk.start, chunk.stop - 1), time=span, run_id=run_id)


def _span(times: Sequence[tuple[dt.datetime, dt.datetime]]) -> tuple[dt.datetime, dt.datetime]:
    return min(first for first, _ in times), max(last for _, last in times)
