"""What makes a server of an archetype an individual: its level, noise, rhythm, growth, pool and region.

Drawn by identity, so that neither the fleet's size nor a cut changes them. The numbers are rounded before use: what the
table of servers shows is what the rows are made with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.columns import ONE_STREAM, MetricTable
from dask_synth.model.correlation import cholesky_factor
from dask_synth.model.localtime import timezone_text
from dask_synth.model.seeds import Purpose, generator
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NUMBERS = 8
"""Normals of one stream: those of the first metrics' levels, then one each of the following."""
NOISE, STRENGTH, SHIFT, GROWTH = range(ONE_STREAM, NUMBERS)
FARTHEST = 2.0
"""Normals are cut here: no server is stranger than one in 44 would be."""
STRONGEST = 3.0
DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Individuals:
    """The individuals among servers start, ..., stop - 1 of one archetype, one element a server.

    Attributes
    ----------
    level
        Metric -> factor on its mean; 1 where levels do not spread.
    noise
        Factor on the deviation.
    strength
        Exponent of the cycle.
    shift
        Hours by which the week begins earlier than the region's.
    rate
        Growth, percent of the base a month.
    pool
        The first server of the pool that the server is in, or ALONE.
    region
        Position among the fleet's regions.
    """

    level: Mapping[str, Floats]
    noise: Floats
    strength: Floats
    shift: Ints
    rate: Floats
    pool: Ints
    region: Ints


def individuals_of(spec: FleetSpec, archetype: str, start: int, stop: int) -> Individuals:
    """Draw servers start, ..., stop - 1, all of one archetype."""
    profile, fleet = spec.archetypes[archetype], spec.fleet
    pool = fleet.pools(spec.seed, start, stop)
    factor = cholesky_factor(profile.correlation, spec.metrics.latent)
    further = _further(profile, spec.metrics, factor)
    spreads = (profile.noise_spread, profile.strength_spread, profile.shift_spread, profile.growth_spread)
    drawn = np.zeros((stop - start, NUMBERS + len(further)))
    if any(spreads) or any(profile.level_spread.values()):
        drawn = np.clip(_drawn(spec, pool, start, further), -FARTHEST, FARTHEST)
    strength = profile.strength * np.exp(profile.strength_spread * drawn[:, STRENGTH])
    rate = profile.growth * (1 + profile.growth_spread * drawn[:, GROWTH])
    return Individuals(
        level=_levels(profile, spec.metrics, factor, drawn, further),
        noise=_rounded(np.exp(profile.noise_spread * drawn[:, NOISE])),
        strength=_rounded(np.minimum(strength, STRONGEST)),
        shift=np.rint(profile.shift_spread * drawn[:, SHIFT]).astype(np.int64),
        # A growth that does not spread is the profile's, as in servers of old.
        rate=_rounded(rate) if profile.growth_spread else rate,
        pool=pool,
        region=fleet.metadata_codes(spec.seed, start, stop)["region"].astype(np.int64),
    )


def individual_columns(spec: FleetSpec, start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
    """Return what the table of servers says of the individuals start, ..., stop - 1 of a fleet, by column.

    ``pool`` is ALONE where a server is on its own; ``timezone`` is there if the fleet has places. Where no archetype is
    living there are no columns.
    """
    if not any(spec.living(name) for name, _ in spec.fleet.mix):
        return {}
    blocks = [block for block in spec.fleet.blocks() if block.start < stop and block.stop > start]
    parts = [individuals_of(spec, name, max(first, start), min(last, stop)) for name, first, last in blocks]

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    columns = {f"level_{name}": np.concatenate([part.level[name] for part in parts]) for name in spec.metrics.latent}
    columns |= {"noise": joined("noise"), "cycle_strength": joined("strength")}
    columns |= {"cycle_shift": joined("shift").astype(np.int32), "growth_rate": joined("rate")}
    columns |= {"pool": joined("pool").astype(np.int32)}
    if spec.fleet.places:
        zones = np.array([timezone_text(place.timezone) for place in spec.fleet.places], object)
        columns["timezone"] = zones[joined("region")]
    return columns


def _rounded(numbers: npt.NDArray[Any]) -> Floats:
    return np.asarray(np.round(numbers, DECIMALS), np.float64)


def _spreading(profile: ArchetypeProfile, metrics: MetricTable) -> list[int]:
    return [row for row, name in enumerate(metrics.latent) if profile.level_spread.get(name)]


def _further(profile: ArchetypeProfile, metrics: MetricTable, factor: Floats) -> tuple[str, ...]:
    """Return the further metrics that a level which spreads is made of: no other's stream is opened."""
    needed = np.abs(factor[_spreading(profile, metrics)]).sum(axis=0) > 0
    return tuple(name for row, name in enumerate(metrics.latent) if row >= ONE_STREAM and needed[row])


def _levels(
    profile: ArchetypeProfile, metrics: MetricTable, factor: Floats, drawn: Floats, further: Sequence[str]
) -> dict[str, Floats]:
    """Return each metric's levels: as the noise, they go together as the metrics do."""
    levels = dict.fromkeys(metrics.latent, np.ones(len(drawn)))
    column = {name: row for row, name in enumerate(metrics.latent[:ONE_STREAM])}
    column |= {name: NUMBERS + place for place, name in enumerate(further)}
    for row in _spreading(profile, metrics):
        name, total = metrics.latent[row], np.zeros(len(drawn))
        for other, weight in zip(metrics.latent, factor[row].tolist(), strict=True):
            if weight:
                total += weight * drawn[:, column[other]]
        levels[name] = _rounded(np.exp(profile.level_spread[name] * total))
    return levels


def _drawn(spec: FleetSpec, pool: Ints, start: int, further: Sequence[str]) -> Floats:
    """Return one row of normals a server; two servers of a pool have `alike` of them in common."""
    own = _normals(spec.seed, Purpose.INDIVIDUAL, range(start, start + len(pool)), further)
    alike = spec.fleet.company.alike if spec.fleet.company else 0.0
    members = np.flatnonzero(pool >= 0)
    if alike and members.size:
        firsts, of_pool = np.unique(pool[members], return_inverse=True)
        shared = _normals(spec.seed, Purpose.GROUP_INDIVIDUAL, firsts.tolist(), further)
        own[members] = sqrt(alike) * shared[of_pool] + sqrt(1 - alike) * own[members]
    return own


def _normals(seed: int, purpose: Purpose, identities: Sequence[int], further: Sequence[str]) -> Floats:
    normals = np.empty((len(identities), NUMBERS + len(further)))
    for row, identity in zip(normals, identities, strict=True):
        generator(seed, purpose, identity).standard_normal(out=row[:NUMBERS])
        for place, name in enumerate(further, NUMBERS):
            row[place] = generator(seed, purpose, identity, name).standard_normal()
    return normals
