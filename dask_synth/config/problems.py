"""Validation's findings as problems that a user can act on: the key, the value, where it came from, what is allowed."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from dask_synth.config.life import KNOWN, PER_METRIC
from dask_synth.config.metrics import MetricConfig
from dask_synth.config.profiles import NUMBERS
from dask_synth.config.regions import QUOTED, RegionConfig
from dask_synth.config.run import OutputConfig, RunConfig
from dask_synth.config.values import NotANumber
from dask_synth.errors import ConfigError, Problem
from dask_synth.model.archetypes import PROFILES
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.life import Company

PLAIN = OutputConfig.model_fields.keys() - {"storage_options"}
"""Keys of ``output`` that hold no secret."""

NUMBER_PARTS = [*((part,) for part in NUMBERS), *PER_METRIC]
"""Places below a profile that hold a number a metric, or a pair."""
OF_A_KEY = "[key]"
"""Ends the place of what pydantic has to say of a mapping's key."""

LONGEST_SHOWN = 100
"""Characters of a value that a message repeats."""


def validated(
    data: Mapping[str, Any], origins: Mapping[str, str] | None = None, known: Sequence[Problem] = ()
) -> RunConfig:
    """Return the configuration of nested values, or raise ConfigError with the `known` problems and its own."""
    problems = list(known)
    try:
        config = RunConfig(**data)
    except ValidationError as error:
        found = error.errors()
        # Pydantic also blames the list for having lost its bad items: the deeper error says it.
        above = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
        deepest = [one for one in found if one["loc"] not in above]
        further = list(data["metrics"]) if isinstance(data.get("metrics"), Mapping) else []
        wrong = [details for details in deepest if details["type"] != "missing"]
        problems.extend(_problem(details, origins or {}, further) for details in wrong)
        problems.extend(_missing([details["loc"] for details in deepest if details["type"] == "missing"]))
    if problems:
        raise ConfigError(problems)
    return config


def _problem(details: Any, origins: Mapping[str, str], further: Sequence[str]) -> Problem:
    location = details.get("ctx", {}).get("path", details["loc"])
    location = location[:-1] if location[-1] == OF_A_KEY else location
    key = ".".join(str(part) for part in location)
    parts = key.split(".")
    sources = (origins.get(".".join(parts[:depth])) for depth in range(len(parts), 0, -1))
    origin = next((f" (from {source})" for source in sources if source), "")
    match details["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [*_known_keys(location[:-1]), *_known_numbers(location[:-1], further)]
            hint = " (a metric of your own is defined under metrics)" if location[2:-1] in NUMBER_PARTS else ""
            return Problem(key, f"there is no such key{origin}; {suggestion(str(location[-1]), known)}{hint}")
        case "value_error":
            message = str(details["ctx"]["error"])
        case "dict_type" | "dataclass_type" | "model_type":
            message = "it must be a mapping of keys to values"
        case "tuple_type" | "list_type":
            message = "it must be a list"
        case "float_type" | "int_type" if isinstance(details["input"], NotANumber):
            message = "a boolean is not a number"
        case "string_type" if isinstance(details["input"], bool):
            message = f"it must be text, and {QUOTED}: write it in quotes"
        case "literal_error":
            message = _one_of(details["input"], details["ctx"]["expected"])
        case _:
            message = details["msg"].replace("Input should", "it must").removeprefix("Value error, ")
    value = details["input"]
    hidden = may_be_secret(key) or "path" in details.get("ctx", {})
    start = "" if hidden or isinstance(value, Mapping) else f"{shown(value)} is not allowed{origin}: "
    return Problem(key, start + message)


def _one_of(value: Any, expected: str) -> str:
    close = difflib.get_close_matches(str(value), re.findall("'([^']+)'", expected), n=1)
    return f"it must be {expected}" + (f"; did you mean {close[0]!r}?" if close else "")


def shown(value: Any) -> str:
    """Return what a message repeats of a value."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def may_be_secret(key: str) -> bool:
    """Return whether what is given for this dotted key must not be shown.

    Options of an object store hold credentials, and so may what was meant for them: a misspelt key, all of ``output``.
    """
    section, name, *_ = *key.split("."), ""
    return "storage" in key or (section == "output" and name not in PLAIN)


def _missing(places: Sequence[Sequence[Any]]) -> Iterator[Problem]:
    """Yield one problem a mapping that lacks keys."""
    missing: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for place in places:
        missing[tuple(place[:-1])].append(str(place[-1]))
    for above, keys in missing.items():
        new = above[0] == "archetypes" and above[1] not in PROFILES
        close = difflib.get_close_matches(str(above[1]), PROFILES, n=1) if new else []
        hint = f"; did you mean 'archetypes.{close[0]}'?" if close else ""
        yield Problem(".".join(map(str, above)), f"{', '.join(keys)} must be given: there is no default{hint}")


@cache
def _defaults() -> dict[str, Any]:
    known = RunConfig().model_dump() | {"metrics": {"NAME": dict.fromkeys(MetricConfig.model_fields)}}
    # What is off is in no dump.
    known["archetypes"] = {name: {**profile, **KNOWN} for name, profile in known["archetypes"].items()}
    known["fleet"] |= {
        "regions": {"NAME": dict.fromkeys(RegionConfig.model_fields)},
        "company": dict.fromkeys(one.name for one in fields(Company)),
    }
    return known


def _known_numbers(location: Sequence[Any], further: Sequence[str]) -> list[str]:
    """Return what a part of a profile may hold for these further metrics."""
    if location[2:] not in NUMBER_PARTS:
        return []
    pairs = (f"{a}_{b}" for a, b in combinations([*BUILT_IN.latent, *further], 2) if b in further)
    return list(pairs if location[2] == "correlation" else further)


def _known_keys(location: Sequence[Any]) -> list[str]:
    place: Any = _defaults()
    for part in location:
        if isinstance(part, int):
            place = place[0] if place else {}
        else:
            place = place.get(part, next(iter(place.values()), {}))
    known = list(place) if isinstance(place, Mapping) else []
    # Two keys that no configuration is printed with.
    return known + {("time",): ["years"], ("output",): ["storage_options"]}.get(tuple(location), [])


def suggestion(key: str, known: Sequence[str]) -> str:
    """Return a `known` key that is as good as the same, or the key of that name elsewhere, or one like it, or all."""
    same = difflib.get_close_matches(key, known, n=1, cutoff=0.85)
    elsewhere = [min(_paths_to(key, _defaults()), key=lambda path: path.count("."), default="")]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    meant = next((name for name in (*same, *elsewhere, *close) if name), None)
    return f"did you mean {meant!r}?" if meant else f"known keys are {', '.join(known)}"


def _paths_to(key: str, data: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, below in data.items():
        if name == key:
            yield above + name
        elif isinstance(below, Mapping):
            yield from _paths_to(key, below, f"{above}{name}.")
