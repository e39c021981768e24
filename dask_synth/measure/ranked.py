"""One server's rows, ranked by its own law: what they come to, and which of them lie above their median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.arrangement import Arrangement
from dask_synth.theory.individual import Server, Side
from dask_synth.theory.ranks import evenly
from dask_synth.theory.sides import typical

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int16]

BLOCK_ROWS = 1 << 16
"""Rows that are ranked at a time: short work on less would leave two threads waiting for each other."""


class Told(NamedTuple):
    """What is kept of a server: its law, rows, sums of ranks and of their squares, typical means, and what is free."""

    server: Server
    rows: float
    sums: list[float]
    typical: list[Floats]
    free: list[bool]


@dataclass(frozen=True, eq=False)
class Ranked:
    """One server's rows over a part's reach: 0 where it has none.

    Attributes
    ----------
    server
        Its law.
    there
        1 where it has a row.
    whole
        Whether it has all of them.
    ranks
        Of each column, (columns, reach).
    sides
        1 above the median, -1 below, 0 where that does not show, (columns, reach).
    clear
        Where it shows: 1, else 0; None: everywhere, in each column.
    free
        Which columns are hardly ever at a bound.
    blur
        Squares of what ranks were drawn from, (columns,).
    """

    server: Server
    there: Whole
    whole: bool
    ranks: Whole
    sides: Singles
    clear: list[Singles | None]
    free: list[bool]
    blur: Floats

    @classmethod
    def of(cls, server: Server, columns: Sequence[Floats], arrangement: Arrangement, positions: Ints) -> Self:
        """Rank a server's rows."""
        length, first = arrangement.length, arrangement.first
        ranks = np.zeros((len(columns), length), np.int16)
        blur = np.zeros(len(columns))
        ends = [(float(mean.min()), float(mean.max())) for mean in server.mean]
        exact = [noise.coarse(low) for noise, (low, _) in zip(server.noise, ends, strict=True)]
        run = len(positions) == int(positions[-1] - positions[0]) + 1 and bool((np.diff(positions) == 1).all())
        for start in range(0, len(positions), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            there = positions[block]
            # Neighbouring rows are views of what they are taken from.
            rows = slice(int(there[0]), int(there[-1]) + 1) if run else there
            times = slice(rows.start + first, rows.stop + first) if isinstance(rows, slice) else rows + first
            for k, even in enumerate(evenly(server.index, len(columns), there + first)):
                noise = server.noise[k]
                ranks[k, rows], lot = noise.ranks(columns[k][block], server.mean[k][times], even, exact[k])
                blur[k] += lot
        sides = np.sign(ranks).astype(np.float32)
        clear: list[Singles | None] = []
        whole = len(positions) == length
        for k, noise in enumerate(server.noise):
            if whole and noise.clear(np.array(ends[k])).all():
                clear.append(None)
                continue
            sides[k] *= noise.clear(server.mean[k][first : first + length])
            clear.append(np.abs(sides[k]))
        row = np.zeros(length, np.int16)
        row[positions] = 1
        free = [noise.free(*of) for noise, of in zip(server.noise, ends, strict=True)]
        return cls(server, row, whole, ranks, sides, clear, free, blur)

    def products(self, sides: Sequence[Side], near: Ranked | None) -> list[tuple[float, float]]:
        """Return the sum of each product of sides, and of how many; `near` is the server before."""
        found = []
        for side in sides:
            if side.neighbour and near is None:
                found.append((0.0, 0.0))
                continue
            other = near if side.neighbour and near else self
            end = max(self.ranks.shape[1] - side.lag, 0)
            count = _count(other.clear[side.first], self.clear[side.second], side.lag, end)
            # Whole numbers below 2 ** 24: exact in any order.
            total = _dot(other.sides[side.first, :end], self.sides[side.second, side.lag :])
            found.append((total, count))
        return found

    def told(self) -> Told:
        """Return what is kept of it."""
        wide = self.ranks.astype(np.float64)
        sums = [*wide.sum(axis=1).tolist(), *(_dot(rank, rank) for rank in wide)]
        means = [typical(noise, mean) for noise, mean in zip(self.server.noise, self.server.mean, strict=True)]
        return Told(self.server, float(self.there.sum()), sums, means, self.free)


def _count(first: Singles | None, second: Singles | None, lag: int, end: int) -> float:
    """Return in how many rows two sides show, the second so many rows later."""
    if first is None:
        return float(end if second is None else second[lag:].sum())
    return float(first[:end].sum()) if second is None else _dot(first[:end], second[lag:])


def _dot(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Return a dot product without BLAS, whose threads wait for each other in every task longer than they work."""
    return float(np.einsum("i,i->", first, second))
