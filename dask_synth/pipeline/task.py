"""What stands around a job on its worker: who did it, with what, and what the dashboard is told. Wiring."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from distributed import get_worker
from distributed.metrics import context_meter

from dask_synth.errors import StoreAwayError
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import Chunk
from dask_synth.pipeline.write import Receipt, Target, generate_and_write
from dask_synth.storage.identity import versions


class TaskError(Exception):
    """What went wrong in a task, told by the worker that it ran on."""

    def __init__(self, worker: str, cause: str, code: int | None) -> None:
        super().__init__(worker, cause, code)
        self.worker, self.cause, self.code = worker, cause, code

    def __str__(self) -> str:
        return f"{self.cause} (on {self.worker})"


def on_worker(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Do a job; what goes wrong becomes a TaskError, which travels whatever the cause is made of."""
    try:
        return function(*arguments)
    except Exception as error:
        code = errno.EHOSTDOWN if isinstance(error, StoreAwayError) else getattr(error, "errno", None)
        raise TaskError(get_worker().address, f"{type(error).__name__}: {error}", code) from error


def make_chunk(spec: FleetSpec, chunk: Chunk, target: Target, expected: Mapping[str, str]) -> Receipt:
    """Make one chunk, sign its receipt, and tell the dashboard what it took.

    Parameters
    ----------
    spec, chunk, target
        As for :func:`dask_synth.pipeline.write.generate_and_write`.
    expected
        The versions of the run: a worker that joined after the others were asked may have other ones.

    Raises
    ------
    RuntimeError
        If this worker differs in what decides the bytes.
    """
    here = versions()
    differing = [
        f"{name} {here.get(name)}, not {version}" for name, version in expected.items() if here.get(name) != version
    ]
    if differing:
        raise RuntimeError(f"this worker has {'; '.join(differing)}: it would write other bytes")
    receipt = generate_and_write(spec, chunk, target)
    for stage, seconds in receipt.seconds.items():
        context_meter.digest_metric(stage, seconds, "seconds")
    context_meter.digest_metric("written", receipt.rows, "rows")
    context_meter.digest_metric("written", receipt.bytes, "bytes")
    return replace(receipt, worker=str(get_worker().name))
