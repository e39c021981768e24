"""All that a check may look at: what was seen, what was planned, and what the model says must come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dask_synth.measure.planned import Planned
from dask_synth.measure.ranks import RankSums
from dask_synth.measure.sums import Measured
from dask_synth.proof.observed import Observed
from dask_synth.theory.living import LivingTheory
from dask_synth.theory.theory import ArchetypeTheory, Theory


@dataclass(frozen=True, eq=False)
class Evidence:
    """What came next to what must come.

    Attributes
    ----------
    measured
        What was seen.
    planned
        What the rows were held against.
    theory
        What it must be.
    """

    measured: Measured
    planned: Planned
    theory: Theory
    _observed: dict[str, Observed] = field(default_factory=dict, repr=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metric columns."""
        return self.theory.spec.metrics.names

    @property
    def archetypes(self) -> list[str]:
        """The archetypes of which there are rows, in the plan's order."""
        return [name for name in self.theory.archetypes if name in self.measured.sums]

    def both(self) -> Iterator[tuple[Observed, ArchetypeTheory]]:
        """Yield what was seen of each archetype beside what must come of it."""
        for name in self.archetypes:
            if name not in self._observed:
                self._observed[name] = Observed(self.measured.sums[name], self.theory.archetypes[name])
            yield self._observed[name], self.theory.archetypes[name]

    def servers_of(self, archetype: str) -> npt.NDArray[np.bool_]:
        """Return which rows of ``measured.servers`` the plan gives to an archetype."""
        index = self.measured.servers.index
        planned = [block for block in self.planned.spec.fleet.blocks() if block.archetype == archetype]
        return np.asarray((index >= planned[0].start) & (index < planned[0].stop) if planned else index < 0)

    def living(self) -> Iterator[tuple[RankSums, LivingTheory]]:
        """Yield the ranks of each archetype whose servers are individuals, beside what must come of them."""
        for name, theory in self.theory.living.items():
            if name in self.measured.ranks:
                yield self.measured.ranks[name], theory
