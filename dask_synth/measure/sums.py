"""Sums of a fleet: small tables that add up, whatever the rows are split into.

Sums are of whole hundredths, as 64-bit floats: below 2 ** 53 they are exact, so neither order nor partitions show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations_with_replacement
from operator import add
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.measure.by_server import ByServer
from dask_synth.measure.each import NO_ONE, Each
from dask_synth.measure.picture import Binned, Picture, joined
from dask_synth.measure.ranks import NOBODY, RankedServers, RankSums
from dask_synth.measure.redraw import Redrawn
from dask_synth.model.calendar import TimeGrid
from dask_synth.storage.integrity import Finding
from dask_synth.theory.cells import is_business_hour
from dask_synth.theory.gauge import BINS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS = 24
CENT = 100.0
"""Sums are of hundredths."""

SERVER_KEYS = ("rows", "position", "square", "weight")


def pairs_of(columns: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of metric columns whose products are summed, each column with itself and with later ones."""
    return tuple(combinations_with_replacement(range(columns), 2))


@dataclass(frozen=True, eq=False)
class Sums:
    """What one archetype's metrics add up to, in hundredths.

    Attributes
    ----------
    rows
        Of each day's other hours and business hours, (days, 2).
    totals
        Sums of each column in the same, (columns, days, 2).
    products
        Sums of products of each pair of columns, in the order of :func:`pairs_of`, (pairs, days, 2).
    hour_rows, hour_totals, hour_squares
        By hour of the day, (24,), (columns, 24) and (columns, 24).
    histogram
        Number of values in each ten-thousandth of a column's range, (columns, 10,001).
    """

    rows: Floats
    totals: Floats
    products: Floats
    hour_rows: Floats
    hour_totals: Floats
    hour_squares: Floats
    histogram: Ints

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.hour_rows.sum())


@dataclass(frozen=True, eq=False)
class Servers(ByServer):
    """One row a server: how often each key came, and the sums of its metrics.

    Attributes
    ----------
    keys
        Number of rows; sum, sum of squares and weighted sum of their positions: in the order of SERVER_KEYS, (k, 4).
    totals
        The columns' sums in hundredths, (k, columns).
    """

    keys: Floats
    totals: Floats


def sums_of(binned: Binned, grid: TimeGrid) -> Sums:
    """Sum up rows of one archetype."""
    arrangement, per_day = binned.arrangement, grid.rows_per_day
    day, row = np.divmod(arrangement.times, per_day)
    hour = row * HOURS // per_day
    slot = 2 * day + is_business_hour(hour)
    pairs = pairs_of(len(binned.hundredths))
    products = {(i, j): arrangement.product_by_time(binned.hundredths[i], binned.hundredths[j]) for i, j in pairs}
    rows, *values = binned.at_times
    squares = [products[i, i] for i in range(len(values))]

    def by_slot(columns: Iterable[Floats]) -> Floats:
        return np.stack([np.bincount(slot, column, 2 * grid.days).reshape(grid.days, 2) for column in columns])

    def by_hour(columns: Iterable[Floats]) -> Floats:
        return np.stack([np.bincount(hour, column, HOURS) for column in columns])

    return Sums(
        rows=by_slot([rows])[0],
        totals=by_slot(values),
        products=by_slot(products.values()),
        hour_rows=by_hour([rows])[0],
        hour_totals=by_hour(values),
        hour_squares=by_hour(squares),
        histogram=np.stack([np.bincount(bins, minlength=BINS + 1) for bins in binned.bins]),
    )


def servers_of(arrangement: Arrangement, hundredths: Sequence[Floats], weights: Floats) -> Servers:
    """Sum up the rows of each server; what is missing counts as 0, and `weights` are those of all positions."""
    keys = arrangement.key_sums(weights)
    sums = np.stack([arrangement.by_server(values) for values in hundredths], axis=1)
    if not np.isfinite(sums).all():
        there = [np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) for values in hundredths]
        sums = np.stack([arrangement.by_server(values) for values in there], axis=1)
    seen = np.flatnonzero(keys[:, 0] > 0)
    order = seen[np.argsort(arrangement.servers[seen])]
    return Servers(arrangement.servers[order], keys[order], sums[order])


NO_SERVERS = Servers(np.empty(0, np.int64), np.empty((0, len(SERVER_KEYS))), np.empty((0, 0)))


@dataclass(frozen=True, eq=False)
class Measured:
    """All that came of some files or rows: enough for a proof, and for a picture where one was wanted.

    Attributes
    ----------
    findings
        Files that are not as they were committed.
    rows
        How many rows there were.
    faults
        What is wrong with single rows -> how often, such as ``null.cpu_p95`` or ``metadata.region``.
    examples
        The first case of each, in words.
    types
        Columns and their types where they are not the documented ones.
    sums
        Archetype -> its sums.
    servers
        Of all archetypes.
    ranks, ranked
        Archetype -> sums of its ranks, and its servers' one by one, where they are individuals.
    redrawn
        What came of drawing rows anew.
    picture
        What a picture needs besides.
    each
        Servers over time, all or some of a very large fleet, where a picture was wanted.
    """

    findings: tuple[Finding, ...] = ()
    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: Mapping[str, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    sums: Mapping[str, Sums] = field(default_factory=dict)
    servers: Servers = NO_SERVERS
    ranks: Mapping[str, RankSums] = field(default_factory=dict)
    ranked: RankedServers = NOBODY
    redrawn: Redrawn = field(default_factory=Redrawn)
    picture: Picture = field(default_factory=Picture)
    each: Each = NO_ONE

    def __add__(self, other: Self) -> Self:
        """Put what came of `other` behind this. Only `examples` looks at which rows are whose."""
        return type(self)(
            findings=self.findings + other.findings,
            rows=self.rows + other.rows,
            faults=self.faults + other.faults,
            examples={**other.examples, **self.examples},
            types=self.types | other.types,
            sums=joined(self.sums, other.sums),
            servers=self.servers + other.servers,
            ranks=joined(self.ranks, other.ranks),
            ranked=self.ranked + other.ranked,
            redrawn=self.redrawn + other.redrawn,
            picture=self.picture + other.picture,
            each=self.each + other.each,
        )

    @property
    def left_out(self) -> int:
        """Rows that are in no sums, since a value or their place in the fleet is missing."""
        return self.rows - sum(sums.count for sums in self.sums.values())


def added(parts: Iterable[Measured]) -> Measured:
    """Add up what came of files or rows, in their order."""
    return reduce(add, parts, Measured())
