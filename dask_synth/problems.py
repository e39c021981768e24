"""Validation's findings as problems that a user can act on: the key, the value, where it came from, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dask_synth.config import RunConfig
from dask_synth.errors import ConfigError, Problem
from dask_synth.model.archetypes import PROFILES


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
        deepest = [one for one in found if not any(_lies_below(other["loc"], one["loc"]) for other in found)]
        problems.extend(_problem(details, origins or {}) for details in deepest if details["type"] != "missing")
        problems.extend(_missing([details["loc"] for details in deepest if details["type"] == "missing"]))
    if problems:
        raise ConfigError(problems)
    return config


def _problem(details: Any, origins: Mapping[str, str]) -> Problem:
    location = details.get("ctx", {}).get("path", details["loc"])
    key = ".".join(str(part) for part in location)
    above = (source for known, source in origins.items() if f"{key}.".startswith(f"{known}."))
    origin = next((f" (from {source})" for source in above), "")
    match details["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return Problem(
                key, f"there is no such key{origin}; {suggestion(str(location[-1]), _known_keys(location[:-1]))}"
            )
        case "value_error":
            message = str(details["ctx"]["error"])
        case "dict_type" | "dataclass_type" | "model_type":
            message = "it must be a mapping of keys to values"
        case "tuple_type" | "list_type":
            message = "it must be a list"
        case _:
            message = details["msg"].replace("Input should", "it must").removeprefix("Value error, ")
    value = details["input"]
    secret = "storage_options" in key or "path" in details.get("ctx", {})
    shown = "" if secret or isinstance(value, Mapping) else f"{value!r} is not allowed{origin}: "
    return Problem(key, shown + message)


def _missing(places: Sequence[Sequence[Any]]) -> Iterator[Problem]:
    """Yield one problem a mapping that lacks keys."""
    for above in dict.fromkeys(tuple(place[:-1]) for place in places):
        keys = [str(place[-1]) for place in places if tuple(place[:-1]) == above]
        close = difflib.get_close_matches(str(above[1]), PROFILES, n=1) if above[0] == "archetypes" else []
        hint = f"; did you mean 'archetypes.{close[0]}'?" if close else ""
        yield Problem(".".join(map(str, above)), f"{', '.join(keys)} must be given: there is no default{hint}")


def _lies_below(deeper: Sequence[Any], place: Sequence[Any]) -> bool:
    return len(deeper) > len(place) and tuple(deeper[: len(place)]) == tuple(place)


def _known_keys(location: Sequence[Any]) -> list[str]:
    place: Any = RunConfig().model_dump()
    for part in location:
        if isinstance(part, int):
            place = place[0] if place else {}
        else:
            place = place.get(part, next(iter(place.values()), {}))
    known = list(place) if isinstance(place, Mapping) else []
    return [*known, "years"] if tuple(location) == ("time",) else known


def suggestion(key: str, known: Sequence[str]) -> str:
    """Return the nearest of the `known` keys, or the key of that name elsewhere, or all that are known."""
    elsewhere = next(_paths_to(key, RunConfig().model_dump()), None)
    if elsewhere:
        return f"did you mean {elsewhere!r}?"
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(known)}"


def _paths_to(key: str, data: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, below in data.items():
        if name == key:
            yield above + name
        elif isinstance(below, Mapping):
            yield from _paths_to(key, below, f"{above}{name}.")
