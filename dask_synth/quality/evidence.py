"""All that a check may look at: what was seen, what was planned, and what the model says must come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dask_synth.quality.observed import Observed
from dask_synth.quality.reference import Reference
from dask_synth.quality.statistics import Statistics
from dask_synth.theory.theory import ArchetypeTheory, Theory


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics next to theory.

    Attributes
    ----------
    statistics
        What was seen.
    reference
        What the rows were held against.
    theory
        What the statistics must be.
    """

    statistics: Statistics
    reference: Reference
    theory: Theory
    _observed: dict[str, Observed] = field(default_factory=dict, repr=False)

    @property
    def archetypes(self) -> list[str]:
        """The archetypes of which there are rows, in the plan's order."""
        return [name for name in self.theory.archetypes if name in self.statistics.sums]

    def both(self) -> Iterator[tuple[Observed, ArchetypeTheory]]:
        """Yield what was seen of each archetype beside what must come of it."""
        for name in self.archetypes:
            if name not in self._observed:
                self._observed[name] = Observed(self.statistics.sums[name], self.theory.archetypes[name])
            yield self._observed[name], self.theory.archetypes[name]

    def servers_of(self, archetype: str) -> npt.NDArray[np.bool_]:
        """Return which rows of ``statistics.servers`` the plan gives to an archetype."""
        index = self.statistics.servers.index
        planned = [block for block in self.reference.spec.fleet.blocks() if block.archetype == archetype]
        return np.asarray((index >= planned[0].start) & (index < planned[0].stop) if planned else index < 0)
