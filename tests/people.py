"""Fleets of individuals, for the tests of every room."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dask_synth.config.layers import load_config
from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import Place
from dask_synth.model.life import Company
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import RunPlan

PLACES = (
    Place("America/New_York", "US-NY"),
    Place(-8),
    Place("Europe/Berlin", "DE-BY"),
    Place("Asia/Kolkata", "IN"),
)
"""One a region of the default fleet: US-East, US-West, EU, Asia."""

ALL_DIFFERENT: Mapping[str, Any] = {
    "level_spread": {"cpu": 0.5, "mem": 0.2, "disk": 0.4, "net": 0.8},
    "noise_spread": 0.7,
    "strength": 0.5,
    "strength_spread": 0.6,
    "shift_spread": 3.0,
    "growth_spread": 0.5,
}
"""Every spread of a profile, none like another."""


def spec_of(
    life: Mapping[str, Any] | None = None,
    *,
    servers: int = 120,
    places: tuple[Place, ...] = (),
    company: Company | None = None,
    **changes: Any,
) -> FleetSpec:
    """Return the default fleet, its archetypes with these switches, and other configuration by key with ``__``."""
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    spec = RunPlan.of(load_config(None, {"fleet.servers": servers, **settings})).spec
    profiles = {name: replace(profile, **(life or {})) for name, profile in spec.archetypes.items()}
    return replace(spec, fleet=replace(spec.fleet, places=places, company=company), archetypes=profiles)


def grid(first: str, last: str, granularity: str = "hourly") -> TimeGrid:
    return TimeGrid(dt.date.fromisoformat(first), dt.date.fromisoformat(last), granularity)
