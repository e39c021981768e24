"""Profiles of archetypes: read with their numbers for metrics of one's own, written without switches that are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Annotated, Any, NoReturn

from pydantic import PlainSerializer, TypeAdapter, ValidationError, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo, ValidatorFunctionWrapHandler

from dask_synth.config.life import contradictions, reading_type, switched_on, without_idle
from dask_synth.config.metrics import MetricConfig, Refusal, metric_table, refuse
from dask_synth.config.values import without_booleans
from dask_synth.model.archetypes import PROFILES, ArchetypeProfile
from dask_synth.model.numbers import plain, profile_type

NUMBERS = {part: asdict(getattr(PROFILES["web"], part)) for part in ("base", "sd", "correlation")}
"""Parts of a profile that hold a number a metric, or a pair, with the built-in ones."""


def _read_profile(given: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> ArchetypeProfile:
    """Read a profile with the numbers that it has for metrics of one's own."""
    if not isinstance(given, Mapping):
        refused: ArchetypeProfile = read(given)
        return refused
    if "metrics" not in info.data:  # they have errors of their own; what their names are, nobody knows yet
        given = {key: _built_in(key, part) for key, part in given.items()}
    known = "metrics" in info.data
    table = metric_table(info.data.get("metrics", {}))
    pairs = [name for pair in table.further_pairs for name in _both(pair)]
    names = {"base": table.further, "sd": table.further, "correlation": pairs}
    having = (tuple(n for n in names[part] if n in _mapping(given.get(part))) for part in names)
    context = {"metrics": table.latent if known else None}
    profile = plain(_reader(*having).validate_python(without_booleans(given), context=context))
    twice = (pair for pair in table.further_pairs if all(hasattr(profile.correlation, name) for name in _both(pair)))
    if texts := [_one_pair(pair) for pair in twice] or list(contradictions(given, profile, table.latent)):
        _refuse(texts, given)
    return without_idle(profile)


def _both(pair: tuple[str, str]) -> tuple[str, str]:
    return f"{pair[0]}_{pair[1]}", f"{pair[1]}_{pair[0]}"


def _one_pair(pair: tuple[str, str]) -> str:
    return f"correlation: {' and '.join(_both(pair))} are one pair; give one of them"


def _refuse(texts: Sequence[str], given: Mapping[str, Any]) -> NoReturn:
    found = [PydanticCustomError("profile", "{text}", {"text": text}) for text in texts]
    details = [InitErrorDetails(type=one, loc=(), input=given) for one in found]
    raise ValidationError.from_exception_data("profile", details)


def _mapping(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, Mapping) else {}


def _built_in(key: str, part: Any) -> Any:
    known = NUMBERS.get(key)
    return {name: value for name, value in part.items() if name in known} if known and _mapping(part) else part


@cache
def _reader(base: tuple[str, ...], sd: tuple[str, ...], pairs: tuple[str, ...]) -> TypeAdapter[ArchetypeProfile]:
    return TypeAdapter(reading_type(profile_type(base, sd, pairs)))


def as_mapping(profile: Any) -> Any:
    """Return a profile as nested values, without what is off: it is nothing to lay over others."""
    return switched_on(asdict(profile)) if is_dataclass(profile) and not isinstance(profile, type) else profile


# Written by the fields that it has: the type that is declared knows the built-in metrics alone.
Profile = Annotated[
    ArchetypeProfile, WrapValidator(_read_profile), PlainSerializer(as_mapping, return_type=dict[str, Any])
]


def check_numbers(mix: Mapping[str, ArchetypeProfile], metrics: Mapping[str, MetricConfig]) -> None:
    """Refuse profiles of the mix that lack numbers for a metric: one error a metric, that says what to write."""
    refusals: list[Refusal] = []
    for name in metrics:
        lacking = {
            archetype: [part for part in ("base", "sd") if not hasattr(getattr(profile, part), name)]
            for archetype, profile in mix.items()
        }
        lacking = {archetype: parts for archetype, parts in lacking.items() if parts}
        if lacking:
            refusals.append(((name,), _what_to_write(name, lacking)))
    if refusals:
        refuse(refusals)


def _what_to_write(name: str, lacking: Mapping[str, list[str]]) -> str:
    numbers = {
        archetype: ", ".join(f"{part}: {{{name}: NUMBER}}" for part in parts) for archetype, parts in lacking.items()
    }
    written = ", ".join(f"{archetype}: {{{text}}}" for archetype, text in numbers.items())
    whose = ", ".join(lacking)
    verb = "lacks" if len(lacking) == 1 else "lack"
    return f"{whose} {verb} numbers for it; write archetypes: {{{written}}}"
