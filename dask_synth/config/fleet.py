"""The section of the fleet: how many servers of what kind, whose they are, where they stand, how they go together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_serializer
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from dask_synth.config.life import CompanySwitch
from dask_synth.config.regions import Regions
from dask_synth.config.values import Count, Mix, WeightedValues


class Section(BaseModel):
    """Part of a configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FleetConfig(Section):
    """Who is in the fleet. Lists of values are uniform; ``{value: weight}`` is not.

    Attributes
    ----------
    servers
        Number of servers.
    mix
        Share of each archetype; the shares sum to 1.
    business_units
        Who pays for a server, drawn for each with these weights.
    criticalities
        How much a server matters, drawn likewise.
    regions
        Where a server stands, drawn likewise. ``{EU: {weight: 1, timezone: Europe/Berlin, holidays: DE}}`` says by
        which clock it works, and whose public holidays it keeps.
    company
        How neighbours go together; ``{}`` for what is usual, ``null`` for each on its own.
    """

    servers: Annotated[Count, Field(ge=1, le=10_000_000)] = 120
    mix: Mix = {
        "web": 0.35,
        "application": 0.40,
        "database": 0.15,
        "batch": 0.10,
    }
    business_units: WeightedValues = dict.fromkeys(("Trading", "Retail", "Compliance", "IT"), 1.0)
    criticalities: WeightedValues = dict.fromkeys(("High", "Medium", "Low"), 1.0)
    regions: Regions = dict.fromkeys(("US-East", "US-West", "EU", "Asia"), 1.0)
    company: CompanySwitch = None

    @model_serializer(mode="wrap")
    def _switched_on(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without it a run is what it was before there could be some.
        return {key: value for key, value in dump(self).items() if key != "company" or value is not None}
