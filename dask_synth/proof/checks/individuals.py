"""Trials of what makes servers individuals: that what was drawn for them is spread as the profile says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dask_synth.model.individuals import individuals_of
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import Trial
from dask_synth.theory.living import LivingTheory

Floats = npt.NDArray[np.float64]

FARTHEST, STRONGEST = 2.0, 3.0
"""Where the normals of servers' own numbers are cut, and the strength of a cycle, at most."""


def individuals(evidence: Evidence) -> Iterator[Trial]:
    """Compare how far the servers' own numbers are spread with what the profile says."""
    for _, theory in evidence.living():
        for name, (values, most) in _spreads(theory).items():
            alike, (count, pairs) = theory.law.alike, theory.units
            mean, variance = _cut_normal(most)
            for moment, observed in (("middle", values - mean), ("spread", (values - mean) ** 2 / variance - 1)):
                share = alike if moment == "middle" else alike**2
                wide = variance if moment == "middle" else 2.0
                lopsided = moment == "spread" or most < FARTHEST
                yield Trial(
                    name=f"independence.{theory.name}.{name}.{moment}",
                    kind="independence",
                    what=f"{moment} of the {theory.name} servers' {name}, in the profile's spread",
                    observed=float(observed.mean()),
                    expected=0.0,
                    standard_error=float(np.sqrt(wide * (count + pairs * share)) / count),
                    skewness=float(np.sqrt(8 * (count + pairs * share)) / count) if lopsided else 0.0,
                    archetype=theory.name,
                    hint="is it drawn with another spread, or not for each server?",
                )


def _cut_normal(most: float) -> tuple[float, float]:
    """Return mean and variance of a normal that is cut at -FARTHEST and at `most`."""
    normal = np.linspace(-8, 8, 16001)
    weight = np.exp(-(normal**2) / 2)
    cut = np.clip(normal, -FARTHEST, most)
    mean = np.average(cut, weights=weight)
    return float(mean), float(np.average((cut - mean) ** 2, weights=weight))


def _spreads(theory: LivingTheory) -> dict[str, tuple[Floats, float]]:
    """Return what was drawn for the servers, as it was before it was spread, and how large it may be."""
    spec, profile = theory.law.spec, theory.law.spec.archetypes[theory.name]
    block = next(block for block in spec.fleet.blocks() if block.archetype == theory.name)
    known = individuals_of(spec, theory.name, block.start, block.stop)
    found = {
        f"level_{name}": (np.log(known.level[name]) / spread, FARTHEST)
        for name, spread in profile.level_spread.items()
        if spread
    }
    if profile.noise_spread:
        found["noise"] = np.log(known.noise) / profile.noise_spread, FARTHEST
    if profile.cycle is not None and profile.strength_spread and 0 < profile.strength < STRONGEST:
        most = np.log(STRONGEST / profile.strength) / profile.strength_spread
        values = np.log(known.strength / profile.strength) / profile.strength_spread
        found["cycle_strength"] = values, min(float(most), FARTHEST)
    if profile.growth and profile.growth_spread:
        found["growth_rate"] = (known.rate / profile.growth - 1) / profile.growth_spread, FARTHEST
    return found
