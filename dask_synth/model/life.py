"""What makes servers of one archetype individuals with memory and company: switches, each off by default.

Off, a profile draws what it always drew, to the bit. Parameters of one metric stand under its name; a metric that is
not named has none. What is named here is what a configuration says under ``archetypes.NAME``, and ``fleet.company``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Interval

Skew = Annotated[float, Interval(ge=0, le=1.6)]
Spread = Annotated[float, Interval(ge=0, le=2)]
ShareOfMemory = Annotated[float, Interval(ge=0, le=1)]
Hours = Annotated[float, Gt(0), Interval(le=1e5)]
Relative = Annotated[float, Interval(ge=0, le=1e3)]


@dataclass(frozen=True)
class Memory:
    """How long noise lasts: two exponentials and white noise.

    Attributes
    ----------
    hours
        The short and the long time after which a share of the noise is down to 1 / e; long is at least twice short.
    shares
        Metric -> the short and the long one's share of its variance; the rest is white.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    hours: tuple[Hours, Hours]
    shares: Mapping[str, tuple[ShareOfMemory, ShareOfMemory]]


@dataclass(frozen=True)
class Company:
    """Groups of neighbours that serve one application and do alike.

    Attributes
    ----------
    size
        Servers of a group.
    pools
        Share of the groups that are pools; the servers of the others are on their own.
    alike
        Correlation of all that is drawn for two servers of a pool.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    size: Annotated[int, Interval(ge=2, le=1000)] = 8
    pools: Annotated[float, Interval(ge=0, le=1)] = 0.45
    alike: Annotated[float, Interval(ge=0, lt=1)] = 0.96


@dataclass(frozen=True, kw_only=True)
class Life:
    """What lets the servers of an archetype differ, and remember.

    Attributes
    ----------
    noise
        ``constant``: the deviation is the profile's. ``proportional``: it goes with the mean.
    skew
        Metric -> how lopsided its noise is: 0 normal, 0.5 mild (skewness 1.8), 1 strong (6.2).
    memory
        How long noise lasts, or None.
    in_out
        Correlation of the noise of received and sent traffic; at 1 one is a fixed share of the other.
    cycle
        The load by local hour: ``flat``, ``office``, ``night``, ``evening``, or 24 numbers, which are divided by their
        mean. Without one: business hours.
    strength
        Exponent of the cycle, of the median server.
    strength_spread
        How far the servers' exponents differ: deviation of their logarithm.
    shift_spread
        How far the hours differ at which the servers' weeks begin: deviation, in hours.
    level_spread
        Metric -> how far the servers' levels differ: deviation of their logarithm.
    noise_spread
        How far their noise differs: deviation of its logarithm.
    growth_spread
        How far their growth differs: deviation, as a share of the profile's.
    yearly
        How far the load swings over a year.
    peak
        Day of the year at which it is highest.
    """

    noise: Literal["constant", "proportional"] = "constant"
    skew: Mapping[str, Skew] = field(default_factory=dict)
    memory: Memory | None = None
    in_out: Annotated[float, Interval(ge=0, le=1)] = 1.0
    cycle: str | tuple[float, ...] | None = None
    strength: Annotated[float, Interval(ge=0, le=3)] = 1.0
    strength_spread: Spread = 0.0
    shift_spread: Annotated[float, Interval(ge=0, le=12)] = 0.0
    level_spread: Mapping[str, Spread] = field(default_factory=dict)
    noise_spread: Spread = 0.0
    growth_spread: Spread = 0.0
    yearly: Annotated[float, Interval(ge=0, le=0.9)] = 0.0
    peak: Annotated[float, Ge(0), Interval(le=366)] = 0.0

    @property
    def is_off(self) -> bool:
        """Whether all of it is off, so that servers are drawn as they always were."""
        return all(getattr(self, one.name) == getattr(NO_LIFE, one.name) for one in fields(Life))


NO_LIFE = Life()
LIFE = tuple(one.name for one in fields(Life))
"""The names of all switches of a profile."""
