"""One chunk to its files: what runs on a worker. No Dask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.pipeline.chunk import chunk_table, servers_table
from dask_synth.pipeline.plan import Chunk, FleetSpec
from dask_synth.storage.csv import encode_csv, encode_header
from dask_synth.storage.dataset import CSV_NAME, SERVERS_NAME, csv_part, parquet_part
from dask_synth.storage.manifest import FileEntry
from dask_synth.storage.parquet import encode_parquet
from dask_synth.storage.store import LocalStore


@dataclass(frozen=True)
class Target:
    """Where a run's files go: a folder, the formats, and the run that they are of."""

    path: Path
    formats: tuple[str, ...]
    run_id: str


@dataclass(frozen=True)
class Receipt:
    """What a task leaves behind: a few hundred bytes, whatever the chunk's size."""

    chunk: Chunk
    rows: int
    files: tuple[FileEntry, ...]
    seconds: float


def generate_and_write(spec: FleetSpec, chunk: Chunk, target: Target) -> Receipt:
    """Make a chunk once and write it in every format. Run twice, it ends in the same files."""
    start = perf_counter()
    table = chunk_table(spec, chunk)
    store = LocalStore(target.path)
    files = []
    for format_ in target.formats:
        if format_ == "parquet":
            name, data = parquet_part(chunk.archetype, chunk.index), encode_parquet(table, target.run_id)
        else:
            name, data = csv_part(chunk.index), encode_csv(table)
        store.put(name, data)
        files.append(FileEntry.of(name, data, table.num_rows, (chunk.start, chunk.stop - 1)))
    return Receipt(chunk, table.num_rows, tuple(files), perf_counter() - start)


def write_servers(spec: FleetSpec, target: Target) -> FileEntry:
    """Write one row a server."""
    table = servers_table(spec)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    LocalStore(target.path).put(SERVERS_NAME, data := sink.getvalue())
    return FileEntry.of(SERVERS_NAME, data, table.num_rows, (0, spec.fleet.servers - 1))


def join_csv(parts: Sequence[FileEntry], target: Target) -> FileEntry:
    """Put the CSV.gz parts together, in their order, under one header; the parts are gone then."""
    store = LocalStore(target.path)
    store.join(CSV_NAME, encode_header(), [part.path for part in parts])
    for part in parts:
        store.remove(part.path)
    store.path(parts[0].path).parent.rmdir()
    return FileEntry(
        path=CSV_NAME,
        rows=sum(part.rows for part in parts),
        bytes=store.path(CSV_NAME).stat().st_size,
        sha256=store.digest(CSV_NAME),
        servers=(parts[0].servers[0], parts[-1].servers[1]),
    )
