"""The YAML files that say what a cluster shall be: read strictly, with every error at once."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from dask_synth.config.sources import read_yaml
from dask_synth.errors import ConfigError, Problem


class ClusterFile(BaseModel):
    """A file of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, name: str) -> Self:
        """Read the file of this name.

        Raises
        ------
        ConfigError
            If it is not there, is not a YAML mapping, or holds what it may not; all of that at once.
        """
        try:
            return cls(**read_yaml(Path(name)))
        except ValidationError as error:
            raise ConfigError([cls._problem(name, details) for details in error.errors()]) from None

    @classmethod
    def _problem(cls, name: str, details: object) -> Problem:
        assert isinstance(details, dict)
        key = ".".join(map(str, details["loc"]))
        if details["type"] == "extra_forbidden" and len(details["loc"]) == 1:
            close = difflib.get_close_matches(key, cls.model_fields, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(cls.model_fields)}"
            return Problem(f"{name}: {key}", f"there is no such key; {hint}")
        if details["type"] == "missing":
            return Problem(f"{name}: {key}", "must be given")
        message = details["msg"].replace("Input should", "it must").removeprefix("Value error, ")
        return Problem(f"{name}: {key}", f"{details['input']!r} is not allowed: {message}")
