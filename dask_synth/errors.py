"""The errors that a user can act on. One message each; the command line turns the class into an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class DaskSynthError(Exception):
    """Base of all errors that dask-synth raises on purpose."""

    exit_code = 3


class Problem(NamedTuple):
    """One thing wrong with a configuration: its dotted key, and the sentence."""

    key: str
    message: str


class ConfigError(DaskSynthError, ValueError):
    """The configuration is wrong; all its problems are listed."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        lines = [f"{key}: {message}" if key else message for key, message in self.problems]
        return "\n".join(lines)


class OutputError(DaskSynthError):
    """The output cannot be used as asked: it exists, cannot be written, or holds no dataset."""

    exit_code = 2


class DamagedManifestError(OutputError):
    """The manifest is there, and was changed or cut short."""


class ReplacedError(DaskSynthError):
    """The dataset was replaced, or appended to, after it was opened: its files are gone, or others."""


class DamagedFileError(DaskSynthError):
    """A file of a dataset is not as it was committed."""


class SchedulerError(DaskSynthError):
    """The --scheduler value cannot be turned into a connected client."""

    exit_code = 2


class RunError(DaskSynthError):
    """The run started and could not finish."""


class StoreAwayError(RunError):
    """The object store does not answer: nothing more can be written to it, or read from it."""
