"""Sums of ranks: what rows of servers that are individuals come to, each held against its own law.

A rank is uniform whoever the server is, so that its sums need no expectation of their own; sides of the median show what
goes together. Sums of ranks are of whole numbers, exact in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import HOURS, is_business_hour
from dask_synth.theory.individual import Kin, Server, Side, servers_of, sides_of
from dask_synth.theory.paths import WEEK
from dask_synth.theory.ranks import evenly
from dask_synth.theory.scores import EDGES, TOP
from dask_synth.theory.sides import Medians, apart, together, typical

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int16]

CLASSES = len(EDGES) + 1
BLOCK_ROWS = 8192
"""Rows that are ranked at a time: their arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class RankSums:
    """What the ranks of one archetype add up to.

    Attributes
    ----------
    rows
        Of each day's other hours and business hours, (days, 2).
    ranks, squares
        Sums of ranks and of their squares in the same, (columns, days, 2).
    hour_rows, hour_ranks
        By hour of the day, (24,) and (columns, 24).
    classes
        Ranks in each twentieth, (columns, 20).
    week
        Rows, and ranks of each column, by region, by whether its clock is ahead, and by UTC hour of the week,
        (1 + columns, regions, 2, 168).
    first
        Rows, and squares of each column, at the grid's first row, (1 + columns,).
    """

    rows: Floats
    ranks: Floats
    squares: Floats
    hour_rows: Floats
    hour_ranks: Floats
    classes: Floats
    week: Floats
    first: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True, eq=False)
class RankedServers:
    """One row a server that is an individual.

    Attributes
    ----------
    index
        Places in the fleet, ascending, (k,).
    rows
        Rows of each, (k,).
    ranks
        Sums of ranks, then of their squares, (k, 2 * columns).
    sides
        Products of sides, what they must come to, and how many there are, (k, 3, products).
    """

    index: Ints
    rows: Floats
    ranks: Floats
    sides: Floats

    def __add__(self, other: Self) -> Self:
        if not (len(self.index) and len(other.index)):
            return self if len(self.index) else other
        index, where = np.unique(np.concatenate([self.index, other.index]), return_inverse=True)
        added = []
        for mine, theirs in zip(
            (self.rows, self.ranks, self.sides), (other.rows, other.ranks, other.sides), strict=True
        ):
            total = np.zeros((len(index), *mine.shape[1:]))
            np.add.at(total, where, np.concatenate([mine, theirs]))
            added.append(total)
        return type(self)(index, *added)


NOBODY = RankedServers(np.empty(0, np.int64), np.empty(0), np.empty((0, 0)), np.empty((0, 3, 0)))


class _Tally:
    """Sums over servers, at each row of a part's reach."""

    def __init__(self, kin: Kin, arrangement: Arrangement) -> None:
        self.columns, self.length = len(kin.spec.metrics.columns), arrangement.length
        self.by_region = dict[int, tuple[Ints, npt.NDArray[np.int32]]]()
        self.squares = np.zeros((self.columns, self.length))
        self.classes = np.zeros((self.columns, CLASSES))

    def add(self, region: int, ranked: _Ranked) -> None:
        """Add one server's ranks."""
        there = ranked.there
        if region not in self.by_region:
            shape = (self.columns, self.length)
            self.by_region[region] = (np.zeros(self.length, np.int64), np.zeros(shape, np.int32))
        rows, sums = self.by_region[region]
        rows += there
        for k, rank in enumerate(ranked.ranks):
            sums[k] += rank
            self.squares[k] += np.square(rank, dtype=np.float32)
            seen = rank[rank != 0] if not there.all() else rank
            self.classes[k] += np.bincount((seen + np.int16(TOP)) // (2 * TOP // CLASSES), minlength=CLASSES)


def rank_rows(
    arrangement: Arrangement, columns: Sequence[Floats], spec: FleetSpec, archetype: str
) -> tuple[RankSums, RankedServers]:
    """Rank the rows of an archetype's servers, and sum them up.

    Parameters
    ----------
    arrangement, columns
        How the rows lie, and their metric columns.
    spec, archetype
        What they are said to be drawn from.
    """
    kin = Kin.of(spec, archetype)
    sides = sides_of(spec.metrics, spec.grid.rows_per_day)
    tally, found = _Tally(kin, arrangement), list[_Ranked]()
    products, before = list[Floats](), None
    for place, server in _laws(kin, arrangement):
        rows, positions = arrangement.rows_of(place)
        ranked = _Ranked.of(server, kin, [column[rows] for column in columns], (arrangement, positions))
        tally.add(server.region, ranked)
        near = before if before and before.server.index == server.index - 1 else None
        products.append(np.array([ranked.product(side, near) for side in sides]))
        found.append(ranked.told())
        before = ranked
    if not found:
        return _summed(tally, kin, arrangement), NOBODY
    expected = _expected(found, sides, kin) * (counts := np.stack(products)[:, :, 1])
    each = RankedServers(
        index=np.array([one.server.index for one in found]),
        rows=np.array([one.rows for one in found]),
        ranks=np.array([one.sums for one in found]),
        sides=np.stack([np.stack(products)[:, :, 0], expected, counts], axis=1),
    )
    return _summed(tally, kin, arrangement), each


def _expected(found: Sequence[_Told], sides: Sequence[Side], kin: Kin) -> Floats:
    """Return what the mean of each product of sides must be, (servers, sides)."""
    medians = [
        Medians.of([one.server.noise[k] for one in found], np.stack([one.typical[k] for one in found]))
        for k in range(len(kin.spec.metrics.columns))
    ]
    pools, index = (np.array([getattr(one.server, name) for one in found]) for name in ("pool", "index"))
    same = (pools >= 0) & (np.roll(pools, 1) == pools) & (np.roll(index, 1) == index - 1)
    columns = []
    for side in sides:
        first, second, correlation = medians[side.first], medians[side.second], kin.side_correlation(side)
        if side.neighbour:
            alike, alone = (apart(first.after(), second, of) for of in (correlation, 0.0))
            columns.append(np.where(same, alike, alone))
        else:
            columns.append((apart if side.lag else together)(first, second, correlation))
    return np.stack(columns, axis=1)


def _laws(kin: Kin, arrangement: Arrangement) -> Iterator[tuple[int, Server]]:
    """Yield the place and the law of each server, neighbours after each other."""
    places = np.argsort(arrangement.servers, kind="stable")
    places = places[[len(arrangement.rows_of(int(place))[1]) > 0 for place in places]]
    servers = arrangement.servers[places]
    for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(servers) != 1) + 1):
        if len(run):
            laws = servers_of(kin, int(servers[run[0]]), int(servers[run[-1]]) + 1)
            yield from zip(places[run].tolist(), laws, strict=True)


class _Told(NamedTuple):
    """What is kept of a server: its law, rows, sums of ranks and of their squares, and typical means of each column."""

    server: Server
    rows: float
    sums: list[float]
    typical: list[Floats]


@dataclass(frozen=True, eq=False)
class _Ranked:
    """One server's rows over a part's reach: 0 where it has none.

    Attributes
    ----------
    server
        Its law.
    there
        1 where it has a row.
    ranks, sides
        Of each column.
    """

    server: Server
    there: Whole
    ranks: list[Whole]
    sides: list[Singles]
    typical: list[Floats]

    @classmethod
    def of(cls, server: Server, kin: Kin, columns: Sequence[Floats], where: tuple[Arrangement, Ints]) -> Self:
        """Rank a server's rows."""
        arrangement, positions = where
        reach = slice(arrangement.first, arrangement.first + arrangement.length)
        there = np.zeros(arrangement.length, np.int16)
        there[positions] = 1
        one = cls(server, there, [], [], [])
        for k, (shown, noise) in enumerate(zip(kin.spec.metrics.columns, server.noise, strict=True)):
            mean = server.mean[shown.metric] if shown.scale == 1.0 else server.mean[shown.metric] * shown.scale
            rank = np.zeros(arrangement.length, np.int16)
            for start in range(0, len(positions), BLOCK_ROWS):
                rows = positions[start : start + BLOCK_ROWS]
                times = rows + arrangement.first
                even = evenly(server.index, k, times)
                rank[rows] = noise.ranks(columns[k][start : start + BLOCK_ROWS], mean[times], even)
            side = np.sign(rank).astype(np.float32)
            if not noise.clear(np.array([mean.min(), mean.max()])).all():
                side *= noise.clear(mean[reach])
            one.ranks.append(rank)
            one.sides.append(side)
            one.typical.append(typical(noise, mean))
        return one

    def product(self, side: Side, near: _Ranked | None) -> tuple[float, float]:
        """Return the sum of a product of sides, and of how many."""
        if side.neighbour and near is None:
            return 0.0, 0.0
        first, second = (near if side.neighbour and near else self).sides[side.first], self.sides[side.second]
        if side.lag:
            first, second = first[: -side.lag], second[side.lag :]
        # Whole numbers below 2 ** 24: exact in any order.
        return float(np.dot(first, second)), float(np.dot(np.abs(first), np.abs(second)))

    def told(self) -> _Told:
        """Return what is kept of it."""
        sums = [float(rank.sum(dtype=np.int64)) for rank in self.ranks]
        sums += [float(np.square(rank, dtype=np.int64).sum()) for rank in self.ranks]
        return _Told(self.server, float(self.there.sum()), sums, self.typical)


def _summed(tally: _Tally, kin: Kin, arrangement: Arrangement) -> RankSums:
    grid, columns = kin.spec.grid, tally.columns
    day, row = np.divmod(arrangement.times, grid.rows_per_day)
    hour = row * HOURS // grid.rows_per_day
    slot = 2 * day + is_business_hour(hour)
    of_week = (grid.start.weekday() + day) % 7 * HOURS + hour
    regions = len(kin.spec.fleet.regions)
    week = np.zeros((1 + columns, regions, 2, WEEK))
    by_time = np.zeros((1 + columns, tally.length))
    for region, (rows, sums) in tally.by_region.items():
        later = kin.paths.clocks[region].later[arrangement.times]
        place = later * WEEK + of_week
        of_region = np.concatenate([rows[None], sums]).astype(float)
        by_time += of_region
        for k, values in enumerate(of_region):
            week[k, region] = np.bincount(place, values, 2 * WEEK).reshape(2, WEEK)

    def by_slot(values: Floats) -> Floats:
        return np.stack([np.bincount(slot, one, 2 * grid.days).reshape(grid.days, 2) for one in values])

    first = np.concatenate([by_time[:1, 0], tally.squares[:, 0]]) if arrangement.first == 0 else np.zeros(1 + columns)
    hours = np.stack([np.bincount(hour, one, HOURS) for one in by_time])
    slots = by_slot(by_time)
    return RankSums(slots[0], slots[1:], by_slot(tally.squares), hours[0], hours[1:], tally.classes, week, first)
