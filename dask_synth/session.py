"""What stands around a command's work: where it prints and logs, the cluster, what happens when it is stopped."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dask_synth.errors import RunError
from dask_synth.logs import quiet_dask, start_logging

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from dask_synth.options import Where


def console_of(where: Where) -> Console:
    """Set up logging, and return where to print."""
    from rich.console import Console

    start_logging(where.log_level, where.log_format)
    return Console()


@dataclass
class Stage:
    """How far a command has come."""

    committed: bool = False


@contextmanager
def resumable(root: Path, command: str) -> Iterator[Stage]:
    """Say on failure and interruption what is kept and what to type; clean up after both."""
    from dask_synth.interrupts import stopping
    from dask_synth.storage.places import store_of

    hint = f"Finished parts are kept. To go on:\n  {command}"
    stage = Stage()

    def message() -> str:
        done = "The dataset is committed; `validate` and `report` can be run on it."
        return f"Interrupted. {done}" if stage.committed else f"Interrupted: nothing was committed. {hint}"

    with stopping(store_of(root).clean, message):
        try:
            yield stage
        except RunError as error:
            raise RunError(f"{error}\n{hint}") from error


def again(*extra: str) -> str:
    """Return the command line that was typed, with `extra` options: what a person types to go on."""
    words = [_masked(word) for word in sys.argv[1:] if word not in ("--resume", *extra)]
    return shlex.join(["python", "-m", "dask_synth", *words, *extra])


def _masked(word: str) -> str:
    """Leave out what may be a secret."""
    key, equals, _ = word.partition("=")
    return f"{key}=..." if equals and "storage_options" in key else word


@contextmanager
def connected(console: Console, where: Where, reads: Path | None = None) -> Iterator[Client]:
    """Connect, and say where the dashboard is.

    Parameters
    ----------
    console
        Where to say it.
    where
        What was typed.
    reads
        A dataset that every worker has to see.
    """
    from distributed import performance_report

    from dask_synth.options import resources_of
    from dask_synth.pipeline.preflight import check_input, upload
    from dask_synth.pipeline.scheduler import connect
    from dask_synth.storage.manifest import MANIFEST_NAME

    with connect(where.scheduler, resources_of(where, quiet_dask())) as client, ExitStack() as stack:
        if console.is_terminal:
            console.print(f"dashboard {client.dashboard_link}", highlight=False)
        if where.upload:
            upload(client)
        if reads:
            check_input(client, reads / MANIFEST_NAME)
        if where.performance_report:
            stack.enter_context(performance_report(where.performance_report, mode="inline"))
        yield client
        stack.close()
        if where.keep_open:
            print(f"Press Enter to close the cluster; its dashboard: {client.dashboard_link}", flush=True)  # noqa: T201
            sys.stdin.readline()
