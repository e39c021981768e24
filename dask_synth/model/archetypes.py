"""Archetypes: what kinds of server there are, as a table.

A profile's bounds stand in its type annotations (``annotated_types``), where the configuration and the documentation
read them; the profile itself is a plain frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Interval

from dask_synth.model.correlation import Correlation as Correlation
from dask_synth.model.correlation import cholesky_factor as cholesky_factor
from dask_synth.model.correlation import correlation_matrix as correlation_matrix
from dask_synth.model.life import Life

Level = Annotated[float, Interval(ge=0, le=1e9)]
Deviation = Annotated[float, Interval(gt=0, le=1e9)]
Factor = Annotated[float, Interval(ge=0, le=1e6)]
Probability = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class Base:
    """Mean of each metric before load and growth: cpu, mem, disk in %, net in Mbps; others by name, in their unit."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu: Level
    mem: Level
    disk: Level
    net: Level


@dataclass(frozen=True)
class Deviations:
    """Standard deviation of each metric's noise: cpu, mem, disk in %, net in Mbps; others by name, in their unit."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu: Deviation
    mem: Deviation
    disk: Deviation
    net: Deviation


@dataclass(frozen=True)
class ArchetypeProfile(Life):
    """One kind of server; what lets its servers differ stands in :class:`dask_synth.model.life.Life`.

    Attributes
    ----------
    base, sd
        Mean and standard deviation of the noise of cpu, mem, disk (%) and net (Mbps), and of metrics of your own.
    correlation
        Of the noise of each pair of them.
    business_hours
        Load factor where 9 <= hour <= 17.
    weekend
        Load factor on Saturday and Sunday.
    spike_probability
        Share of the rows that are spikes.
    spike_magnitude
        Factor on cpu in a spike; mem takes 0.7 of it and net 0.8, a metric of your own its `spike`.
    growth
        Linear growth of what grows, percent of the base a month of 30.4375 days: cpu, mem and disk, and metrics of
        your own with `growth`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    base: Base
    sd: Deviations
    correlation: Correlation
    business_hours: Factor
    weekend: Factor
    spike_probability: Probability
    spike_magnitude: Annotated[float, Gt(0), Interval(le=1e6)]
    growth: Annotated[float, Ge(-1000), Interval(le=1000)]


PROFILES: dict[str, ArchetypeProfile] = {
    "web": ArchetypeProfile(
        Base(45, 35, 20, 150), Deviations(15, 8, 5, 50), Correlation(0.5, 0.8, 0.2), 1.6, 0.5, 0.03, 1.8, 0.5
    ),
    "application": ArchetypeProfile(
        Base(50, 55, 30, 120), Deviations(18, 15, 10, 40), Correlation(0.7, 0.6, 0.4), 1.5, 0.6, 0.02, 1.6, 0.8
    ),
    "database": ArchetypeProfile(
        Base(35, 70, 55, 100), Deviations(12, 10, 15, 30), Correlation(0.6, 0.4, 0.7), 1.3, 0.7, 0.01, 1.4, 1.0
    ),
    "batch": ArchetypeProfile(
        Base(30, 45, 40, 80), Deviations(25, 12, 20, 35), Correlation(0.4, 0.3, 0.5), 0.8, 1.2, 0.08, 2.5, 0.3
    ),
}
"""The built-in profiles, in the order in which a fleet lists them."""
