"""What surrounds a command and is not its own: Dask's settings, and a terminal that may not know every letter."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from dask_synth.errors import ConfigError, Problem

ON_THIS_MACHINE = ("local", "threads", "synchronous", "processes")
"""Kinds of scheduler whose workers start here."""


def speak_any_alphabet() -> None:
    """Let standard output write letters that its encoding lacks as escapes, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def check_dask(scheduler: str | None) -> None:
    """Raise ConfigError where Dask's own settings keep it from working here, before anything is begun.

    Parameters
    ----------
    scheduler
        As typed: where workers start on this machine, they need a place for temporary files.
    """
    from yaml import YAMLError

    try:
        import dask
    except (YAMLError, ValueError, OSError) as error:
        words = " ".join(str(error).split())
        raise ConfigError(
            [Problem("Dask's configuration", f"it cannot be read: {words}; mend or remove its file")]
        ) from None
    problems = []
    if dask.config.get("dataframe.query-planning", None) is False:
        remedy = "remove it from Dask's configuration, or unset DASK_DATAFRAME__QUERY_PLANNING"
        problems.append(Problem("dataframe.query-planning", f"False is not allowed: Dask no longer knows it; {remedy}"))
    folder = dask.config.get("temporary-directory", None)
    where = scheduler or dask.config.get("scheduler-address", None) or "local"
    if folder and where.partition(":")[0] in ON_THIS_MACHINE:
        from distributed.diskutils import WorkSpace

        try:
            # As Dask's workers do: a folder that is not there yet is made.
            WorkSpace(str(Path(folder) / "dask-scratch-space"))
        except OSError as error:
            why = f"{folder!r} is not allowed: nothing can be written there ({error.strerror})"
            problems.append(
                Problem("temporary-directory", f"{why}; set DASK_TEMPORARY_DIRECTORY to a folder that you may write to")
            )
    if problems:
        raise ConfigError(problems)
