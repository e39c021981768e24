"""Fleets whose servers are individuals, for the tests of every room."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_synth.model.archetypes import ArchetypeProfile, Base, Deviations
from dask_synth.model.calendar import Seasonality, TimeGrid
from dask_synth.model.columns import BUILT_IN, Metric, MetricColumn
from dask_synth.model.correlation import Correlation
from dask_synth.model.draw import Draw
from dask_synth.model.fleet import Fleet, Place
from dask_synth.model.life import Company, Memory
from dask_synth.model.numbers import numbers_type
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]

SHARES = {"cpu": (0.44, 0.47), "mem": (0.42, 0.38), "disk": (0.38, 0.06), "net": (0.58, 0.20)}
HOURLY = Memory((5, 120), {**SHARES, "iops": (0.40, 0.30)})
SKEW = {"cpu": 1.3, "mem": 0.8, "disk": 1.4, "net": 1.4}
ALIVE: Mapping[str, Any] = {
    "noise": "proportional",
    "skew": SKEW,
    "memory": HOURLY,
    "in_out": 0.9,
    "cycle": "office",
    "strength": 0.15,
    "strength_spread": 1.25,
    "shift_spread": 1.0,
    "level_spread": {"cpu": 0.55, "mem": 0.35, "disk": 0.5, "net": 0.9},
    "noise_spread": 1.4,
    "growth_spread": 0.5,
}
"""All switches of a profile, on."""
NUMBERS = ArchetypeProfile(
    base=Base(3.6, 30, 8, 12),
    sd=Deviations(2.88, 15.6, 6, 22.8),
    correlation=Correlation(0.70, 0.65, 0.45, 0.35, 0.45, 0.35),
    business_hours=1.3,
    weekend=0.88,
    spike_probability=0.002,
    spike_magnitude=4.5,
    growth=0.5,
)
POOLS = Company(size=4, pools=0.6, alike=0.9)
REGIONS = (("US-East", 0.5), ("EU", 0.5))
PLACES = (Place(-5), Place("Europe/Berlin", "DE"))
IOPS = Metric("iops", load=True, growth=False, spike=0.5)
WITH_IOPS = BUILT_IN.extended([IOPS], [MetricColumn("iops_p95", "iops", "IOPS", 20000.0, "iops", "")])


def living_spec(
    granularity: str = "hourly",
    days: int = 30,
    *,
    servers: int = 12,
    seed: int = 42,
    company: Company | None = None,
    places: tuple[Place, ...] = (),
    spikes: bool = True,
    grows: bool = True,
    seasonality: Seasonality | None = None,
    further: bool = False,
    **changes: Any,
) -> FleetSpec:
    """Return a fleet of one archetype: plain numbers, and what is changed of its profile."""
    first = dt.date(2023, 12, 20)
    profile = replace(NUMBERS, **changes)
    if further:
        own = {
            "base": numbers_type(Base, ("iops",))(**vars(profile.base), iops=900),
            "sd": numbers_type(Deviations, ("iops",))(**vars(profile.sd), iops=200),
            "correlation": numbers_type(Correlation, ("cpu_iops",))(**vars(profile.correlation), cpu_iops=0.6),
        }
        profile = replace(profile, **own)
    return FleetSpec(
        seed=seed,
        fleet=Fleet(servers, (("web", 1.0),), (("Sales", 1.0),), (("low", 1.0),), REGIONS, places, company),
        grid=TimeGrid(first, first + dt.timedelta(days - 1), granularity),
        seasonality=seasonality or Seasonality(),
        growth=grows,
        spikes=spikes,
        archetypes={"web": profile},
        metrics=WITH_IOPS if further else BUILT_IN,
    )


def drawn(
    spec: FleetSpec, servers: range | None = None, first_row: int = 0, stop: int | None = None
) -> dict[str, Floats]:
    """Return column -> values, one row a server."""
    servers = range(spec.fleet.servers) if servers is None else servers
    shape = len(servers), (spec.grid.size if stop is None else stop) - first_row
    out = {name: np.full(shape, np.nan) for name in spec.metrics.names}
    Draw(spec, "web").write(servers, out, first_row)
    return out
