"""First-order recursions ``y(t) = decay * y(t - 1) + e(t)`` over blocks of rows, with the same bits on every machine.

Additions one after the other and multiplications, nothing fused: a filter's loop is compiled with fused multiply-adds
on some processors, and moves its last bits there. Two metrics ride in one complex number, which halves the wait for
the addition before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.metrics import BLOCK_ROWS

Floats = npt.NDArray[np.float64]

REACH = 300.0
"""A piece's powers of the decay go down to exp(-300): far from what a float cannot hold."""


@dataclass(frozen=True, eq=False)
class Scan:
    """One decay, and its powers over a piece.

    A block's rows fall into pieces of `piece` rows, counted from its first row. Each is ``decay ** t * (sum of e(s)
    decay ** -s)``. Where a block has several, a piece forgets what came before the last one to less than exp(-150).

    Attributes
    ----------
    decay
        In (0, 1).
    piece
        A power of two.
    up, down
        ``decay ** -t`` and ``decay ** t`` at each row of a piece, twice: once a metric of a pair.
    """

    decay: float
    piece: int
    up: Floats
    down: Floats

    @classmethod
    def of(cls, decay: float) -> Self:
        """Multiply out the powers of a decay."""
        longest = min(BLOCK_ROWS, int(REACH / -math.log(decay)))
        piece = 1 << (longest.bit_length() - 1)
        return cls(decay, piece, _powers(1.0 / decay, piece), _powers(decay, piece))

    def run(self, innovations: Floats, before: Floats, out: Floats) -> Floats:
        """Write ``y(t) / decay ** t``, t counted in the piece, of one block into `out`; return the last row's y.

        Parameters
        ----------
        innovations
            Pairs of metrics, rows, the two of a pair; at most a block of rows.
        before
            y of the row before, by pair and metric.
        out
            Of the shape of `innovations`; :meth:`times` makes y of it.
        """
        rows = innovations.shape[1]
        whole = rows - rows % self.piece
        for start, stop in ((0, whole), (whole, rows)):
            if start < stop:
                before = self._pieces(innovations[:, start:stop], before, out[:, start:stop])
        return before

    def times(self, weights: Floats, rows: int) -> Floats:
        """Return what makes y, times a weight for each pair and metric, of the first rows that :meth:`run` writes."""
        pieces = -(-rows // self.piece)
        down = np.tile(self.down, pieces).reshape(-1, 2)[:rows]
        return np.asarray(weights[:, None, :] * down)

    def _pieces(self, innovations: Floats, before: Floats, out: Floats) -> Floats:
        pairs, rows, _ = innovations.shape
        length = min(rows, self.piece)
        shape = (pairs, rows // length, length)
        scaled = out.reshape(*shape[:2], 2 * length)
        np.multiply(innovations.reshape(scaled.shape), self.up[: 2 * length], out=scaled)
        both, end = scaled.view(np.complex128), self.down[2 * length - 1]
        if self.piece == BLOCK_ROWS:
            scaled[:, 0, :2] += before * self.decay
        np.add.accumulate(both, axis=2, out=both)
        if self.piece < BLOCK_ROWS:
            # What a piece hands on is its sum alone, so all of them are summed at once.
            carried = np.concatenate([before[:, None], scaled[:, :-1, -2:] * end], axis=1) * self.decay
            both += carried.view(np.complex128)
        return np.asarray(scaled[:, -1, -2:] * end)


def _powers(base: float, count: int) -> Floats:
    steps = np.full(count, base)
    steps[0] = 1.0
    return np.repeat(np.multiply.accumulate(steps), 2)
