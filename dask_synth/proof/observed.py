"""What was seen of one archetype, in the shapes and units of its theory: whatever rows lack, scaled up to all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dask_synth.measure.sums import CENT, Sums, pairs_of
from dask_synth.theory.theory import ArchetypeTheory

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observed:
    """One archetype's sums beside its theory.

    Attributes
    ----------
    sums
        What its rows add up to.
    theory
        What they must add up to.
    """

    sums: Sums
    theory: ArchetypeTheory

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of columns, in the order of their products."""
        return pairs_of(len(self.sums.totals))

    @cached_property
    def cell_rows(self) -> Floats:
        """Rows in each cell, (cells,)."""
        return self._cells[0]

    @property
    def cell_share(self) -> Floats:
        """Share of each cell's planned rows that there are, at least a trace, (cells,)."""
        return np.maximum(self.cell_rows / self.theory.tables.rows, 1e-12)

    @property
    def share(self) -> float:
        """Share of all planned rows that there are."""
        return float(self.cell_share[0])

    @property
    def means(self) -> Floats:
        """Mean in each cell, (columns, cells)."""
        return np.asarray(self._cells[1] / np.maximum(self.cell_rows, 1))

    @property
    def squares(self) -> Floats:
        """Mean squared distance to the gauge's centre in each cell, (columns, cells)."""
        centre, mean = self.theory.gauge.centres, self.means
        return np.asarray(self._cells[2] / np.maximum(self.cell_rows, 1) - 2 * centre * mean + centre**2)

    @property
    def contrasts(self) -> Floats:
        """By how much the means of each contrast differ, relative to the gauge, (columns, contrasts)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = self.means / self.theory.gauge.centres
        chosen = self.theory.gauge.contrasts
        return np.asarray(relative[:, [c.above for c in chosen]] - relative[:, [c.below for c in chosen]])

    @cached_property
    def slot_rows(self) -> Floats:
        """Rows in each day's other hours and business hours, (days, 2)."""
        return self.sums.rows

    @property
    def slot_share(self) -> Floats:
        """Share of each slot's planned rows that there are, (days, 2)."""
        return np.asarray(self.slot_rows / np.maximum(self.theory.slot_rows, 1))

    @cached_property
    def slot_sums(self) -> Floats:
        """Sum in each slot, (columns, days, 2)."""
        return np.asarray(self.sums.totals / CENT)

    @property
    def trend(self) -> Floats:
        """Least-squares slope a month, (columns,)."""
        lever, planned = self.theory.gauge.lever, self.theory.slot_rows.sum(axis=1)
        rows = self.slot_rows.sum(axis=1)
        days = self.slot_sums.sum(axis=2) * np.where(rows > 0, planned / np.maximum(rows, 1), 0.0)
        return np.asarray(days @ lever / max(float(lever**2 @ planned), 1e-300))

    @cached_property
    def noise(self) -> Floats:
        """Mean product of distances to the slots' expectations, in the order of `pairs`, (pairs,)."""
        return self._around(self.theory.gauge.slots)

    def square_of_noise(self, column: int) -> float:
        """Return a column's mean squared distance to the slots' expectations."""
        return float(self.noise[self.pairs.index((column, column))])

    def correlation(self, key: tuple[str, int, int]) -> float:
        """Return the correlation, to first order around the gauge's."""
        view, a, b = key
        (left, right), rho = self.theory.gauge.pairs[key]
        products = self.noise if view else self._overall
        cross, first, second = (products[self.pairs.index(pair)] for pair in ((a, b), (a, a), (b, b)))
        return float(rho + cross / (left * right) - rho / 2 * (first / left**2 + second / right**2))

    @cached_property
    def _overall(self) -> Floats:
        centres = self.theory.gauge.centres[:, :1, None]
        return self._around(np.broadcast_to(centres, self.sums.totals.shape))

    def _around(self, centres: Floats) -> Floats:
        """Return the mean products of distances to centres (columns, days, 2)."""
        found = []
        for (a, b), products in zip(self.pairs, self.sums.products, strict=True):
            around = products / CENT**2 - centres[a] * self.slot_sums[b] - centres[b] * self.slot_sums[a]
            found.append((around + self.slot_rows * centres[a] * centres[b]).sum())
        return np.array(found) / max(float(self.slot_rows.sum()), 1.0)

    @cached_property
    def _cells(self) -> tuple[Floats, Floats, Floats]:
        """Return the rows, (cells,), sums and sums of squares, (columns, cells), of each cell."""
        sums, cells = self.sums, self.theory.gauge.cells
        sides = [np.array([cell.business is not True, cell.business is not False], float) for cell in cells]
        masks = np.stack([np.outer(cell.days, side) for cell, side in zip(cells, sides, strict=True)])
        of_squares = [i for i, (a, b) in enumerate(self.pairs) if a == b]
        rows = np.tensordot(masks, sums.rows, 2)
        values, squares = (np.tensordot(of, masks, ((1, 2), (1, 2))) for of in (sums.totals, sums.products[of_squares]))
        for i, cell in enumerate(cells):
            if cell.hour is not None:
                rows[i] = sums.hour_rows[cell.hour]
                values[:, i], squares[:, i] = sums.hour_totals[:, cell.hour], sums.hour_squares[:, cell.hour]
        return rows, values / CENT, squares / CENT**2
