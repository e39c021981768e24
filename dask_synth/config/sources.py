"""What a YAML file and the environment say, before anything is merged or validated."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from dask_synth.config import yamltext
from dask_synth.config.presets import presets
from dask_synth.config.problems import may_be_secret, shown, suggestion
from dask_synth.config.run import RunConfig
from dask_synth.errors import ConfigError, Problem

ENV_PREFIX = "DASK_SYNTH__"


class ValueTextError(ValueError):
    """A single value's text cannot be used.

    Attributes
    ----------
    text
        The text as it was given.
    """

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{shown(text)} {why}")
        self.text, self._why = text, why

    def about(self, key: str) -> str:
        """Return the message, without the text where `key` may hold a secret."""
        return f"its value, not shown for it may hold a secret, {self._why}" if may_be_secret(key) else str(self)


class _Environment(EnvSettingsSource):
    """DASK_SYNTH__A__B=value, with the value in YAML's syntax."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        return parse_value(str(value))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one mapping; every way in which it may not is a ConfigError."""
    try:
        with path.open(encoding="utf-8") as file:
            data = yamltext.load(file.read(yamltext.MAX_CHARACTERS + 1))
    except FileNotFoundError:
        known = ", ".join(presets())
        raise ConfigError(
            [Problem("", f"configuration file {str(path)!r} does not exist, and is no preset: {known}")]
        ) from None
    except OSError as error:
        raise ConfigError([Problem("", f"configuration file {str(path)!r} cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("", f"{path} is not valid YAML: it is not UTF-8 ({error.reason})")]) from None
    except yamltext.YamlTextError as error:
        raise ConfigError([Problem("", f"{path} {error}")]) from None
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
        return yamltext.load(text)
    except yamltext.YamlTextError as error:
        raise ValueTextError(text, str(error)) from None


def read_environment() -> tuple[dict[str, Any], list[Problem]]:
    """Return what DASK_SYNTH__ variables set, nested, and what is wrong with them."""
    names = [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]
    problems = [
        Problem(name, f"there is no key {key!r}; {suggestion(key, list(RunConfig.model_fields))}")
        for name in names
        if (key := name[len(ENV_PREFIX) :].split("__")[0].lower()) not in RunConfig.model_fields
    ]
    deep = [name for name in names if name.count("__") > yamltext.MAX_DEPTH]
    if deep:
        return {}, [*problems, *(Problem(shown(name), "it names a key that lies too deep") for name in deep)]
    try:
        found = _Environment(RunConfig, env_prefix=ENV_PREFIX, env_nested_delimiter="__")()
    except (SettingsError, ValueError) as error:
        return {}, [*problems, _unread(names, error.__cause__ or error)]
    blamed = {problem.key for problem in problems}
    # Pydantic-settings passes over what lies below a plain value.
    ignored = [name for name in names if name not in blamed and not _holds(found, name[len(ENV_PREFIX) :].lower())]
    return found, problems + [Problem(name, "there is no such key: it lies below a plain value") for name in ignored]


def _unread(names: Sequence[str], cause: BaseException) -> Problem:
    """Say which of the variables `names` could not be read."""
    if not isinstance(cause, ValueTextError):
        return Problem(", ".join(sorted(names)), str(cause))
    culprits = [name for name in names if os.environ[name] == cause.text]
    keys = [name[len(ENV_PREFIX) :].lower().replace("__", ".") for name in culprits]
    return Problem(", ".join(culprits), cause.about(next(filter(may_be_secret, keys), "")))


def _holds(data: Any, name: str) -> bool:
    for part in name.split("__"):
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True
