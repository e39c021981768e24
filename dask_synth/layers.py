"""Where a configuration comes from: defaults < YAML file < environment < command line, merged and validated at once.

Each layer is a mapping of dotted keys to values, so that every effective value can say which layer it came from.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from dask_synth.config import RunConfig, merged
from dask_synth.errors import ConfigError, Problem

ENV_PREFIX = "DASK_SYNTH__"
Key = tuple[str, ...]

EXCLUSIVE: dict[Key, Key] = {("time", "years"): ("time", "end_date"), ("time", "end_date"): ("time", "years")}
"""A key of a higher layer displaces the other key of a lower one."""


@dataclass(frozen=True)
class EffectiveConfig:
    """A configuration and, for each dotted key that was set, where its value came from."""

    config: RunConfig
    origins: Mapping[str, str]


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice and leaves dates to the configuration's own check."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", node.value[position][0].start_mark
                )
        return super().construct_mapping(node, deep)


class _Environment(EnvSettingsSource):
    """DASK_SYNTH__A__B=value, with the value in YAML's syntax."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        return parse_value(str(value))


def load_config(path: str | os.PathLike[str] | None = None, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Read, merge and validate a configuration.

    Parameters
    ----------
    path
        A YAML file; None for the built-in defaults.
    overrides
        Dotted key -> value, laid over file and environment, such as ``{"fleet.servers": 200}``.

    Returns
    -------
    RunConfig

    Raises
    ------
    ConfigError
        With every problem of all layers.
    """
    named = {key: (value, "overrides") for key, value in (overrides or {}).items()}
    return effective_config(path, named).config


def effective_config(path: str | os.PathLike[str] | None, overrides: Mapping[str, tuple[Any, str]]) -> EffectiveConfig:
    """Do what :func:`load_config` does, and keep the origins; an override is a (value, its origin) pair."""
    data: dict[str, Any] = {}
    origins: dict[str, str] = {}
    # 1. The file, over the defaults that the models carry.
    if path is not None:
        _lay_over(data, read_yaml(Path(path)), origins, str(path))
    # 2. The environment.
    environment, problems = read_environment()
    _lay_over(data, environment, origins, "environment")
    # 3. The command line, or the caller.
    for dotted in overrides:
        _displace(data, tuple(dotted.split(".")), origins)
    for dotted, (value, origin) in overrides.items():
        _put(data, tuple(dotted.split(".")), value)
        _forget(origins, dotted)
        origins.update(dict.fromkeys((".".join(leaf) for leaf, _ in _leaves(_nested(dotted, value))), origin))
    return EffectiveConfig(validated(data, origins, problems), origins)


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
        problems.extend(_problem(details, origins or {}) for details in deepest)
    if problems:
        raise ConfigError(problems)
    return config


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one mapping; every way in which it may not is a ConfigError."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise ConfigError([Problem("", f"configuration file {str(path)!r} does not exist")]) from None
    except OSError as error:
        raise ConfigError([Problem("", f"configuration file {str(path)!r} cannot be read: {error.strerror}")]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([Problem("", f"{path} is not valid YAML: {' '.join(str(error).split())}")]) from None
    if data is None:
        raise ConfigError([Problem("", f"{path} is empty; leave out --config to use the defaults")])
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        found = f"a {type(data).__name__}" if not isinstance(data, dict) else "keys that are not text"
        raise ConfigError(
            [Problem("", f"{path} must hold a mapping of keys such as 'fleet:' and 'time:', but holds {found}")]
        )
    return data


def parse_value(text: str) -> Any:
    """Parse one value in YAML's syntax: ``200``, ``true``, ``[EU, US]``, ``{web: 1.0}``."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{text!r} is not valid YAML: {' '.join(str(error).split())}") from None


def read_environment() -> tuple[dict[str, Any], list[Problem]]:
    """Return what DASK_SYNTH__ variables set, nested, and what is wrong with them."""
    names = [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]
    problems = [
        Problem(name, f"there is no key {key!r}; {_suggestion(key, list(RunConfig.model_fields))}")
        for name in names
        if (key := name[len(ENV_PREFIX) :].split("__")[0].lower()) not in RunConfig.model_fields
    ]
    try:
        found = _Environment(RunConfig, env_prefix=ENV_PREFIX, env_nested_delimiter="__")()
    except (SettingsError, ValueError) as error:
        cause = str(error.__cause__ or error)
        culprits = [name for name in names if repr(os.environ[name]) in cause] or sorted(names)
        return {}, [*problems, Problem(", ".join(culprits), cause)]
    blamed = {problem.key for problem in problems}
    # Pydantic-settings passes over what lies below a plain value.
    ignored = [name for name in names if name not in blamed and not _holds(found, name[len(ENV_PREFIX) :].lower())]
    return found, problems + [Problem(name, "there is no such key: it lies below a plain value") for name in ignored]


def _holds(data: Any, name: str) -> bool:
    for part in name.split("__"):
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def _lay_over(data: dict[str, Any], layer: Mapping[str, Any], origins: dict[str, str], origin: str) -> None:
    for key, _ in _leaves(layer):
        dotted = ".".join(key)
        name = f"{ENV_PREFIX}{'__'.join(key).upper()}" if origin == "environment" else origin
        _displace(data, key, origins)
        origins[dotted] = name
    result = merged(data, layer)
    data.clear()
    data.update(result)


def _put(data: dict[str, Any], key: Key, value: Any) -> None:
    place = data
    for part in key[:-1]:
        below = place.get(part)
        place[part] = dict(below) if isinstance(below, Mapping) else {}
        place = place[part]
    place[key[-1]] = value


def _displace(data: dict[str, Any], key: Key, origins: dict[str, str]) -> None:
    other = EXCLUSIVE.get(key)
    if other and isinstance(data.get(other[0]), dict):
        _forget(origins, ".".join(other))
        data[other[0]] = {name: value for name, value in data[other[0]].items() if name != other[1]}


def _forget(origins: dict[str, str], dotted: str) -> None:
    for key in [key for key in origins if key == dotted or key.startswith(f"{dotted}.")]:
        del origins[key]


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    for part in reversed(dotted.split(".")):
        value = {part: value}
    return dict(value)


def _leaves(data: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in data.items():
        key = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, key)
        else:
            yield key, value


def _problem(details: Any, origins: Mapping[str, str]) -> Problem:
    location = details.get("ctx", {}).get("path", details["loc"])
    key = ".".join(str(part) for part in location)
    origin = next((f" (from {source})" for known, source in origins.items() if known == key), "")
    match details["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return Problem(
                key, f"there is no such key{origin}; {_suggestion(str(location[-1]), _known_keys(location[:-1]))}"
            )
        case "missing":
            return Problem(key, f"must be given{origin}; {' '.join(map(str, location[:-1]))} has no default for it")
        case "value_error":
            message = str(details["ctx"]["error"])
        case _:
            message = details["msg"].replace("Input should", "it must").removeprefix("Value error, ")
    value = details["input"]
    shown = (
        "" if isinstance(value, Mapping) or "path" in details.get("ctx", {}) else f"{value!r} is not allowed{origin}: "
    )
    return Problem(key, shown + message)


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


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(known)}"


def as_yaml(effective: EffectiveConfig) -> str:
    """Return every effective value with its origin in a comment, as YAML that reads back as the same configuration."""
    lines = []
    for key, value in _leaves(effective.config.model_dump(mode="json", exclude_none=True)):
        dotted = ".".join(key)
        source = next((origin for known, origin in effective.origins.items() if _covers(known, dotted)), "default")
        lines.append((key, value, source))
    return "\n".join(_yaml_lines(lines)) + "\n"


def _covers(known: str, dotted: str) -> bool:
    if known == "time.years":
        known = "time.end_date"
    return known == dotted or dotted.startswith(f"{known}.")


def _yaml_lines(leaves: Sequence[tuple[Key, Any, str]]) -> Iterator[str]:
    above: Key = ()
    for key, value, source in leaves:
        for depth in range(len(key) - 1):
            if key[: depth + 1] != above[: depth + 1]:
                yield f"{'  ' * depth}{_flow(key[depth])}:"
        above = key[:-1]
        yield f"{'  ' * (len(key) - 1)}{_flow(key[-1])}: {_flow(value)}".ljust(60) + f"  # {source}"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
