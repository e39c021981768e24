"""The law of single servers: the noise of each column, how it goes together, and where it lies over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import MetricColumn, MetricTable
from dask_synth.model.correlation import correlation_matrix
from dask_synth.model.individuals import Individuals, individuals_of
from dask_synth.model.memory import noise_correlation
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import HOURS
from dask_synth.theory.memory import autocorrelation
from dask_synth.theory.paths import Paths
from dask_synth.theory.ranks import Noise, spread_of

Floats = npt.NDArray[np.float64]

FLOOR = 0.95
"""Of c(a): a lopsided noise is at most so large a share of the mean that its floor stays above 0."""


def follows(metrics: MetricTable) -> list[bool]:
    """Return which columns show a metric that one before shows: sent traffic, whose noise is partly its own."""
    shown = [column.metric for column in metrics.columns]
    return [metric in shown[:k] for k, metric in enumerate(shown)]


class Side(NamedTuple):
    """Two sides of a median whose product is taken.

    Attributes
    ----------
    name
        Short, for names of checks: ``24h``, ``cpu_p95~mem_p95``, ``neighbours``.
    first, second
        Which columns.
    lag
        Rows from the first to the second.
    neighbour
        Whether the second is the next server's.
    """

    name: str
    first: int
    second: int
    lag: int = 0
    neighbour: bool = False


def sides_of(metrics: MetricTable, rows_per_day: int) -> list[Side]:
    """List the products that are taken of a fleet."""
    columns = range(len(metrics.columns))
    lags = {f"{hours}h": hours * rows_per_day // HOURS for hours in (1, 24, 168)}
    return [
        *(Side(name, k, k, lag) for name, lag in lags.items() if lag for k in columns),
        *(Side(f"{metrics.names[a]}~{metrics.names[b]}", a, b) for a, b in combinations(columns, 2)),
        *(Side("neighbours", k, k, neighbour=True) for k in columns),
    ]


@dataclass(frozen=True, eq=False)
class SharedLaw:
    """What the servers of an archetype share.

    Attributes
    ----------
    spec, archetype
        Which.
    paths
        How their load runs.
    correlation
        Of the columns' noise in one row, (columns, columns).
    """

    spec: FleetSpec
    archetype: str
    paths: Paths
    correlation: Floats

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str) -> Self:
        """Work out what they share."""
        metrics, profile = spec.metrics, spec.archetypes[archetype]
        position = [metrics.latent.index(column.metric) for column in metrics.columns]
        named = correlation_matrix(profile.correlation, metrics.latent)
        if metrics.further and profile.memory:
            # What is not named follows from what is among the innovations.
            named = noise_correlation(profile, HOURS / spec.grid.rows_per_day, metrics.latent)
        sent = [profile.in_out if k else 1.0 for k in follows(metrics)]
        matrix = named[np.ix_(position, position)] * np.outer(sent, sent)
        np.fill_diagonal(matrix, 1.0)
        return cls(spec, archetype, Paths.of(spec, archetype), matrix)

    @property
    def alike(self) -> float:
        """Correlation of the noise of two servers of a pool."""
        return self.spec.fleet.company.alike if self.spec.fleet.company else 0.0

    def autocorrelation(self, column: int, lags: npt.NDArray[np.int64]) -> Floats:
        """Return the correlation of a column's noise with itself so many rows later, 1 at 0."""
        shown = self.spec.metrics.columns[column]
        found = autocorrelation(self.spec.archetypes[self.archetype].memory, shown.metric, lags, self._step)
        return np.where(lags > 0, found * self._shared(column), found)

    def between(self, column: int, lags: npt.NDArray[np.int64]) -> Floats:
        """Return the same with another server of the pool."""
        now = np.where(lags > 0, 1.0, self._shared(column))
        return np.asarray(self.autocorrelation(column, lags) * now * self.alike)

    def side_correlation(self, side: Side) -> float:
        """Return the correlation of the normals behind a product; of neighbours, of one pool."""
        if side.neighbour:
            return float(self.between(side.first, np.array([0]))[0])
        if side.lag:
            return float(self.autocorrelation(side.first, np.array([side.lag]))[0])
        return float(self.correlation[side.first, side.second])

    def _shared(self, column: int) -> float:
        """Return what of sent traffic's memory is the received one's: the rest of its noise has none."""
        return self.spec.archetypes[self.archetype].in_out ** 2 if follows(self.spec.metrics)[column] else 1.0

    @property
    def _step(self) -> float:
        return HOURS / self.spec.grid.rows_per_day


@dataclass(frozen=True, eq=False)
class Server:
    """One server's own law.

    Attributes
    ----------
    index, pool, region
        Its place in the fleet, its pool's first server or -1, and its region's place.
    mean
        Of each column, what it lies around before noise, (rows,).
    noise
        Of each column.
    """

    index: int
    pool: int
    region: int
    mean: tuple[Floats, ...]
    noise: tuple[Noise, ...]


def servers_of(law: SharedLaw, start: int, stop: int) -> Iterator[Server]:
    """Yield the laws of servers start, ..., stop - 1, all of one archetype."""
    known = individuals_of(law.spec, law.archetype, start, stop)
    for place in range(stop - start):
        yield _server(law, known, start, place)


def _server(law: SharedLaw, known: Individuals, start: int, place: int) -> Server:
    spec, profile = law.spec, law.spec.archetypes[law.archetype]
    level = {name: float(known.level[name][place]) for name in spec.metrics.latent}
    load = law.paths.load(int(known.region[place]), float(known.strength[place]), int(known.shift[place]))
    rate = float(known.rate[place]) * spec.growth
    courses: dict[tuple[bool, bool], Floats] = {(False, False): np.ones(len(load)), (True, False): load}
    courses[False, True] = np.maximum(1 + rate / 100 * law.paths.months, 0.0)
    courses[True, True] = load * courses[False, True]
    mean = []
    for column in spec.metrics.columns:
        metric = spec.metrics.metric_of(column.name)
        base = getattr(profile.base, metric.name) * level[metric.name] * column.scale
        mean.append(courses[metric.load, metric.growth] * base)
    noise = tuple(
        _noise(law, column, level[column.metric], float(known.noise[place])) for column in spec.metrics.columns
    )
    return Server(start + place, int(known.pool[place]), int(known.region[place]), tuple(mean), noise)


def _noise(law: SharedLaw, column: MetricColumn, level: float, noise: float) -> Noise:
    spec, profile = law.spec, law.spec.archetypes[law.archetype]
    base, sd = getattr(profile.base, column.metric), getattr(profile.sd, column.metric)
    skew = profile.skew.get(column.metric, 0.0)
    relative = sd / base * noise if base else 0.0
    relative = min(relative, FLOOR * spread_of(skew)) if skew else relative
    proportional = profile.noise == "proportional"
    return Noise(
        relative=relative if proportional else 0.0,
        constant=0.0 if proportional else sd * level * noise * column.scale,
        skew=skew,
        high=column.high,
        chance=profile.spike_probability * spec.spikes,
        factor=spec.metrics.spike_factor(column.metric, profile.spike_magnitude),
    )
