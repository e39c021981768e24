"""Rows to sums that can be added: what each partition of a dataset comes down to. Pure, and no Dask.

The size of a partial follows from the layout alone, never from the number of rows. Rows that lack a metric, or lie
outside the dataset's time, are counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import combinations_with_replacement
from operator import add
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dask_synth.quality.binning import BINS, Layout, bin_of
from dask_synth.quality.landed import Part
from dask_synth.schema import METRICS, PARTITION_KEY

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

COLUMNS = ("timestamp", "server_id", *METRICS, "criticality")
"""What is read of a dataset."""

BLOCK_ROWS = 1 << 17
"""Rows that are summed at a time: their columns fit the cache, and memory is used again instead of asked for."""

_Sum = TypeVar("_Sum", bound=Any)


@dataclass(frozen=True, eq=False)
class Sums:
    """One archetype's sums; the metrics are in the order of the schema.

    Attributes
    ----------
    counts
        Rows by (period, metric, bin).
    totals
        Sums by (period, metric).
    products
        Sums of products of (1, metrics) with (1, metrics).
    week
        Sums of (1, metrics) by slot of the week: (slot, 1 + metric).
    """

    counts: Counts
    totals: Floats
    products: Floats
    week: Floats

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return the sums of no rows."""
        size = len(METRICS)
        return cls(
            counts=np.zeros((layout.periods, size, BINS + 2), np.int64),
            totals=np.zeros((layout.periods, size)),
            products=np.zeros((size + 1, size + 1)),
            week=np.zeros((layout.slots, size + 1)),
        )

    def add_rows(self, metrics: list[Floats], period: Counts, slot: npt.NDArray[np.int32]) -> None:
        """Add rows, in place: their metrics, periods and slots."""
        periods, _, size = self.counts.shape
        for position, (name, values) in enumerate(zip(METRICS, metrics, strict=True)):
            cells = np.bincount(period * size + bin_of(name, values), minlength=periods * size)
            self.counts[:, position] += cells.reshape(periods, size)
            self.totals[:, position] += np.bincount(period, values, periods)
        with_ones = [np.ones(len(period)), *metrics]
        for position, values in enumerate(with_ones):
            self.week[:, position] += np.bincount(slot, values, len(self.week))
        self.products[...] += _products(with_ones)

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True, eq=False)
class Partial:
    """The sums of some rows.

    Attributes
    ----------
    archetypes
        Archetype -> its sums.
    servers
        Sampled server -> sums of (1, metrics) by period: (period, 1 + metric).
    memory
        Criticality -> rows by bin of mem_p95.
    left_out
        Rows that could not be used.
    """

    archetypes: Mapping[str, Sums] = field(default_factory=dict)
    servers: Mapping[str, Floats] = field(default_factory=dict)
    memory: Mapping[str, Counts] = field(default_factory=dict)
    left_out: int = 0

    def __add__(self, other: Self) -> Self:
        return replace(
            self,
            archetypes=_merged(self.archetypes, other.archetypes),
            servers=_merged(self.servers, other.servers),
            memory=_merged(self.memory, other.memory),
            left_out=self.left_out + other.left_out,
        )


def merge(partials: Iterable[Partial]) -> Partial:
    """Add partials up."""
    return reduce(add, partials, Partial())


def summarise(table: pa.Table, archetype: str, layout: Layout) -> Partial:
    """Sum up rows of one archetype.

    Parameters
    ----------
    table
        Holds :data:`COLUMNS`; strings are best dictionary-encoded.
    archetype
        Of all its rows.
    layout
        The axes of the sums.
    """
    sums = Sums.empty(layout)
    rest = Partial()
    for start in range(0, table.num_rows, BLOCK_ROWS):
        block = table.slice(start, BLOCK_ROWS)
        usable = _usable(block, layout)
        time, metrics = _microseconds(usable), [_floats(usable, name) for name in METRICS]
        period = layout.period_of(time)
        sums.add_rows(metrics, period, layout.slot_of(time))
        servers = _servers(usable, metrics, period, layout)
        rest += Partial({}, servers, _memory(usable), block.num_rows - usable.num_rows)
    return replace(rest, archetypes={archetype: sums})


def summarise_part(part: Part, layout: Layout) -> Partial:
    """Sum up the rows of a file; where it lacks a column there are none to be drawn."""
    needed = [*COLUMNS, *([] if part.archetype else [PARTITION_KEY])]
    if not set(needed) <= set(part.table.column_names):
        return Partial()
    if part.archetype:
        return summarise(part.table, part.archetype, layout)
    kinds = part.table.column(PARTITION_KEY).cast(pa.string())
    return merge(summarise(part.table.filter(pc.equal(kinds, name)), name, layout) for name, _ in layout.archetypes)


def _products(columns: list[Floats]) -> Floats:
    """Return the sums of products of each column with each."""
    products = np.empty((len(columns), len(columns)))
    for i, j in combinations_with_replacement(range(len(columns)), 2):
        # Not BLAS: its threads would fight with Dask's over the same cores.
        products[i, j] = products[j, i] = np.einsum("i,i->", columns[i], columns[j])
    return products


def _servers(table: pa.Table, metrics: list[Floats], period: Counts, layout: Layout) -> dict[str, Floats]:
    codes, names = _codes(table, "server_id")
    found: dict[str, Floats] = {}
    for server in {name for name, _ in layout.sample}.intersection(names):
        mine = codes == names.index(server)
        when, columns = period[mine], [np.ones(int(mine.sum())), *(values[mine] for values in metrics)]
        found[server] = np.stack([np.bincount(when, column, layout.periods) for column in columns], axis=1)
    return found


def _memory(table: pa.Table) -> dict[str, Counts]:
    codes, names = _codes(table, "criticality")
    cells = codes * (BINS + 2) + bin_of("mem_p95", _floats(table, "mem_p95"))
    counts = np.bincount(cells, minlength=len(names) * (BINS + 2)).reshape(len(names), BINS + 2)
    return {name: counts[code] for code, name in enumerate(names) if counts[code].any()}


def _usable(table: pa.Table, layout: Layout) -> pa.Table:
    """Leave out the rows with a missing value or outside the dataset's time."""
    complete = all(table.column(name).null_count == 0 for name in COLUMNS)
    table = table if complete else table.select(COLUMNS).drop_null()
    period = layout.period_of(_microseconds(table))
    keep = (period >= 0) & (period < layout.periods)
    for name in METRICS:
        keep &= np.isfinite(_floats(table, name))
    return table if keep.all() else table.filter(pa.array(keep))


def _microseconds(table: pa.Table) -> Counts:
    column = table.column("timestamp").cast(pa.timestamp("us")).cast(pa.int64())
    return np.asarray(column.to_numpy(), np.int64)


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table.column(name).to_numpy(), np.float64)


def _codes(table: pa.Table, name: str) -> tuple[Counts, list[str]]:
    """Return a text column as positions in a list of its distinct values."""
    column = table.column(name)
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    array = encoded.unify_dictionaries().combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return array.indices.to_numpy(zero_copy_only=False).astype(np.int64), array.dictionary.to_pylist()


def _merged(a: Mapping[str, _Sum], b: Mapping[str, _Sum]) -> dict[str, _Sum]:
    return {**a, **{key: a[key] + value if key in a else value for key, value in b.items()}}
