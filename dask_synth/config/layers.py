"""Where a configuration comes from: defaults < YAML file < environment < command line, merged and validated at once.

Each layer is a mapping of dotted keys to values, so that every effective value can say which layer it came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from dask_synth.config.presets import config_file
from dask_synth.config.problems import shown, validated
from dask_synth.config.run import RunConfig, merged
from dask_synth.config.sources import ENV_PREFIX, read_environment, read_yaml
from dask_synth.config.yamltext import MAX_DEPTH
from dask_synth.errors import ConfigError, Problem

Key = tuple[str, ...]

EXCLUSIVE: dict[Key, Key] = {("time", "years"): ("time", "end_date"), ("time", "end_date"): ("time", "years")}
"""A key of a higher layer displaces the other key of a lower one."""
REGIONS = ("fleet", "regions")
WEIGHT_OF_REGION = re.compile(r"fleet\.regions\..+\.weight")


@dataclass(frozen=True)
class EffectiveConfig:
    """A configuration and, for each dotted key that was set, where its value came from."""

    config: RunConfig
    origins: Mapping[str, str]


def load_config(path: str | os.PathLike[str] | None = None, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Read, merge and validate a configuration.

    Parameters
    ----------
    path
        A YAML file, or the name of a preset (``baseline``, ``hourly_200``); None for the built-in defaults.
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
    deep = [dotted for dotted in overrides if dotted.count(".") > MAX_DEPTH]
    if deep:
        raise ConfigError([Problem(shown(dotted), "it names a key that lies too deep") for dotted in deep])
    data: dict[str, Any] = {}
    origins: dict[str, str] = {}
    # 1. The file, over the defaults that the models carry.
    if path is not None:
        _lay_over(data, read_yaml(config_file(path)), origins, str(path))
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
    for depth, part in enumerate(key[:-1], 1):
        below = place.get(part)
        if depth == 3 and key[:2] == REGIONS and isinstance(below, int | float):
            below = {"weight": below}  # what is said of a region leaves it its weight
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
    # A region that says nothing else is printed as its weight.
    as_weight = WEIGHT_OF_REGION.fullmatch(known) is not None and known.removesuffix(".weight") == dotted
    return known == dotted or dotted.startswith(f"{known}.") or as_weight


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
