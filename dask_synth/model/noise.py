"""The metrics' standard noise of living servers: correlated, with memory, alike within a pool. A block at a time.

All of it is linear, so one filter does for a pool's part and a server's own: they are mixed before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import DAY
from dask_synth.model.columns import ONE_STREAM
from dask_synth.model.memory import decays, filters, innovation_factor, stationary
from dask_synth.model.metrics import BLOCK_ROWS
from dask_synth.model.scan import Scan
from dask_synth.model.seeds import Purpose, generator
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]

OWN = (Purpose.NOISE, Purpose.METRIC, Purpose.START)
POOL = (Purpose.GROUP_NOISE, Purpose.GROUP_METRIC, Purpose.GROUP_START)


class Normals:
    """Independent normals in time order, a column a metric: those of a server, or those that a pool shares.

    Parameters
    ----------
    seed, index
        Whose: a server's index, or that of a pool's first server.
    further
        The metrics that have streams of their own.
    purposes
        Of the noise, of a further metric's noise, and of what came before the first row.
    """

    def __init__(self, seed: int, index: int, further: Sequence[str], purposes: Sequence[Purpose]) -> None:
        noise, self._of_metric, self._of_start = purposes
        self._identity = seed, index, further
        self._first = generator(seed, noise, index)
        self._further = [generator(seed, self._of_metric, index, name) for name in further]

    def draw(self, out: Floats, scratch: Floats) -> None:
        """Write the next rows into `out`, one row a metric; `scratch` is as large as the first four of them."""
        rows = out.shape[1]
        drawn = scratch.reshape(-1)[: rows * ONE_STREAM].reshape(rows, ONE_STREAM)
        self._first.standard_normal(out=drawn)
        out[:ONE_STREAM] = drawn.T
        for own, place in zip(self._further, out[ONE_STREAM:], strict=True):
            own.standard_normal(out=place)

    @cached_property
    def start(self) -> Floats:
        """Two normals a metric, (metrics, 2), from which the recursions begin."""
        seed, index, further = self._identity
        first = generator(seed, self._of_start, index).standard_normal((2, ONE_STREAM)).T
        own = [generator(seed, self._of_start, index, name).standard_normal((1, 2)) for name in further]
        return np.concatenate([first, *own])


@dataclass(frozen=True, eq=False)
class Recall:
    """What the noise of one archetype's servers is made with.

    Attributes
    ----------
    factor
        Cholesky factor of the innovations, one row a metric.
    now
        Metric by metric, the weight of the innovation.
    scans
        The recursions that there are, of the two.
    weights
        Scan by scan, what makes noise of it: (pairs of metrics, rows, 2).
    begins
        Scan by scan, the weights of a metric's two first normals.
    alike
        Roots of the shares of a pool's noise that are common, and a server's own.
    """

    factor: Sequence[Sequence[float]]
    now: Sequence[float]
    scans: Sequence[Scan]
    weights: Sequence[Floats]
    begins: Sequence[tuple[float, float]]
    alike: tuple[float, float]

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str) -> Self:
        """Work out a profile's filters at the step of a grid."""
        profile, latent, step = spec.archetypes[archetype], spec.metrics.latent, DAY / 60 / spec.grid.rows_per_day
        made = filters(profile, step, latent)
        left = decays(profile.memory, step) if profile.memory else (0.0, 0.0)
        kept = [j for j in range(2) if any(one.later[j] for one in made)]
        scans = [Scan.of(left[j]) for j in kept]
        weights = np.zeros((2, len(latent) + len(latent) % 2))
        weights[:, : len(latent)] = np.array([one.later for one in made]).T
        of_pairs = weights.reshape(2, -1, 2)
        first, both, rest = stationary(left)
        alike = spec.fleet.company.alike if spec.fleet.company else 0.0
        return cls(
            factor=innovation_factor(profile, step, latent).tolist(),
            now=[one.now for one in made],
            scans=scans,
            weights=[
                scan.times(of_pairs[j], min(BLOCK_ROWS, spec.grid.size)) for j, scan in zip(kept, scans, strict=True)
            ],
            begins=[((first, 0.0), (both, rest))[j] for j in kept],
            alike=(math.sqrt(alike), math.sqrt(1 - alike)),
        )

    def shared(self, pool: Normals, space: Workspace, rows: int) -> Floats:
        """Draw the next rows that a pool shares, times their weight in each member's."""
        found = space.shared[:, :rows]
        pool.draw(found, space.drawn)
        found *= self.alike[0]
        return found

    def mix(self, normals: Floats, shared: Floats | None) -> None:
        """Mix what a pool shares, already times its weight, into a server's own normals, in place."""
        if shared is not None:
            normals *= self.alike[1]
            normals += shared

    def states(self, own: Normals, pool: Normals | None) -> list[Floats]:
        """Return what each recursion holds before the first row, by pair of metrics."""
        if not self.scans:
            return []
        normals = own.start
        self.mix(normals, None if pool is None else self.alike[0] * pool.start)
        columns = normals.T.tolist()
        correlated = np.zeros((2, len(self.now) + len(self.now) % 2))
        for metric, weights in enumerate(self.factor):
            for u, column in enumerate(columns):
                correlated[u, metric] = _sum(weights[: metric + 1], column)
        first, second = correlated.reshape(2, -1, 2)
        return [begin[0] * first + begin[1] * second for begin in self.begins]

    def noise(self, normals: Floats, states: list[Floats], out: Sequence[Floats], space: Workspace) -> None:
        """Write a block's noise into `out`, metric by metric; `states` become those after its last row."""
        rows = normals.shape[1]
        paired = space.paired[:, :rows]
        for metric, weights in enumerate(self.factor):
            total = _weighted(normals, weights[: metric + 1], space.line[:rows], space.other[:rows])
            np.multiply(total, self.now[metric], out=out[metric])
            if self.scans:
                paired[metric // 2, :, metric % 2] = total
        for j, scan in enumerate(self.scans):
            scanned = space.scanned[j][:, :rows]
            states[j] = scan.run(paired, states[j], scanned)
            scanned *= self.weights[j][:, :rows]
        if len(self.scans) > 1:
            space.scanned[0][:, :rows] += space.scanned[1][:, :rows]
        if self.scans:
            for metric, place in enumerate(out):
                place += space.scanned[0][metric // 2, :rows, metric % 2]


class Workspace:
    """Arrays that every block of every server is worked out in.

    Parameters
    ----------
    metrics, tracks, rows
        How many of them a block has at most.
    """

    def __init__(self, metrics: int, tracks: int, rows: int) -> None:
        pairs = -(-metrics // 2)
        self.drawn = np.empty((ONE_STREAM, rows))
        self.normals, self.shared = np.empty((2, metrics, rows))
        self.noise, self.shaped = np.empty((2, tracks, rows))
        self.line, self.other = np.empty((2, rows))
        self.paired = np.zeros((pairs, rows, 2))
        self.scanned = np.empty((2, pairs, rows, 2))


def _weighted(normals: Floats, weights: Sequence[float], total: Floats, scratch: Floats) -> Floats:
    np.multiply(normals[0], weights[0], out=total)
    for column, weight in zip(normals[1:], weights[1:], strict=False):
        total += np.multiply(column, weight, out=scratch)
    return total


def _sum(weights: Sequence[float], numbers: Sequence[float]) -> float:
    total = 0.0
    for weight, number in zip(weights, numbers, strict=False):
        total += weight * number
    return total
