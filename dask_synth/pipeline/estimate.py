"""How large a run's files will be: a few of its rows are made and encoded, so that it holds for any model. No Dask.

A file's size is not rows times a constant: a footer costs 6 kB, and values that have come before cost little. So a
chunk that is small is encoded as it is, and one that is large is drawn out from its first rows at their last rate.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from dask_synth.pipeline.chunk import chunk_table, columns_of, servers_table
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.pipeline.write import Target, encode_servers, encoded
from dask_synth.storage.formats import FORMATS

SAMPLE_ROWS = 1 << 16
"""Rows of an archetype that are encoded, at most: by then Parquet's dictionaries are nearly full."""

FEWER_ROWS = {"csv": 1 << 13}
"""Where fewer will do: gzip forgets what is 32 kB away."""

SAMPLE_SERVERS = 1 << 12
"""Servers that are sampled, at most: one costs 40 microseconds, however few its rows."""


def estimated_sizes(plan: RunPlan) -> dict[str, int]:
    """Return the expected size of each format, and of the table of servers that every dataset has."""
    return {**estimated_bytes(plan), "servers": estimated_servers_bytes(plan)}


def estimated_bytes(plan: RunPlan) -> dict[str, int]:
    """Return the expected size of all files of each format that is asked for.

    Parameters
    ----------
    plan
        What is to be made. A sample of each archetype is, which takes about 0.1 s for each.
    """
    formats = tuple(plan.config.output.formats)
    most = {format_: FEWER_ROWS.get(format_, SAMPLE_ROWS) for format_ in formats}
    # Of one file for all rows, as in a folder; that the parts of an object store have a header each is next to nothing.
    target = Target(Path(plan.config.output.path), formats, plan.run_id, suffix="")

    def part(format_: str, table: pa.Table) -> Sized:
        data: Sized = encoded(format_, table, target)
        return data

    names = columns_of(plan.spec).names
    total = {format_: float(len(head(names))) if (head := FORMATS[format_].head) else 0.0 for format_ in formats}
    for archetype, _, _ in plan.spec.fleet.blocks():
        chunks = [chunk for chunk in plan.chunks if chunk.archetype == archetype]
        table = _sample(plan, chunks[0], max(most.values()))
        counts = Counter(map(plan.rows_of, chunks))
        for format_ in formats:
            sizes = _drawn_out(partial(part, format_), table[: most[format_]], counts)
            total[format_] += sum(count * sizes[rows] for rows, count in counts.items())
    return {format_: round(size) for format_, size in total.items()}


def estimated_servers_bytes(plan: RunPlan) -> int:
    """Return the expected size of servers.parquet, which every dataset has."""
    fleet = plan.spec.fleet
    few = replace(plan.spec, fleet=replace(fleet, servers=min(fleet.servers, SAMPLE_SERVERS)))
    return round(_drawn_out(encode_servers, servers_table(few), [fleet.servers])[fleet.servers])


def _sample(plan: RunPlan, chunk: Chunk, most: int) -> pa.Table:
    """Make a chunk's first rows: its first servers over the whole time, or where that is too long, its first days."""
    grid = plan.spec.grid
    days = min((grid.size - chunk.first_row) // grid.rows_per_day, math.ceil(most / grid.rows_per_day))
    short = replace(grid, end=grid.start + dt.timedelta(days=days - 1))
    servers = min(chunk.servers, math.ceil(most / short.size), SAMPLE_SERVERS)
    few = replace(chunk, stop=chunk.start + servers, first_row=0)
    return chunk_table(replace(plan.spec, grid=short), few)[:most]


def _drawn_out(encode: Callable[[pa.Table], Sized], sample: pa.Table, counts: Iterable[int]) -> dict[int, float]:
    """Return the size of so many rows, for each count: of the sample's first, or on from its end as its end grew."""
    sizes = {rows: float(len(encode(sample[:rows]))) for rows in counts if rows <= len(sample)}
    if more := {*counts} - {*sizes}:
        whole, before = len(encode(sample)), 3 * len(sample) // 4
        rate = (whole - len(encode(sample[:before]))) / (len(sample) - before)
        sizes |= {rows: whole + (rows - len(sample)) * rate for rows in more}
    return sizes
