"""Rows drawn anew from the seed and compared to the bit: that they are the model's, and no other's that obeys it.

Statistics prove that the model was obeyed; a stuck sensor or another server's noise can obey it as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.model.draw import Draw
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unlike:
    """One server's rows that are not what the model draws.

    Attributes
    ----------
    rows
        How many.
    position
        Of the first, in the grid.
    example
        The value that it has, and the one that is drawn.
    """

    rows: int
    position: int
    example: str

    def __add__(self, other: Self) -> Self:
        first, second = sorted((self, other), key=lambda found: found.position)
        return replace(first, rows=first.rows + second.rows)


@dataclass(frozen=True)
class Redrawn:
    """What came of drawing rows anew.

    Attributes
    ----------
    rows
        Rows that were compared.
    unlike
        Position of a server in the fleet -> its rows that differ, for those that have any.
    """

    rows: int = 0
    unlike: Mapping[int, Unlike] = field(default_factory=dict)

    def __add__(self, other: Self) -> Self:
        both = {key: self.unlike[key] + other.unlike[key] for key in self.unlike if key in other.unlike}
        return type(self)(self.rows + other.rows, {**self.unlike, **other.unlike, **both})


@dataclass(frozen=True)
class Recompute:
    """Which rows are drawn anew.

    Attributes
    ----------
    share
        Share of the servers, 0 to 1; which they are follows from their positions in the fleet.
    most_work
        Most rows that are drawn for each that is compared: a stream begins at the start, so a late slice is dear.
    """

    share: float = 0.0
    most_work: float = math.inf


NOT_AT_ALL = Recompute()
TOGETHER = 1 << 20
"""Rows of neighbours that are drawn at once, at most."""


def redraw(spec: FleetSpec, arrangement: Arrangement, values: Mapping[str, Floats], chosen: Recompute) -> Redrawn:
    """Draw rows anew, and compare them to the bit.

    Parameters
    ----------
    spec
        What they are said to be drawn from.
    arrangement, values
        How the rows lie, and their metric columns.
    chosen
        Which of them.
    """
    total, room = Redrawn(), dict.fromkeys(values, np.empty((0, arrangement.length)))
    for draw, places in _together(spec, arrangement, chosen):
        first = int(arrangement.servers[places[0]])
        if len(next(iter(room.values()))) < len(places):
            room = {name: np.empty((len(places), arrangement.length)) for name in values}
        drawn = {name: column[: len(places)] for name, column in room.items()}
        draw.write(range(first, first + len(places)), drawn, arrangement.first)
        for row, place in enumerate(places):
            rows, positions = arrangement.rows_of(place)
            mine = {name: of_all[rows] for name, of_all in values.items()}
            whole = isinstance(rows, slice)
            should = {name: column[row] if whole else column[row, positions] for name, column in drawn.items()}
            total += _compared(first + row, mine, should, positions + arrangement.first)
    return total


def _together(spec: FleetSpec, arrangement: Arrangement, chosen: Recompute) -> Iterator[tuple[Draw, list[int]]]:
    """Yield what draws servers, and the places of those that it draws together: what a pool shares is drawn once then.

    They are neighbours, and of one group; where they have many rows, they are drawn one by one.
    """
    blocks, company = spec.fleet.blocks(), spec.fleet.company
    draws, stops = [Draw(spec, block.archetype) for block in blocks], [block.stop for block in blocks]
    size = company.size if company else 1

    def neighbours(counted: tuple[int, int]) -> tuple[int, int, int]:
        number, place = counted
        server = int(arrangement.servers[place])
        block = int(np.searchsorted(stops, server, side="right"))
        return block, (server - blocks[block].start) // size, server - number

    most = max(1, TOGETHER // arrangement.length)
    for (block, *_), run in groupby(enumerate(_chosen(arrangement, chosen)), key=neighbours):
        places = [place for _, place in run]
        for first in range(0, len(places), most):
            yield draws[block], places[first : first + most]


def _chosen(arrangement: Arrangement, chosen: Recompute) -> list[int]:
    """Return the places of the servers that are picked, have rows, and are not too dear."""
    stop = arrangement.first + arrangement.length
    places = np.flatnonzero(picked(arrangement.servers, chosen.share)).tolist()
    rows = {place: len(arrangement.rows_of(place)[1]) for place in places}
    return [place for place in places if rows[place] and stop <= chosen.most_work * rows[place]]


def picked(servers: Ints, share: float) -> npt.NDArray[np.bool_]:
    """Return which servers are drawn anew: spread over the fleet by the golden ratio's multiples, whatever its size."""
    spread = (servers.astype(np.uint64) + np.uint64(1)) * np.uint64(11400714819323198485)
    return np.asarray(spread <= np.uint64(min(int(share * 2**64), 2**64 - 1))) & (share > 0)


def _compared(server: int, values: Mapping[str, Floats], drawn: Mapping[str, Floats], positions: Ints) -> Redrawn:
    """Compare one server's rows, at these positions of the grid, with what is drawn for them."""
    if all(np.array_equal(values[name], column) for name, column in drawn.items()):
        return Redrawn(len(positions))
    wrong = np.stack([values[name] != column for name, column in drawn.items()])
    rows = np.flatnonzero(wrong.any(axis=0))
    first = rows[np.argmin(positions[rows])]
    name = list(drawn)[int(np.argmax(wrong[:, first]))]
    example = f"{name} {values[name][first]:.10g}, drawn {drawn[name][first]:.10g}"
    return Redrawn(len(positions), {server: Unlike(len(rows), int(positions[first]), example)})
