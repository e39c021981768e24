"""What a YAML file and the environment say, before anything is merged or validated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from dask_synth.config import RunConfig
from dask_synth.errors import ConfigError, Problem
from dask_synth.presets import presets
from dask_synth.problems import suggestion

ENV_PREFIX = "DASK_SYNTH__"


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


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one mapping; every way in which it may not is a ConfigError."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        known = ", ".join(presets())
        raise ConfigError(
            [Problem("", f"configuration file {str(path)!r} does not exist, and is no preset: {known}")]
        ) from None
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
        Problem(name, f"there is no key {key!r}; {suggestion(key, list(RunConfig.model_fields))}")
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
