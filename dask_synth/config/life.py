"""The switches of living fleets (``model/life.py``) as a configuration has them: how they are read, what they need.

Parameters of one metric stand under its name; which names there are, a reader says as `metrics` of its context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, make_dataclass, replace
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, PlainValidator
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ValidationInfo

from dask_synth.config.values import without_booleans
from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import GRANULARITIES
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.correlation import cholesky_factor
from dask_synth.model.cycles import NAMED_CYCLES, cycle_problem
from dask_synth.model.life import LIFE, NO_LIFE, Company, Hours, Memory, ShareOfMemory, Skew, Spread
from dask_synth.model.memory import innovation_correlation

CYCLES = f"{', '.join(NAMED_CYCLES)}, or 24 numbers, one an hour from 00:00 on"
HIGHEST_HOUR = 1e6
PER_METRIC = ("skew",), ("level_spread",), ("memory", "shares")
"""Places below a profile that hold a parameter by metric."""
BELOW: Mapping[str, Any] = {
    "skew": dict.fromkeys(BUILT_IN.latent),
    "level_spread": dict.fromkeys(BUILT_IN.latent),
    "memory": {"hours": None, "shares": dict.fromkeys(BUILT_IN.latent)},
}
KNOWN: Mapping[str, Any] = {name: BELOW.get(name) for name in LIFE}
"""What may be said of a profile's switches, for suggestions."""
NEEDED: Mapping[str, tuple[str, ...]] = {"cycle": ("strength", "strength_spread", "shift_spread"), "yearly": ("peak",)}
"""Switch -> those that mean nothing without it."""
OFF = asdict(NO_LIFE)
WANTING = {
    "cycle": f"{{keys}} {{act}} on a cycle, and there is none: give one of {CYCLES}; or leave out what acts on it",
    "yearly": "peak says when the yearly swing is highest, and there is none: say how far it swings, such as "
    "yearly: 0.2; or leave out peak",
}


def _known_metric(name: str, info: ValidationInfo) -> str:
    metrics = (info.context or {}).get("metrics")
    if metrics is not None and name not in metrics:
        raise PydanticKnownError("extra_forbidden")
    return name


def _two(pair: Any) -> Any:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError("it must be two numbers, [short, long]")
    return pair


def _apart(hours: tuple[float, float]) -> tuple[float, float]:
    short, long = hours
    if long < 2 * short:
        raise ValueError(f"the long one must be at least twice the short one, {2 * short:g} or more")
    return hours


def _no_more_than_all(shares: tuple[float, float]) -> tuple[float, float]:
    if sum(shares) > 1 + 1e-9:
        raise ValueError(f"the shares sum to {sum(shares):.10g}, and they must sum to at most 1: the rest is white")
    return shares


def _usable_cycle(cycle: Any) -> Any:
    if isinstance(cycle, list | tuple) and all(isinstance(number, int | float) for number in cycle):
        cycle = tuple(map(float, cycle))
    elif cycle is not None and not isinstance(cycle, str):
        raise ValueError(f"it must be a cycle: {CYCLES}")
    if problem := cycle_problem(cycle):
        raise ValueError(problem)
    if isinstance(cycle, tuple) and max(cycle) > HIGHEST_HOUR:
        raise ValueError(f"a cycle has numbers of at most {HIGHEST_HOUR:,.0f}, not {max(cycle):g}")
    return cycle


def _plain_memory(memory: Memory | None) -> Memory | None:
    return memory and Memory(memory.hours, memory.shares)


T = TypeVar("T")
ByMetric = dict[Annotated[str, AfterValidator(_known_metric)], T]
Pair = Annotated[tuple[T, T], BeforeValidator(_two)]


@dataclass(frozen=True)
class _Memory(Memory):
    """What memory is read with."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    hours: Annotated[Pair[Hours], AfterValidator(_apart)]
    shares: ByMetric[Annotated[Pair[ShareOfMemory], AfterValidator(_no_more_than_all)]]


CompanySwitch = Annotated[Company | None, BeforeValidator(without_booleans)]
SWITCHES: Sequence[tuple[str, Any, Any]] = (
    ("skew", ByMetric[Skew], field(default_factory=dict)),
    ("level_spread", ByMetric[Spread], field(default_factory=dict)),
    ("memory", Annotated[_Memory | None, AfterValidator(_plain_memory)], field(default=None)),
    ("cycle", Annotated[Any, PlainValidator(_usable_cycle)], field(default=None)),
)
"""Those that ask more of a value than its bounds."""


def reading_type(kind: type[ArchetypeProfile]) -> type[ArchetypeProfile]:
    """Return the type that profiles of a kind are read with."""
    return make_dataclass("ArchetypeProfile", SWITCHES, bases=(kind,), frozen=True, kw_only=True)


def switched_on(dump: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile's dump without what is off, as it was before there were switches; what is on comes last."""
    on = {name: dump[name] for name in LIFE if name in dump and dump[name] != OFF[name]}
    return {name: value for name, value in dump.items() if name not in LIFE} | on


def contradictions(given: Mapping[str, Any], profile: ArchetypeProfile, latent: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a profile of which each value is right by itself."""
    try:
        cholesky_factor(profile.correlation, latent)
    except ValueError as error:
        yield str(error)
    else:
        yield from _impossible_memory(profile, latent)
    for switch, keys in _idle(profile).items():
        if switch not in given:
            yield WANTING[switch].format(keys=", ".join(keys), act="acts" if len(keys) == 1 else "act")


def without_idle(profile: ArchetypeProfile) -> ArchetypeProfile:
    """Return a profile in which what means nothing without a switch that is off is off as well."""
    return replace(profile, **{key: OFF[key] for keys in _idle(profile).values() for key in keys})


def _idle(profile: ArchetypeProfile) -> dict[str, list[str]]:
    off = [switch for switch in NEEDED if getattr(profile, switch) == OFF[switch]]
    idle = {switch: [key for key in NEEDED[switch] if getattr(profile, key) != OFF[key]] for switch in off}
    return {switch: keys for switch, keys in idle.items() if keys}


def _impossible_memory(profile: ArchetypeProfile, latent: Sequence[str]) -> Iterator[str]:
    """Yield why the metrics cannot be correlated as they shall while they remember as they shall, at any step."""
    errors: dict[str, str] = {}
    for granularity, minutes in GRANULARITIES.items() if profile.memory else ():
        try:
            innovation_correlation(profile, minutes / 60, latent)
        except ValueError as error:
            errors[granularity] = str(error)
    if errors:
        where = "any granularity" if len(errors) == len(GRANULARITIES) else f"granularity {', '.join(errors)}"
        yield f"memory, at {where}: {next(iter(errors.values()))}"
