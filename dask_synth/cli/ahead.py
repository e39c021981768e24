"""What a finished dataset will need is made ready while its rows are made: this process only waits then."""

from __future__ import annotations

import gc
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from dask_synth.cli.options import After
    from dask_synth.model.spec import FleetSpec
    from dask_synth.theory.theory import Theory

Ahead: TypeAlias = "Future[Theory] | None"
"""What a dataset is held against, where it is: worked out while its rows are made."""

PROVES = ("dask_synth.proof.validate",)
DRAWS = ("dask_synth.reporting.report", "dask_synth.reporting.overview", "dask_synth.reporting.page")


def prepare(after: After, spec: FleetSpec) -> Ahead:
    """Begin to import what proves and draws, and to work out what must come of a fleet.

    Parameters
    ----------
    after
        What shall be done with the dataset, and what not.
    spec
        What its values follow from.

    Returns
    -------
    Ahead
        What the dataset is held against; None where it is not.
    """
    # A quarter of a million objects stay to the end: the collector need not look through them again and again.
    gc.freeze()
    pool = ThreadPoolExecutor(1, "ahead")
    theory = None if after.no_validate else pool.submit(_theory_of, spec)
    if not after.no_report:
        pool.submit(_import, DRAWS)  # what cannot be imported is told where it is needed
    pool.shutdown(wait=False)
    return theory


def _theory_of(spec: FleetSpec) -> Theory:
    from dask_synth.theory.theory import Theory

    _import(PROVES)
    return Theory.of(spec)


def _import(modules: tuple[str, ...]) -> None:
    for module in modules:
        import_module(module)
