"""Sums of ranks: what rows of servers that are individuals come to, each held against its own law.

A rank is uniform whoever the server is, so that its sums need no expectation of their own; sides of the median show
what goes together. Sums of ranks are of whole numbers, exact in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.measure.by_server import ByServer
from dask_synth.measure.expectation import expected_rows
from dask_synth.measure.ranked import Ranked, Told
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import HOURS, is_business_hour
from dask_synth.theory.individual import Server, SharedLaw, Side, servers_of, sides_of
from dask_synth.theory.paths import WEEK
from dask_synth.theory.scores import EDGES, TOP
from dask_synth.theory.sides import Medians, apart, together

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLASSES = np.rint(np.array(EDGES) * TOP).astype(np.int64)
"""Where classes of ranks begin but the first, as whole parts."""


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
        Ranks between quantiles, (columns, quantiles + 1).
    free_days
        Rows and ranks of each column of servers that are free of bounds, by region and day,
        (2, columns, regions, days).
    week
        Rows and ranks of each column of servers that are free of bounds, by region, by whether its clock is ahead, and
        by UTC hour of the week, (2, columns, regions, 2, 168).
    first
        Rows, and squares of each column, at the grid's first row, (1 + columns,).
    blur
        Of the same servers: squares of what ranks were drawn from, by region, (columns, regions).
    expected
        Sums of what values are on average, in EXACT parts of the unit, where a picture is wanted, (columns, days).
    """

    rows: Floats
    ranks: Floats
    squares: Floats
    hour_rows: Floats
    hour_ranks: Floats
    classes: Floats
    free_days: Floats
    week: Floats
    first: Floats
    blur: Floats
    expected: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True, eq=False)
class RankedServers(ByServer):
    """One row a server that is an individual.

    Attributes
    ----------
    rows
        Rows of each, (k,).
    ranks
        Sums of ranks, then of their squares, (k, 2 * columns).
    sides
        Products of sides, what they must come to, and how many there are, (k, 3, products).
    free
        Parts in which a column's values hardly ever are a bound, (k, columns): none or all of them.
    """

    rows: Floats
    ranks: Floats
    sides: Floats
    free: Floats


NOBODY = RankedServers(np.empty(0, np.int64), np.empty(0), np.empty((0, 0)), np.empty((0, 3, 0)), np.empty((0, 0)))


class _Tally:
    """Sums over servers, at each row of a part's reach."""

    def __init__(self, law: SharedLaw, arrangement: Arrangement) -> None:
        self.shown = law.spec.metrics.columns
        self.columns, self.length = len(self.shown), arrangement.length
        self.by_region = dict[int, npt.NDArray[np.int32]]()
        self.rows = np.zeros(self.length, np.int32)
        self.ranks = np.zeros((self.columns, self.length), np.int32)
        self.squares = np.zeros((self.columns, self.length), np.int64)
        self.classes = np.zeros((self.columns, TOP), np.int64)
        self.blur = np.zeros((self.columns, len(law.spec.fleet.regions)))
        self.expected = np.zeros((self.columns, self.length))

    def add(self, region: int, ranked: Ranked) -> None:
        """Add one server's ranks."""
        there = ranked.there
        if region not in self.by_region:
            self.by_region[region] = np.zeros((2, self.columns, self.length), np.int32)
        week = self.by_region[region]
        self.rows += there
        self.blur[:, region] += ranked.blur * ranked.free
        self.ranks += ranked.ranks
        for k, rank in enumerate(ranked.ranks):
            if ranked.free[k]:
                week[0, k] += there
                week[1, k] += rank
            self.squares[k] += np.square(rank, dtype=np.int32)
            seen = rank if ranked.whole else rank[there > 0]
            self.classes[k] += np.bincount((seen + np.int16(TOP)) >> 1, minlength=TOP)

    def expect(self, ranked: Ranked, reach: slice) -> None:
        """Add what one server's values are on average."""
        for k, values in enumerate(expected_rows(ranked.server, self.shown, reach)):
            self.expected[k] += values if ranked.whole else values * ranked.there


def rank_rows(
    arrangement: Arrangement, columns: Sequence[Floats], spec: FleetSpec, archetype: str, *, expect: bool = False
) -> tuple[RankSums, RankedServers]:
    """Rank the rows of an archetype's servers, and sum them up.

    Parameters
    ----------
    arrangement, columns
        How the rows lie, and their metric columns.
    spec, archetype
        What they are said to be drawn from.
    expect
        Whether to add up what values are on average as well.
    """
    law = SharedLaw.of(spec, archetype)
    sides = sides_of(spec.metrics, spec.grid.rows_per_day)
    tally, found = _Tally(law, arrangement), list[Told]()
    products, before = list[Floats](), None
    for place, server in _laws(law, arrangement):
        rows, positions = arrangement.rows_of(place)
        ranked = Ranked.of(server, [column[rows] for column in columns], arrangement, positions)
        tally.add(server.region, ranked)
        if expect:
            tally.expect(ranked, slice(arrangement.first, arrangement.first + arrangement.length))
        near = before if before and before.server.index == server.index - 1 else None
        products.append(np.array(ranked.products(sides, near)))
        found.append(ranked.told())
        before = ranked
    if not found:
        return _summed(tally, law, arrangement), NOBODY
    expected = _expected(found, sides, law) * (counts := np.stack(products)[:, :, 1])
    each = RankedServers(
        index=np.array([one.server.index for one in found]),
        rows=np.array([one.rows for one in found]),
        ranks=np.array([one.sums for one in found]),
        sides=np.stack([np.stack(products)[:, :, 0], expected, counts], axis=1),
        free=np.array([one.free for one in found], float),
    )
    return _summed(tally, law, arrangement), each


def _expected(found: Sequence[Told], sides: Sequence[Side], law: SharedLaw) -> Floats:
    """Return what the mean of each product of sides must be, (servers, sides)."""
    medians = [
        Medians.of([one.server.noise[k] for one in found], np.stack([one.typical[k] for one in found]))
        for k in range(len(law.spec.metrics.columns))
    ]
    pools, index = (np.array([getattr(one.server, name) for one in found]) for name in ("pool", "index"))
    same = (pools >= 0) & (np.roll(pools, 1) == pools) & (np.roll(index, 1) == index - 1)
    columns = []
    for side in sides:
        first, second, correlation = medians[side.first], medians[side.second], law.side_correlation(side)
        if side.neighbour:
            alike, alone = (apart(first.after(), second, of) for of in (correlation, 0.0))
            columns.append(np.where(same, alike, alone))
        else:
            columns.append((apart if side.lag else together)(first, second, correlation))
    return np.stack(columns, axis=1)


def _laws(law: SharedLaw, arrangement: Arrangement) -> Iterator[tuple[int, Server]]:
    """Yield the place and the law of each server, neighbours after each other."""
    places = np.argsort(arrangement.servers, kind="stable")
    places = places[[len(arrangement.rows_of(int(place))[1]) > 0 for place in places]]
    servers = arrangement.servers[places]
    for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(servers) != 1) + 1):
        if len(run):
            laws = servers_of(law, int(servers[run[0]]), int(servers[run[-1]]) + 1)
            yield from zip(places[run].tolist(), laws, strict=True)


def _summed(tally: _Tally, law: SharedLaw, arrangement: Arrangement) -> RankSums:
    grid, columns = law.spec.grid, tally.columns
    day, row = np.divmod(arrangement.times, grid.rows_per_day)
    hour = row * HOURS // grid.rows_per_day
    slot = 2 * day + is_business_hour(hour)
    of_week = (grid.start.weekday() + day) % 7 * HOURS + hour
    regions = len(law.spec.fleet.regions)
    week, free_days = np.zeros((2, columns, regions, 2, WEEK)), np.zeros((2, columns, regions, grid.days))
    for region, free in tally.by_region.items():
        place = law.paths.clocks[region].later[arrangement.times] * WEEK + of_week
        for i, k in np.ndindex(2, columns):
            week[i, k, region] = np.bincount(place, free[i, k], 2 * WEEK).reshape(2, WEEK)
            free_days[i, k, region] = np.bincount(day, free[i, k], grid.days)
    by_time = np.concatenate([tally.rows[None], tally.ranks])

    def by_slot(values: npt.NDArray[np.signedinteger]) -> Floats:
        return np.stack([np.bincount(slot, one, 2 * grid.days).reshape(grid.days, 2) for one in values])

    first = np.concatenate([by_time[:1, 0], tally.squares[:, 0]]) if arrangement.first == 0 else np.zeros(1 + columns)
    hours = np.stack([np.bincount(hour, one, HOURS).astype(float) for one in by_time])
    slots = by_slot(by_time)
    return RankSums(
        rows=slots[0],
        ranks=slots[1:],
        squares=by_slot(tally.squares),
        hour_rows=hours[0],
        hour_ranks=hours[1:],
        classes=np.add.reduceat(tally.classes, np.append(0, CLASSES), axis=1).astype(float),
        free_days=free_days,
        week=week,
        first=first,
        blur=tally.blur,
        expected=np.stack([np.bincount(day, one, grid.days) for one in tally.expected]),
    )
