"""What a fleet must come to: finished answers, for checks and pictures alike.

Each archetype's servers are cut into groups that share nothing; their tables add up. Nothing here looks at data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.fleet import Block
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import Cell, calendar_cells, contrasts
from dask_synth.theory.cumulants import Answer, Cumulants
from dask_synth.theory.gauge import CORRELATION_EXACT, Gauge
from dask_synth.theory.law import Law
from dask_synth.theory.living import LivingTheory, grid_patterns, living_theory
from dask_synth.theory.tables import Tables, server_tables
from dask_synth.theory.times import TimeNodes, stretch_of, time_nodes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


MIN_CHANCE = 0.1
"""Expectation of a chi-square below which the classes' counts are fixed but for a trace."""


class ChiSquare(NamedTuple):
    """The distribution of sum (seen - expected) ** 2 / expected: `scale` times a chi-square's with `freedom`.

    By its exact mean and variance, from the counts' covariance (Satterthwaite, *Biometrics Bulletin* 2, 1946). Both are
    0 where the classes hardly leave anything to chance.
    """

    expected: Floats
    scale: float
    freedom: float


class Blocks(NamedTuple):
    """Sums of runs of days: expectation and standard deviation of each, and what their mean square must be.

    Attributes
    ----------
    starts
        First day of each.
    expected, deviation, skewness
        Of each sum, (columns, blocks).
    square
        Of the mean over the blocks of the squared deviation in its own standard deviations, (columns,).
    """

    starts: Ints
    expected: Floats
    deviation: Floats
    skewness: Floats
    square: Answer

    def product(self, other: Blocks) -> Answer:
        """Return what the mean product with the standardised blocks of an archetype that shares nothing must be."""
        count = max(len(self.starts), 1)
        zero = np.zeros(len(self.expected))
        with np.errstate(invalid="ignore"):
            third = (self.skewness * other.skewness).sum(axis=1)
        return Answer(zero, zero + 1 / math.sqrt(count), third / count**1.5)


@dataclass(frozen=True, eq=False)
class ArchetypeTheory:
    """What the servers of one archetype must come to.

    Attributes
    ----------
    name, servers
        Which, and how many.
    gauge
        What its statistics are taken with.
    tables
        What all its servers add up to.
    each
        What each server's values add up to, (columns, servers).
    """

    name: str
    servers: int
    gauge: Gauge
    tables: Tables
    each: Cumulants

    @property
    def rows(self) -> float:
        """Planned rows."""
        return float(self.tables.rows[0])

    def means(self, seen: Floats | float = 1.0) -> Answer:
        """Return what the mean in each cell must be, (columns, cells), where this share of its rows is there."""
        return self.tables.sums.answer(seen, self.tables.rows)

    def squares(self, seen: Floats | float = 1.0) -> Answer:
        """Return the same of the mean squared distance to the gauge's centre, (columns, cells)."""
        return self.tables.squares.answer(seen, self.tables.rows)

    def servers_means(self, chosen: Ints) -> Answer:
        """Return what the mean of each chosen server must be, (columns, chosen); 0 is the archetype's first."""
        each = Cumulants(*(x[:, chosen] for x in vars(self.each).values()))
        return each.answer(1.0, self.rows / self.servers)

    def noise(self, seen: float = 1.0) -> Answer:
        """Return the same of the mean squared distance to the slot's expectation, (columns,)."""
        return self.tables.noise.answer(seen, self.rows)

    def contrasts(self, seen: Floats | float = 1.0) -> Answer:
        """Return by how much the two means of each contrast differ, relative to the gauge, (columns, contrasts)."""
        return self.tables.contrasts.answer(seen, self.servers)

    def trend(self, seen: float = 1.0) -> Answer:
        """Return the least-squares slope a month, (columns,)."""
        lever = self.gauge.lever
        return self.tables.trend.answer(seen, max(float(lever**2 @ self.slot_rows.sum(axis=1)), 1e-300))

    def correlation(self, key: tuple[str, int, int], seen: float = 1.0) -> Answer:
        """Return by how much a correlation differs from the gauge's, ()."""
        answer = self.tables.pairs[key].answer(seen, self.rows)
        return answer._replace(error=np.maximum(answer.error, CORRELATION_EXACT))

    def day_sums(self, seen: Floats) -> Answer:
        """Return what the mean of each day's other hours and business hours must be, (columns, days, 2)."""
        mean, variance, third, _ = self.tables.days
        return Cumulants(mean, variance, third).answer(np.maximum(seen, 1e-12), np.maximum(self.slot_rows, 1))

    @property
    def slot_rows(self) -> Floats:
        """Planned rows of each day's other hours and business hours, (days, 2)."""
        return self.gauge.law.nodes.slot_rows * self.servers

    def tails(self, seen: float = 1.0) -> Answer:
        """Return the share of spikes, as counts above the gauge's edges tell it, (columns,)."""
        answer = self.tables.tails.answer(seen, self.tables.levers)
        p = np.full(len(answer.error), self.gauge.law.spike_probability)
        return Answer(p, answer.error, answer.skewness * np.sign(self.tables.levers))

    def chi_square(self, column: int, seen: float = 1.0) -> ChiSquare:
        """Return what the chi-square of a column's classes is distributed as."""
        classes = self.tables.classes[column]
        ratio = classes.covariance / classes.expected[:, None]
        mean, variance = float(np.trace(ratio)), 2 * float((ratio * ratio.T).sum())
        if mean < MIN_CHANCE:
            return ChiSquare(classes.expected * seen, 0.0, 0.0)
        return ChiSquare(classes.expected * seen, variance / (2 * mean), 2 * mean**2 / variance)

    def response(self, column: int, cell: int) -> float:
        """Return by how much a cell's mean grows for each 100 % on the metric's own, in the column's unit."""
        law, weights = self.gauge.law, self.gauge.law.nodes.weights[cell]
        return float(weights @ law.response(law.metrics.names[column]) / weights.sum())

    def blocks(self, size: int, seen: Floats) -> Blocks:
        """Return what the sums of runs of `size` days must be.

        Parameters
        ----------
        size
            Days of a run; what is left over at the end is left out.
        seen
            Share of each day's rows that there are, (days,).
        """
        days = self.tables.days.sum(axis=3) * seen
        starts = np.arange(0, days.shape[2] - size + 1, size)
        if not len(starts):
            nothing = np.empty((days.shape[1], 0))
            unknown = np.full(days.shape[1], np.nan)
            return Blocks(starts, nothing, nothing, nothing, Answer(unknown, unknown, unknown))
        count = len(starts)
        mean, variance, third, fourth = np.add.reduceat(days[:, :, : starts[-1] + size], starts, axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A standardised sum's square has mean 1 and variance 2 + its excess kurtosis; and 8 as its third cumulant.
            spread = (2 + fourth / variance**2).sum(axis=1)
            square = Answer(np.ones(len(spread)), np.sqrt(spread) / count, 8 * count / spread**1.5)
            skewness = third / variance**1.5
            deviation = np.sqrt(variance)
        return Blocks(starts, mean, deviation, skewness, square)


@dataclass(frozen=True, eq=False)
class Theory:
    """What a fleet must come to.

    Attributes
    ----------
    spec
        The fleet.
    cells
        The parts of its grid.
    archetypes
        Archetype -> what its servers must come to, for those that have servers and whose servers are all alike.
    living
        The same for those whose servers are individuals.
    """

    spec: FleetSpec
    cells: list[Cell]
    archetypes: Mapping[str, ArchetypeTheory]
    living: Mapping[str, LivingTheory] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: FleetSpec) -> Self:
        """Work it out from a fleet's specification."""
        cells = calendar_cells(spec.grid, spec.seasonality)
        living, alike = list[Block](), list[Block]()
        for block in spec.fleet.blocks():
            (living if spec.living(block.archetype) else alike).append(block)
        times = (cells, time_nodes(spec.grid, spec.seasonality, cells, stretch_of(spec))) if alike else None
        found = {b.archetype: archetype_theory(spec, b.archetype, b.stop - b.start, times) for b in alike if times}
        shared = grid_patterns(spec, cells) if living else None
        ranked = {b.archetype: living_theory(spec, b.archetype, cells, shared) for b in living if shared}
        return cls(spec, cells, found, ranked)

    def mean(self, archetype: str, column: str) -> tuple[float, float]:
        """Return what the mean of a column over an archetype's servers and the whole time must be, and its error."""
        answer = self.archetypes[archetype].means()
        expected, error, _ = answer.at(self.spec.metrics.names.index(column), 0)
        return expected, error


def archetype_theory(
    spec: FleetSpec, archetype: str, servers: int, times: tuple[list[Cell], TimeNodes]
) -> ArchetypeTheory:
    """Add up the groups of an archetype: its servers are alike and share nothing, so one server stands for them."""
    cells, nodes = times
    law = Law.of(spec, archetype, nodes)
    gauge = Gauge.of(law, cells, contrasts(cells), servers)
    one = server_tables(law, gauge)
    whole = Cumulants(one.sums.mean[:, 0], one.sums.variance[:, 0], one.sums.third[:, 0])
    each = Cumulants(*(np.broadcast_to(x[:, None], (len(x), servers)) for x in vars(whole).values()))
    return ArchetypeTheory(archetype, servers, gauge, one * servers, each)
