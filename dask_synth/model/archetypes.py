"""Archetypes: what kinds of server there are, as a table, and the correlation of their metrics.

A profile's bounds stand in its type annotations (``annotated_types``), where the configuration and the documentation
read them; the profile itself is a plain frozen dataclass.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval

Level = Annotated[float, Interval(ge=0, le=1e9)]
Deviation = Annotated[float, Interval(gt=0, le=1e9)]
Factor = Annotated[float, Interval(ge=0, le=1e6)]
Probability = Annotated[float, Interval(ge=0, le=1)]
Coefficient = Annotated[float, Interval(ge=-1, le=1)]

CHOLESKY_DECIMALS = 12
"""Cholesky factors are rounded, so that every processor's LAPACK gives the same bits."""


@dataclass(frozen=True)
class Base:
    """Mean of each metric before load and growth: cpu, mem, disk in %, net in Mbps."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu: Level
    mem: Level
    disk: Level
    net: Level


@dataclass(frozen=True)
class Deviations:
    """Standard deviation of each metric's noise: cpu, mem, disk in %, net in Mbps."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu: Deviation
    mem: Deviation
    disk: Deviation
    net: Deviation


@dataclass(frozen=True)
class Correlation:
    """Correlation of the noise of each pair of metrics, before clipping."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu_mem: Coefficient
    cpu_net: Coefficient
    mem_disk: Coefficient
    cpu_disk: Coefficient = 0.1
    mem_net: Coefficient = 0.2
    disk_net: Coefficient = 0.3


@dataclass(frozen=True)
class ArchetypeProfile:
    """One kind of server.

    Attributes
    ----------
    base, sd
        Mean and standard deviation of the noise of cpu, mem, disk (%) and net (Mbps).
    correlation
        Of the noise of each pair of them.
    business_hours
        Load factor where 9 <= hour <= 17.
    weekend
        Load factor on Saturday and Sunday.
    spike_probability
        Share of the rows that are spikes.
    spike_magnitude
        Factor on cpu in a spike; mem takes 0.7 of it and net 0.8.
    growth
        Linear growth of cpu, mem and disk, percent of the base a month of 30.4375 days.
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


def correlation_matrix(correlation: Correlation) -> np.ndarray:
    """Return the symmetric 4 x 4 matrix over (cpu, mem, disk, net), float64."""
    c = correlation
    return np.array(
        [
            [1.0, c.cpu_mem, c.cpu_disk, c.cpu_net],
            [c.cpu_mem, 1.0, c.mem_disk, c.mem_net],
            [c.cpu_disk, c.mem_disk, 1.0, c.disk_net],
            [c.cpu_net, c.mem_net, c.disk_net, 1.0],
        ]
    )


def cholesky_factor(correlation: Correlation) -> np.ndarray:
    """Return the lower-triangular L with L L' = the correlation matrix, so that L z has these correlations.

    Returns
    -------
    numpy.ndarray
        4 x 4 float64, rounded to 12 decimals.

    Raises
    ------
    ValueError
        If the matrix is not positive definite; the message gives its smallest eigenvalue.
    """
    matrix = correlation_matrix(correlation)
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    # Below 1e-9 a factor exists only by rounding, and its last pivot would be noise.
    if smallest < 1e-9:
        raise ValueError(
            f"the correlation matrix {astuple(correlation)} is not positive definite: "
            f"its smallest eigenvalue is {smallest:.4f}, and it must be above 0; bring the correlations closer to 0"
        )
    return np.round(np.linalg.cholesky(matrix), CHOLESKY_DECIMALS)
