"""The plan of a run: which servers are made together, and what will come of it. Pure, and no Dask."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Self

from dask_synth.config.metrics import metric_table
from dask_synth.config.regions import places_of, weight_of
from dask_synth.config.run import RunConfig
from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import Fleet
from dask_synth.model.spec import FleetSpec
from dask_synth.storage.identity import deciding_versions, run_identity, suffix_of
from dask_synth.storage.manifest import Plan


@dataclass(frozen=True)
class Chunk:
    """Servers start, ..., stop - 1 of one archetype, from one row of the grid to its end: one task, one part."""

    index: int
    archetype: str
    start: int
    stop: int
    first_row: int = 0

    @property
    def servers(self) -> int:
        """Number of servers."""
        return self.stop - self.start


@dataclass(frozen=True)
class RunPlan:
    """A configuration, cut into chunks."""

    config: RunConfig
    spec: FleetSpec
    chunks: tuple[Chunk, ...]
    run_id: str = field(repr=False)

    @classmethod
    def of(cls, config: RunConfig, first_row: int = 0, first_index: int = 0) -> Self:
        """Cut each archetype's servers into chunks of at most rows_per_partition rows, and at least one server.

        Parameters
        ----------
        config
            What to make.
        first_row, first_index
            Of an appended run: the first row of the grid that is new, and the first free part number.
        """
        spec = spec_of(config)
        size = max(1, config.output.rows_per_partition // (spec.grid.size - first_row))
        chunks: list[Chunk] = []
        for archetype, first, last in spec.fleet.blocks():
            for start in range(first, last, size):
                chunks.append(Chunk(first_index + len(chunks), archetype, start, min(start + size, last), first_row))
        identity = run_identity(config.model_dump(mode="json"), (first_row, first_index))
        return cls(config, spec, tuple(chunks), identity)

    @property
    def rows(self) -> int:
        """Rows of all chunks."""
        return sum(self.rows_of(chunk) for chunk in self.chunks)

    def rows_of(self, chunk: Chunk) -> int:
        """Rows of one chunk."""
        return chunk.servers * (self.spec.grid.size - chunk.first_row)

    def record(self, replaces: str | None = None, *, shared: bool = False) -> Plan:
        """Return what a run leaves beside its data before it begins.

        Parameters
        ----------
        replaces
            Digest of the manifest that its own will replace.
        shared
            Whether its files will lie among those of other generations.
        """
        config = self.config.model_dump(mode="json")
        return Plan(
            run_id=self.run_id,
            started=dt.datetime.now(dt.UTC),
            config=config,
            versions=deciding_versions(config),
            suffix=suffix_of(self.run_id, replaces, shared=shared),
            replaces=replaces,
        )


def spec_of(config: RunConfig) -> FleetSpec:
    """Return the model's part of a configuration."""
    fleet = config.fleet
    return FleetSpec(
        seed=config.seed,
        fleet=Fleet(
            servers=fleet.servers,
            mix=tuple(fleet.mix.items()),
            business_units=tuple(fleet.business_units.items()),
            criticalities=tuple(fleet.criticalities.items()),
            regions=tuple((name, weight_of(region)) for name, region in fleet.regions.items()),
            places=places_of(fleet.regions),
            company=fleet.company,
        ),
        grid=TimeGrid(config.time.start_date, config.time.end_date, config.time.granularity),
        seasonality=config.seasonality,
        growth=config.growth,
        spikes=config.spikes,
        archetypes={name: config.archetypes[name] for name in fleet.mix},
        metrics=metric_table(config.metrics),
    )
