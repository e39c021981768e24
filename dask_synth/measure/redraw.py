"""Rows drawn anew from the seed and compared to the bit: that they are the model's, and no other's that obeys it.

Statistics prove that the model was obeyed; a stuck sensor or another server's noise can obey it as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.model.metrics import Baseline, server_metrics
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
    stop = arrangement.first + arrangement.length
    blocks, baselines = spec.fleet.blocks(), dict[str, Baseline]()
    drawn = {name: np.empty(arrangement.length) for name in values}
    total = Redrawn()
    for place in np.flatnonzero(picked(arrangement.servers, chosen.share)).tolist():
        server, (rows, positions) = int(arrangement.servers[place]), arrangement.rows_of(place)
        if not len(positions) or stop > chosen.most_work * len(positions):
            continue
        archetype = next(block.archetype for block in blocks if block.start <= server < block.stop)
        if archetype not in baselines:
            baselines[archetype] = _until(spec.baseline(archetype), stop)
        server_metrics(baselines[archetype], spec.seed, server, drawn, arrangement.first)
        mine = {name: of_all[rows] for name, of_all in values.items()}
        should = drawn if isinstance(rows, slice) else {name: column[positions] for name, column in drawn.items()}
        total += _compared(server, mine, should, positions + arrangement.first)
    return total


def picked(servers: Ints, share: float) -> npt.NDArray[np.bool_]:
    """Return which servers are drawn anew: spread over the fleet by the golden ratio's multiples, whatever its size."""
    spread = (servers.astype(np.uint64) + np.uint64(1)) * np.uint64(11400714819323198485)
    return np.asarray(spread <= np.uint64(min(int(share * 2**64), 2**64 - 1))) & (share > 0)


def _until(baseline: Baseline, stop: int) -> Baseline:
    return replace(baseline, mean={name: mean[:stop] for name, mean in baseline.mean.items()})


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
