"""Metrics of servers that are individuals: a mean and a deviation of their own, noise with memory and in company.

Time runs outside, a block of rows after the other, and the members of a pool inside: what a pool shares is drawn once
for all of them, and stands in memory for one block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.cycles import Loads
from dask_synth.model.individuals import Individuals, individuals_of
from dask_synth.model.metrics import BLOCK_ROWS, observe
from dask_synth.model.noise import OWN, POOL, Normals, Recall, Workspace
from dask_synth.model.seeds import Purpose, generator
from dask_synth.model.shape import LEAST_SKEW, exponential
from dask_synth.model.spec import FleetSpec
from dask_synth.model.tracks import Track, tracks_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kin:
    """What the living servers of one archetype have in common.

    Attributes
    ----------
    spec, archetype
        Whose.
    recall
        How their noise is made.
    tracks
        What is shown of it, those with skew first.
    loads
        Their load.
    spike_probability
        0 where spikes are switched off.
    """

    spec: FleetSpec
    archetype: str
    recall: Recall
    tracks: tuple[Track, ...]
    loads: Loads
    spike_probability: float

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str) -> Self:
        """Work it out."""
        chance = spec.archetypes[archetype].spike_probability if spec.spikes else 0.0
        recall, tracks = Recall.of(spec, archetype), tracks_of(spec, archetype)
        return cls(spec, archetype, recall, tracks, Loads.of(spec, archetype), chance)

    @property
    def metrics(self) -> int:
        """Number of metrics."""
        return len(self.spec.metrics.metrics)

    @cached_property
    def places(self) -> list[int]:
        """Metric by metric, which track has its own noise."""
        own = {track.metric.name: place for place, track in enumerate(self.tracks) if track.in_out == 1}
        return [own[name] for name in self.spec.metrics.latent]

    @cached_property
    def skews(self) -> Floats:
        """The skews of the tracks that have any, as a column."""
        return np.array([[track.skew] for track in self.tracks if track.skew >= LEAST_SKEW]).reshape(-1, 1)


def living_metrics(kin: Kin, servers: range, out: Mapping[str, Floats], first_row: int = 0) -> None:
    """Write the metric columns of living servers into `out`.

    Parameters
    ----------
    kin, servers
        Neighbours of one archetype.
    out
        Column name -> float64 array, one row a server, contiguous along time, from `first_row` on; it may end before
        the grid does.
    first_row
        Rows before it are drawn, since streams and memory run in time order, and left out.
    """
    spec, people = kin.spec, individuals_of(kin.spec, kin.archetype, servers.start, servers.stop)
    stop = first_row + next(iter(out.values())).shape[1]
    space = Workspace(kin.metrics, len(kin.tracks), min(BLOCK_ROWS, stop))
    for group, places in groupby(range(len(servers)), key=lambda place: _company(people, place)):
        pool = Normals(spec.seed, group, spec.metrics.further, POOL) if group >= 0 else None
        members = [Member(kin, servers[place], people, place, pool, slice(first_row, stop)) for place in places]
        columns = [{name: rows[member.place] for name, rows in out.items()} for member in members]
        for start in range(0, stop, BLOCK_ROWS):
            block = Block(start, min(start + BLOCK_ROWS, stop), first_row)
            shared = kin.recall.shared(pool, space, block.rows) if pool else None
            for member, own in zip(members, columns, strict=True):
                member.write(block, shared, own, space)


def _company(people: Individuals, place: int) -> int:
    """Return a server's pool, or a number below 0 that no other has."""
    pool = int(people.pool[place])
    return pool if pool >= 0 else -1 - place


class Block(NamedTuple):
    """Rows start, ..., stop - 1 of the grid, of which those from `first_row` on are wanted."""

    start: int
    stop: int
    first_row: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start

    @property
    def drop(self) -> int:
        """How many of them, the first ones, are not wanted."""
        return min(max(self.first_row - self.start, 0), self.rows)

    @property
    def wanted(self) -> slice:
        """Where the others lie among all that are wanted."""
        return slice(max(self.start - self.first_row, 0), max(self.stop - self.first_row, 0))


class Member:
    """One server, on its way through time.

    Parameters
    ----------
    kin, server
        Who it is.
    people, place
        Its individual numbers, and where among them they stand.
    pool
        What it shares, if it is in a pool.
    wanted
        The rows of the grid that are.
    """

    def __init__(
        self, kin: Kin, server: int, people: Individuals, place: int, pool: Normals | None, wanted: slice
    ) -> None:
        spec = kin.spec
        self.place, self._kin = place, kin
        self._normals = Normals(spec.seed, server, spec.metrics.further, OWN)
        self._states = kin.recall.states(self._normals, pool)
        self._chance = generator(spec.seed, Purpose.SPIKES, server)
        apart = any(track.in_out != 1 for track in kin.tracks)
        self._sent = generator(spec.seed, Purpose.NET_OUT, server) if apart else None
        cycle = int(people.region[place]), float(people.strength[place]), int(people.shift[place])
        load = kin.loads.of_server(*cycle)
        # A copy, where it is a part, lets go of the whole.
        self._load = load[wanted].copy() if wanted.start else load[wanted]
        self._months = spec.calendar().months[wanted]
        self._growth = float(people.rate[place]) / 100 if spec.growth else 0.0
        noise = float(people.noise[place])
        self._lines = [track.line(float(people.level[track.metric.name][place]), noise) for track in kin.tracks]

    def write(self, block: Block, shared: Floats | None, out: Mapping[str, Floats], space: Workspace) -> None:
        """Draw a block's rows, and write those that are wanted into the server's columns."""
        kin = self._kin
        noise = space.noise[:, : block.rows]
        self._draw(shared, noise, space)
        uniforms = self._chance.random(block.rows)[block.drop :]
        if not len(uniforms):
            return
        spikes = np.flatnonzero(uniforms < kin.spike_probability)
        noise, shaped = noise[:, block.drop :], space.shaped[:, : len(uniforms)]
        skewed = len(kin.skews)
        exponential(noise[:skewed], kin.skews, shaped[:skewed])
        courses = self._courses(block.wanted)
        latent, scratch = space.line[: len(uniforms)], space.other[: len(uniforms)]
        for place, (track, line) in enumerate(zip(kin.tracks, self._lines, strict=True)):
            course = courses[track.metric.load, track.metric.growth]
            track.write(line, (shaped if place < skewed else noise)[place], course, latent, scratch)
            if track.spike != 1.0:
                latent[spikes] *= track.spike
            for column in track.columns:
                observe(latent, column, out[column.name][block.wanted])

    def _draw(self, shared: Floats | None, noise: Floats, space: Workspace) -> None:
        """Draw the noise of each track."""
        kin, rows = self._kin, noise.shape[1]
        normals = space.normals[:, :rows]
        self._normals.draw(normals, space.drawn)
        kin.recall.mix(normals, shared)
        kin.recall.noise(normals, self._states, [noise[place] for place in kin.places], space)
        for track, place in zip(kin.tracks, noise, strict=True):
            if self._sent and track.in_out != 1:
                own = noise[kin.places[kin.spec.metrics.latent.index(track.metric.name)]]
                self._sent.standard_normal(out=place)
                place *= math.sqrt(1 - track.in_out * track.in_out)
                place += np.multiply(own, track.in_out, out=space.line[:rows])

    def _courses(self, rows: slice) -> dict[tuple[bool, bool], Floats | None]:
        """Return what multiplies a mean, by whether load and whether growth act on it."""
        load = self._load[rows]
        if not self._growth:
            return {(True, True): load, (True, False): load, (False, True): None, (False, False): None}
        growth = self._growth * self._months[rows]
        growth += 1.0
        np.maximum(growth, 0.0, out=growth)
        return {(True, True): load * growth, (True, False): load, (False, True): growth, (False, False): None}
