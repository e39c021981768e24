"""What the ranks of servers that are individuals must come to: 0 everywhere, give or take what memory and pools allow.

Every server's ranks have one law, so that errors need no sum over servers: how many there are, how many pairs of them
share a pool, the calendar's lags and the memory's covariances say all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import Cell
from dask_synth.theory.cumulants import Answer
from dask_synth.theory.individual import SharedLaw, Side, sides_of
from dask_synth.theory.patterns import Patterns, Steps, flags
from dask_synth.theory.scores import EDGES, LOCATION, SCALE, Score

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

BELOW = tuple(Score.below(edge) for edge in EDGES)
CLUSTERED, RARELY = 2.0, 3.0
"""How much more lopsided than of independent rows a count is of values that come in runs, and of rare ones."""
LOPSIDED = np.array(
    [
        (CLUSTERED if 0.05 <= edge <= 0.95 else RARELY) * score.skewness / np.sqrt(score.variance)
        for edge, score in zip(EDGES, BELOW, strict=True)
    ]
)
"""Skewness of a share below each edge, over its error."""
EVEN_SUM = 1.5 * 8**0.5
"""Skewness of a sum of squares of a normal that remembers, in its error over a single one's: memory leaves the second
Hermite polynomial alone, and the sum of the cubed spectrum is at most 1.5 times what the squared one would make it."""


class Units(NamedTuple):
    """Some servers, as far as they go together.

    Attributes
    ----------
    servers
        How many.
    pairs
        Ordered pairs of two of them that share a pool.
    """

    servers: int
    pairs: int

    @classmethod
    def of(cls, pools: Ints) -> Self:
        """Count them by their pools, -1 where alone."""
        sizes = np.unique(pools[pools >= 0], return_counts=True)[1]
        return cls(len(pools), int((sizes * (sizes - 1)).sum()))


@dataclass(frozen=True, eq=False)
class LivingTheory:
    """What the servers of one archetype must come to.

    Attributes
    ----------
    name, first_server
        Which, and where in the fleet its servers begin.
    law
        What its servers share.
    pools, regions
        Of each server, (servers,).
    cells
        Parts of the grid.
    steps, patterns
        Of the grid, and of the cells.
    """

    name: str
    first_server: int
    law: SharedLaw
    pools: Ints
    regions: Ints
    cells: list[Cell]
    steps: Steps
    patterns: Patterns

    @cached_property
    def units(self) -> Units:
        """All of them."""
        return Units.of(self.pools)

    def units_of(self, chosen: Flags) -> Units:
        """Return some of them, (servers,), as units."""
        return Units.of(self.pools[chosen])

    @property
    def servers(self) -> int:
        """How many there are."""
        return len(self.pools)

    @cached_property
    def sides(self) -> list[Side]:
        """The products of sides that are taken."""
        return sides_of(self.law.spec.metrics, self.law.spec.grid.rows_per_day)

    @property
    def columns(self) -> int:
        """How many metric columns there are."""
        return len(self.law.spec.metrics.columns)

    def error(self, patterns: Patterns, score: Score, units: Units | None = None) -> Floats:
        """Return the standard deviation of a score's weighted sum over rows of servers, (columns, patterns)."""
        servers, pairs = units or self.units
        found = []
        for column in range(self.columns):
            own, shared = self._by_lag(score, column)
            found.append(servers * patterns.variance(own) + pairs * patterns.variance(shared))
        return np.sqrt(np.maximum(np.stack(found), 0.0))

    def means(self, score: Score, seen: Floats) -> Answer:
        """Return what the mean of a score in each cell must be, (columns, cells), where this share of rows is there."""
        error = self.error(self.patterns, score) / (self.servers * self.patterns.rows * np.sqrt(seen))
        return self._answer(score, error)

    def shares(self, seen: float) -> Answer:
        """Return what the share of ranks below each edge is off, (columns, edges)."""
        whole = Patterns(self.patterns.rows[:1], self.patterns.squares[:1], self.patterns.lags[:1])
        error = np.stack([self.error(whole, score)[:, 0] for score in BELOW], axis=1)
        error /= self.servers * whole.rows[0] * np.sqrt(seen)
        skewness = LOPSIDED * error
        return Answer(np.zeros_like(error), error, skewness)

    def each(self, score: Score) -> Answer:
        """Return what the mean of a score of one server must be, (columns,)."""
        whole = Patterns(self.patterns.rows[:1], self.patterns.squares[:1], self.patterns.lags[:1])
        return self._answer(score, self.error(whole, score, Units(1, 0))[:, 0] / whole.rows[0])

    def first(self) -> Floats:
        """Return the covariance of the sums of the second score over the servers' first rows, (columns, columns)."""
        matrix, alike = np.abs(self.law.correlation), self.law.alike
        own = SCALE.covariance(matrix)
        # A spike is one of all metrics; scores lie between -1/2 and 1.
        chance = self.law.spec.archetypes[self.name].spike_probability * self.law.spec.spikes
        own = np.minimum(own + 2.25 * chance * (1 - chance), SCALE.variance)
        between = np.array([self.law.between(column, np.array([0]))[0] for column in range(self.columns)])
        apart = matrix * alike
        np.fill_diagonal(apart, between)
        return np.asarray(self.units.servers * own + self.units.pairs * SCALE.covariance(apart))

    def weighted(self, weights: Sequence[Floats]) -> Floats:
        """Return the standard deviation of sums of ranks with these weights, each (steps,), (columns, weights)."""
        return self.error(Patterns.of(weights, self.steps), LOCATION)

    def contrast(self, column: int, weight: Floats, units: Units, blur: float) -> float:
        """Return at least the standard deviation of a sum of ranks with weights that add up to nothing.

        What memory leaves of it is little, so that it counts how far ranks are drawn by lot: where values are of few
        hundredths, and where there are spikes.

        Parameters
        ----------
        column
            Which.
        weight
            Of each step, (steps,).
        units
            The servers.
        blur
            Share of the ranks' variance that is drawn by lot.
        """
        pattern = Patterns.of([weight], self.steps)
        clear = float(self.error(pattern, LOCATION, units)[column, 0]) ** 2
        lot, least = units.servers * float(pattern.squares[0]) / 3, (1 - blur) * self.calm
        return float(np.sqrt(max(clear, least * clear + (1 - least) * lot)))

    @property
    def calm(self) -> float:
        """Share of the ranks' variance that is not of spikes, at least: both of two rows must be calm."""
        profile = self.law.spec.archetypes[self.name]
        return float((1 - profile.spike_probability * self.law.spec.spikes) ** 2)

    def day_covariance(self, column: int, units: Units, clear: float = 1.0) -> Floats:
        """Return the covariance of the sums of ranks of two days so many days apart, (days of reach + 1,).

        Parameters
        ----------
        column, units
            Which, and of which servers.
        clear
            Share of the ranks' variance that is not drawn by lot.
        """
        own, shared = self._by_lag(LOCATION, column)
        by_step = clear * (units.servers * own + units.pairs * shared) * self.steps.rows**2
        by_step[0] += (1 - clear) * units.servers * LOCATION.variance * self.steps.rows
        a_day = self.steps.count // self.law.spec.grid.days
        reach = self.steps.reach // a_day
        apart = np.arange(1 - a_day, a_day)
        lags = np.abs(np.arange(reach + 1)[:, None] * a_day + apart)
        padded = np.append(by_step, np.zeros(2 * a_day))
        return np.asarray(padded[np.minimum(lags, len(padded) - 1)] @ (a_day - np.abs(apart)))

    def _answer(self, score: Score, error: Floats) -> Answer:
        """Return an answer of 0; the fewer independent rows there are, the more of a score's skewness is left."""
        lopsided = 0.0 if score is LOCATION else EVEN_SUM if self.steps.reach else score.skewness
        skewness = lopsided * error / np.sqrt(score.variance)
        return Answer(np.zeros_like(error), error, skewness)

    def _by_lag(self, score: Score, column: int) -> tuple[Floats, Floats]:
        key = score, column
        if key not in self._lags:
            lags = self.steps.row_lags
            own = self.steps.by_lag(score.covariance(self.law.autocorrelation(column, lags)))
            shared = self.steps.by_lag(score.covariance(self.law.between(column, lags)))
            self._lags[key] = own, shared
        return self._lags[key]

    @cached_property
    def _lags(self) -> dict[tuple[Score, int], tuple[Floats, Floats]]:
        return {}


def living_theory(spec: FleetSpec, archetype: str, cells: list[Cell], shared: tuple[Steps, Patterns]) -> LivingTheory:
    """Work out an archetype's theory; steps and patterns are the grid's, shared by all."""
    block = next(block for block in spec.fleet.blocks() if block.archetype == archetype)
    steps, patterns = shared
    pools = spec.fleet.pools(spec.seed, block.start, block.stop)
    regions = spec.fleet.metadata_codes(spec.seed, block.start, block.stop)["region"].astype(np.int64)
    return LivingTheory(archetype, block.start, SharedLaw.of(spec, archetype), pools, regions, cells, steps, patterns)


def grid_patterns(spec: FleetSpec, cells: list[Cell]) -> tuple[Steps, Patterns]:
    """Transform the cells of a grid, as far as the longest memory of a fleet reaches."""
    memories = [spec.archetypes[block.archetype].memory for block in spec.fleet.blocks()]
    steps = Steps.of(spec.grid, max((memory.hours[1] for memory in memories if memory), default=0.0))
    return steps, Patterns.of([flags(cell, spec.grid) for cell in cells], steps)
