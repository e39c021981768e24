"""What proves and draws is imported while the fleet is made: this process only waits then, and the end comes sooner."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dask_synth.cli.options import After

PROVES = ("dask_synth.proof.validate",)
DRAWS = ("dask_synth.reporting.report", "dask_synth.reporting.overview", "dask_synth.reporting.page")


def prepare(after: After) -> Thread:
    """Begin to import what will be done with a finished dataset, and return the thread that does.

    Parameters
    ----------
    after
        What shall be done, and what not.
    """
    # A quarter of a million objects stay to the end: the collector need not look through them again and again.
    gc.freeze()
    modules = [*(() if after.no_validate else PROVES), *(() if after.no_report else DRAWS)]
    thread = Thread(target=_import, args=(modules,), name="import-ahead", daemon=True)
    thread.start()
    return thread


def _import(modules: list[str]) -> None:
    # What cannot be imported is told where it is needed.
    with suppress(ImportError):
        for module in modules:
            import_module(module)
