"""What was seen of one archetype, in the shapes and units of its theory: whatever rows lack, scaled up to all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dask_synth.quality.statistics import PAIRS, SUMS, Sums
from dask_synth.schema import METRICS
from dask_synth.theory.theory import ArchetypeTheory

Floats = npt.NDArray[np.float64]

CENT = 100.0
"""Sums are of hundredths."""


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
    def cell_rows(self) -> Floats:
        """Rows in each cell, (cells,)."""
        return np.asarray(self._cells[:, 0])

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
        return np.asarray(self._cells[:, 1:SUMS].T / np.maximum(self.cell_rows, 1))

    @property
    def squares(self) -> Floats:
        """Mean squared distance to the gauge's centre in each cell, (columns, cells)."""
        centre, mean = self.theory.gauge.centres, self.means
        return np.asarray(self._cells[:, SUMS:].T / np.maximum(self.cell_rows, 1) - 2 * centre * mean + centre**2)

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
        return np.asarray(self.sums.days[:, :, 0])

    @property
    def slot_share(self) -> Floats:
        """Share of each slot's planned rows that there are, (days, 2)."""
        return np.asarray(self.slot_rows / np.maximum(self.theory.slot_rows, 1))

    @cached_property
    def slot_sums(self) -> Floats:
        """Sum in each slot, (columns, days, 2)."""
        return np.asarray(np.moveaxis(self.sums.days[:, :, 1:SUMS], 2, 0) / CENT)

    @property
    def trend(self) -> Floats:
        """Least-squares slope a month, (columns,)."""
        lever, planned = self.theory.gauge.lever, self.theory.slot_rows.sum(axis=1)
        rows = self.slot_rows.sum(axis=1)
        days = self.slot_sums.sum(axis=2) * np.where(rows > 0, planned / np.maximum(rows, 1), 0.0)
        return np.asarray(days @ lever / max(float(lever**2 @ planned), 1e-300))

    @cached_property
    def noise(self) -> Floats:
        """Mean product of distances to the slots' expectations, in the order of PAIRS, (pairs,)."""
        return self._around(self.theory.gauge.slots)

    def square_of_noise(self, column: int) -> float:
        """Return a column's mean squared distance to the slots' expectations."""
        return float(self.noise[PAIRS.index((column, column))])

    def correlation(self, key: tuple[str, int, int]) -> float:
        """Return the correlation, to first order around the gauge's."""
        view, a, b = key
        (left, right), rho = self.theory.gauge.pairs[key]
        products = self.noise if view else self._overall
        cross, first, second = (products[PAIRS.index(pair)] for pair in ((a, b), (a, a), (b, b)))
        return float(rho + cross / (left * right) - rho / 2 * (first / left**2 + second / right**2))

    @cached_property
    def _overall(self) -> Floats:
        centres = self.theory.gauge.centres[:, :1, None]
        return self._around(np.broadcast_to(centres, (len(METRICS), *self.slot_rows.shape)))

    def _around(self, centres: Floats) -> Floats:
        """Return the mean products of distances to centres (columns, days, 2)."""
        days = self.sums.days
        found = []
        for k, (a, b) in enumerate(PAIRS):
            product = days[:, :, SUMS + k] / CENT**2
            around = product - centres[a] * self.slot_sums[b] - centres[b] * self.slot_sums[a]
            found.append((around + self.slot_rows * centres[a] * centres[b]).sum())
        return np.array(found) / max(float(self.slot_rows.sum()), 1.0)

    @cached_property
    def _cells(self) -> Floats:
        """Return the rows, sums and sums of squares of each cell, (cells, 11)."""
        squares = [SUMS + PAIRS.index((i, i)) for i in range(len(METRICS))]
        columns = [*range(SUMS), *squares]
        cells = self.theory.gauge.cells
        sides = [np.array([cell.business is not True, cell.business is not False], float) for cell in cells]
        masks = np.stack([np.outer(cell.days, side) for cell, side in zip(cells, sides, strict=True)])
        table = np.tensordot(masks, self.sums.days[:, :, columns], 2)
        for i, cell in enumerate(cells):
            if cell.hour is not None:
                table[i] = self.sums.hours[cell.hour]
        units = np.array([1.0] + [CENT] * len(METRICS) + [CENT**2] * len(METRICS))
        return np.asarray(table / units)
