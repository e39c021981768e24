"""Who is in the fleet: how many servers of each archetype, their names and their business metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.model.holidays import UNITED_STATES
from dask_synth.model.life import Company
from dask_synth.model.seeds import Purpose, generator

MIN_ID_DIGITS = 3
ID_PREFIX = "server_"
DRAW_SERVERS = 1 << 16
"""How many servers' metadata are drawn at once: a large fleet's numbers never stand in memory together."""

ALONE = -1
"""Stands in a pool's place where a server is on its own."""

Ints = npt.NDArray[np.int64]
Weights = tuple[tuple[str, float], ...]
"""Values with their weights, in order; weights need not sum to 1."""


class Block(NamedTuple):
    """The contiguous servers of one archetype: indices start, ..., stop - 1."""

    archetype: str
    start: int
    stop: int


@dataclass(frozen=True)
class Place:
    """Where servers of a region stand in time.

    Attributes
    ----------
    timezone
        As the time zone database names it, such as ``Europe/Berlin``, or whole hours ahead of UTC; None: UTC.
    holidays
        Country, or country and subdivision, whose public holidays it keeps, such as ``DE`` or ``US-NY``; None: the US.
    """

    timezone: str | int | None = None
    holidays: str | None = None


@dataclass(frozen=True)
class Fleet:
    """The servers and what can be said of them without looking at time.

    Attributes
    ----------
    servers
        Number of servers.
    mix
        Share of each archetype, in the order of their blocks.
    business_units, criticalities, regions
        Values with weights.
    places
        Where each of the regions stands in time, in their order; empty: all keep UTC and the US holidays.
    company
        How servers go together, or None: each is on its own.
    """

    servers: int
    mix: Weights
    business_units: Weights
    criticalities: Weights
    regions: Weights
    places: tuple[Place, ...] = ()
    company: Company | None = None

    def blocks(self) -> list[Block]:
        """Return each archetype's servers, in the order of the mix; archetypes without servers are left out."""
        counts = archetype_counts(self.servers, dict(self.mix))
        stops = np.cumsum(list(counts.values())).tolist()
        blocks = [Block(name, stop - count, stop) for (name, count), stop in zip(counts.items(), stops, strict=True)]
        return [block for block in blocks if block.stop > block.start]

    def categories(self) -> dict[str, list[str]]:
        """Return the full list of values of each categorical column."""
        columns = {
            "business_unit": self.business_units,
            "criticality": self.criticalities,
            "region": self.regions,
            "server_type": self.mix,
        }
        return {column: [value for value, _ in weights] for column, weights in columns.items()}

    @property
    def calendars(self) -> tuple[str, ...]:
        """Whose holidays each region keeps, in their order; empty where nothing but the US is asked for."""
        asked = any(place.holidays for place in self.places)
        return tuple(place.holidays or UNITED_STATES for place in self.places) if asked else ()

    def server_ids(self, start: int, stop: int) -> list[str]:
        """Return the ids of servers start, ..., stop - 1, all equally wide."""
        width = self.id_digits
        return [f"{ID_PREFIX}{server:0{width}d}" for server in range(start, stop)]

    @property
    def id_digits(self) -> int:
        """How many digits each id has."""
        return max(MIN_ID_DIGITS, len(str(self.servers - 1)))

    def pools(self, seed: int, start: int, stop: int) -> Ints:
        """Return the first server of the pool that each of servers start, ..., stop - 1 is in, or ALONE.

        Groups are cut from the first server of each archetype's block; the last may be smaller, down to two servers.
        """
        pools = np.full(stop - start, ALONE)
        if self.company is None or not self.company.pools:
            return pools
        size = self.company.size
        for block in self.blocks():
            skipped = max(start - block.start, 0) // size * size
            for first in range(block.start + skipped, min(stop, block.stop), size):
                last = min(first + size, block.stop)
                if last - first > 1 and generator(seed, Purpose.GROUP, first).random() < self.company.pools:
                    pools[max(first - start, 0) : max(last - start, 0)] = first
        return pools

    def metadata_codes(self, seed: int, start: int, stop: int) -> dict[str, npt.NDArray[np.int8]]:
        """Return the categories of servers start, ..., stop - 1, as positions in :meth:`categories`.

        Servers of a pool have those that are drawn for its first.
        """
        if self.company is None or start == stop:
            return self._drawn_codes(seed, start, stop)
        pools = self.pools(seed, start, stop)
        # A pool may begin before `start`, and no other does.
        first = int(pools[0]) if pools[0] >= 0 else start
        source = np.where(pools >= 0, pools, np.arange(start, stop)) - first
        return {column: codes[source] for column, codes in self._drawn_codes(seed, first, stop).items()}

    def _drawn_codes(self, seed: int, start: int, stop: int) -> dict[str, npt.NDArray[np.int8]]:
        """Draw categories. A server's three numbers follow the last one's, so the fleet's size does not change them."""
        stream = generator(seed, Purpose.METADATA)
        # One raw number a uniform: those of the servers before are passed over, not kept.
        stream.bit_generator.random_raw(3 * start, output=False)
        columns = {"business_unit": self.business_units, "criticality": self.criticalities, "region": self.regions}
        codes = {column: np.empty(stop - start, np.int8) for column in columns}
        for first in range(0, stop - start, DRAW_SERVERS):
            uniform = stream.random((min(DRAW_SERVERS, stop - start - first), 3))
            for position, (column, weights) in enumerate(columns.items()):
                codes[column][first : first + len(uniform)] = weighted_choice(uniform[:, position], weights)
        return codes

    def app_names(self, business_unit_codes: Sequence[int], start: int, pools: Ints | None = None) -> list[str]:
        """Return ``{business_unit}-app-{server index}`` for servers from `start` on; a pool's is its first server's.

        `pools` are those of these servers, as :meth:`pools` has them; without, each is on its own.
        """
        units = [value for value, _ in self.business_units]
        servers = np.arange(start, start + len(business_unit_codes))
        named = servers if pools is None else np.where(pools < 0, servers, pools)
        return [f"{units[code]}-app-{server}" for code, server in zip(business_unit_codes, named.tolist(), strict=True)]


def archetype_counts(servers: int, mix: Mapping[str, float]) -> dict[str, int]:
    """Return floor(servers * share) for each archetype; what is left over goes to the largest share.

    Shares count as the decimal numbers that were written: 0.15 * 20 is 3, although the float product is 2.99...
    """
    counts = {name: math.floor(servers * Fraction(str(share))) for name, share in mix.items()}
    largest = max(mix, key=lambda name: mix[name])
    counts[largest] += servers - sum(counts.values())
    return counts


def weighted_choice(uniform: npt.NDArray[np.float64], weights: Weights) -> npt.NDArray[np.int8]:
    """Map uniforms in [0, 1) to positions in `weights`, by the inverse of the cumulative distribution."""
    steps = np.cumsum([weight for _, weight in weights])
    codes = np.searchsorted(steps[:-1] / steps[-1], uniform, side="right")
    return codes.astype(np.int8)
