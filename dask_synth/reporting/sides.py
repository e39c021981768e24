"""The two sides of a picture: what was seen of some servers, and what the model says of them. Both add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.expectation import EXACT
from dask_synth.measure.layout import Layout
from dask_synth.measure.picture import CELLS
from dask_synth.measure.sums import CENT, Measured, pairs_of
from dask_synth.theory.theory import ArchetypeTheory, Theory

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of some servers, all additive.

    Attributes
    ----------
    rows, sums
        By period, (periods,) and (metric, period).
    products
        Of each pair of metrics, (pairs,).
    counts
        Rows by (metric, period, bin).
    week
        Rows and sums, in hundredths, by slot of the week, (1 + metrics, slots).
    """

    rows: Floats
    sums: Floats
    products: Floats
    counts: Counts
    week: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @classmethod
    def of(cls, measured: Measured, archetype: str, layout: Layout, metrics: int) -> Self:
        """Take an archetype's sums to the axes of a picture; where there are no rows, they are of none."""
        if (sums := measured.sums.get(archetype)) is None:
            return cls(
                rows=np.zeros(layout.periods),
                sums=np.zeros((metrics, layout.periods)),
                products=np.zeros(len(pairs_of(metrics))),
                counts=np.zeros((metrics, layout.periods, CELLS), np.int64),
                week=np.zeros((1 + metrics, layout.slots)),
            )
        starts = np.arange(layout.periods) * layout.days_per_period
        return cls(
            rows=np.add.reduceat(sums.rows.sum(axis=1), starts),
            sums=np.add.reduceat(sums.totals.sum(axis=2), starts, axis=1) / CENT,
            products=sums.products.sum(axis=(1, 2)) / CENT**2,
            counts=measured.picture.counts[archetype],
            week=measured.picture.week[archetype],
        )


@dataclass(frozen=True, eq=False)
class Expected:
    """What the model says of some servers: rows and sums of each period, rows in each bin, all additive.

    Attributes
    ----------
    rows, sums
        By period, (periods,) and (metric, period).
    shares
        Rows in each bin, (metric, bin); NaN where each server has a density of its own.
    """

    rows: Floats
    sums: Floats
    shares: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(self.rows + other.rows, self.sums + other.sums, self.shares + other.shares)

    @classmethod
    def of(cls, measured: Measured, theory: Theory, archetype: str, layout: Layout) -> Self:
        """Take what is known of an archetype to the axes of a picture."""
        if archetype in theory.archetypes:
            return cls.of_alike(theory.archetypes[archetype], layout)
        return cls.of_individuals(measured, archetype, layout, len(theory.spec.metrics.columns))

    @classmethod
    def of_individuals(cls, measured: Measured, archetype: str, layout: Layout, metrics: int) -> Self:
        """Take what the pass added up of the single servers' own laws; there is no density of all of them."""
        unknown = np.full((metrics, CELLS), np.nan)
        if archetype not in measured.ranks:
            return cls(np.zeros(layout.periods), np.zeros((metrics, layout.periods)), unknown)
        ranks, starts = measured.ranks[archetype], np.arange(layout.periods) * layout.days_per_period
        sums = np.add.reduceat(ranks.expected, starts, axis=1) / EXACT
        return cls(np.add.reduceat(ranks.rows.sum(axis=1), starts), sums, unknown)

    @classmethod
    def of_alike(cls, theory: ArchetypeTheory, layout: Layout) -> Self:
        """Take an archetype's theory to the axes of a picture."""
        starts = np.arange(layout.periods) * layout.days_per_period
        below = theory.tables.below
        # Where there is next to nothing, a difference may be a rounding error below 0.
        shares = np.diff(below, axis=1, prepend=0.0, append=theory.rows)
        return cls(
            rows=np.add.reduceat(theory.slot_rows.sum(axis=1), starts),
            sums=np.add.reduceat(theory.tables.days[0].sum(axis=2), starts, axis=1),
            shares=np.maximum(shares, 0.0),
        )
