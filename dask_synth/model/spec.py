"""All that decides the values of a fleet: configuration makes it, everything else takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import Calendar, Seasonality, TimeGrid, calendar_of
from dask_synth.model.columns import BUILT_IN, MetricTable
from dask_synth.model.fleet import Fleet
from dask_synth.model.metrics import Baseline


@dataclass(frozen=True)
class FleetSpec:
    """What a task carries to a worker.

    Attributes
    ----------
    seed
        Of all streams.
    fleet, grid, seasonality
        Who there is, when, and which seasons act.
    growth, spikes
        Whether there are any.
    archetypes
        The profile of each archetype of the mix.
    metrics
        The table of metrics.
    """

    seed: int
    fleet: Fleet
    grid: TimeGrid
    seasonality: Seasonality
    growth: bool
    spikes: bool
    archetypes: Mapping[str, ArchetypeProfile]
    metrics: MetricTable = BUILT_IN

    def living(self, archetype: str) -> bool:
        """Whether servers of an archetype are individuals: whether any switch of theirs, or of the fleet's, is on."""
        return bool(self.fleet.places or self.fleet.company) or not self.archetypes[archetype].is_off

    def calendar(self) -> Calendar:
        """Return the grid's calendar, shared by all chunks that this process makes."""
        return calendar_of(self.grid, self.seasonality)

    def baseline(self, archetype: str) -> Baseline:
        """Return what all servers of an archetype share."""
        return Baseline.of(
            self.archetypes[archetype],
            self.calendar(),
            self.seasonality,
            growth=self.growth,
            spikes=self.spikes,
            metrics=self.metrics,
        )
