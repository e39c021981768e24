"""What stands around a command's work: where it prints and logs, the cluster, what happens when it is stopped."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dask_synth.cli.logs import quiet_dask, start_logging
from dask_synth.errors import RunError, StoreAwayError

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console

    from dask_synth.cli.options import Where


def console_of(where: Where) -> Console:
    """Set up logging, and return where to print."""
    from rich.console import Console

    start_logging(where.log_level, where.log_format)
    return Console()


@contextmanager
def resumable(root: Path, run_id: str, command: str) -> Iterator[None]:
    """Say on failure and interruption what is there now, and what to type.

    Parameters
    ----------
    root
        The place that is written to.
    run_id
        Of what is about to be committed there.
    command
        What goes on with it.
    """
    from dask_synth.cli.interrupts import stopping
    from dask_synth.exactly_once.exchange import tidy
    from dask_synth.exactly_once.outcome import Outcome, Outlook
    from dask_synth.storage.store import discard_unfinished

    outlook = Outlook.of(root, run_id)
    kept = {Outcome.KEPT: "Finished parts are kept.", Outcome.NOTHING: "No part was finished."}

    def message() -> str:
        outcome = outlook.now()
        if outcome is Outcome.COMMITTED:
            return "Interrupted. The dataset is committed; `validate` and `report` can be run on it."
        return f"Interrupted: nothing was committed. {kept[outcome]} To go on:\n  {command}"

    def clean_up() -> None:
        discard_unfinished()
        # Worker processes are ended in the middle of a write: only now nothing more comes from them.
        tidy(root)

    with stopping(clean_up, message):
        try:
            yield
        except RunError as error:
            outcome = Outcome.KEPT if isinstance(error, StoreAwayError) else outlook.now()
            if outcome is Outcome.COMMITTED:
                raise RunError(f"{error}\nThe dataset is committed.") from error
            raise RunError(f"{error}\n{kept[outcome]} To go on:\n  {command}") from error


def again(*extra: str) -> str:
    """Return the command line that was typed, with `extra` options: what a person types to go on."""
    context = click.get_current_context(silent=True)
    # Through Dask's own command line the root is `dask`, and `synth` is the first word.
    program = (context and context.find_root().info_name) or "python -m dask_synth"
    words = [_masked(word) for word in sys.argv[1:] if word not in ("--resume", *extra)]
    return shlex.join([*program.split(), *words, *extra])


def _masked(word: str) -> str:
    """Leave out what may be a secret."""
    setting = re.match("(--set=)?[^-=][^=]*=", word)
    return f"{setting[0]}..." if setting and "storage_options" in word else word


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

    from dask_synth.cli.options import resources_of
    from dask_synth.clusters.connect import connect
    from dask_synth.clusters.preflight import check_input, upload
    from dask_synth.storage.names import MANIFEST_NAME

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
