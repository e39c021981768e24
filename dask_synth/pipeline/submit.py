"""Run one task a chunk to the end, whatever happens to workers. Wiring; what a task does stands in ``write.py``.

A lost worker's chunks go elsewhere, and the run goes on until there is no worker at all. A chunk that fails by itself
is tried again, then stops the run with its servers, the worker and the cause.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any
from uuid import uuid4

from distributed import Client, Future, KilledWorker, get_worker

from dask_synth.errors import RunError
from dask_synth.pipeline.plan import Chunk, FleetSpec
from dask_synth.pipeline.write import Receipt, Target, generate_and_write

logger = logging.getLogger(__name__)

WINDOW = 1000
"""Tasks that the scheduler knows of at a time: enough to keep a thousand cores busy, whatever the number of chunks."""

ATTEMPTS = 3
"""How often a chunk may fail by itself."""

LOST_WORKERS = 10
"""How often a chunk may take its workers with it; each time Dask has already tried a few."""

NO_WORKER_SECONDS = 30
"""How long a run without any worker waits for one: a nanny brings a killed one back in two or three."""

FETCH_SECONDS = 10
"""How long the receipt of a finished task is waited for."""

HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
"""The output's fault: another attempt would end alike."""


class ChunkError(Exception):
    """What went wrong in a task, told by the worker that it ran on."""

    def __init__(self, worker: str, cause: str, code: int | None) -> None:
        super().__init__(worker, cause, code)
        self.worker, self.cause, self.code = worker, cause, code


def run_chunks(spec: FleetSpec, chunks: Sequence[Chunk], target: Target, client: Client) -> Iterator[Receipt]:
    """Yield the receipt of each chunk as it comes.

    Raises
    ------
    RunError
        If a chunk cannot be made, or no worker is left.
    """
    token = uuid4().hex
    waiting = iter(chunks)
    running: dict[Any, tuple[Chunk, Future[Any]]] = {}
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    attempts: Counter[int] = Counter()

    def submit(chunk: Chunk) -> None:
        key = f"generate-and-write-{token}-{chunk.index}-{attempts[chunk.index]}"
        # The specification goes with each task, in two kilobytes: as a task of its own it would die with its workers.
        future = client.submit(_generate_and_write, spec, chunk, target, key=key, pure=False)
        running[future.key] = chunk, future
        future.add_done_callback(done.put)

    try:
        for chunk in islice(waiting, WINDOW):
            submit(chunk)
        while running:
            future = _next_done(done, client)
            chunk, _ = running.pop(future.key)
            receipt = _receipt(future)
            if receipt:
                for following in islice(waiting, 1):
                    submit(following)
                yield receipt
            else:
                attempts[chunk.index] += 1
                _check_hope(chunk, future, attempts[chunk.index], client)
                submit(chunk)
    finally:
        if running:
            client.cancel([future for _, future in running.values()], force=True)


def _generate_and_write(spec: FleetSpec, chunk: Chunk, target: Target) -> Receipt:
    try:
        return generate_and_write(spec, chunk, target)
    except Exception as error:
        code = error.errno if isinstance(error, OSError) else None
        raise ChunkError(get_worker().address, f"{type(error).__name__}: {error}", code) from error


def _next_done(done: SimpleQueue[Future[Any]], client: Client) -> Future[Any]:
    alone_since: float | None = None
    while True:
        try:
            return done.get(timeout=0.5)
        except Empty:
            if client.status == "closed":
                raise RunError("the scheduler is gone") from None
            if client.scheduler_info(n_workers=1)["workers"]:
                alone_since = None
                continue
        alone_since = alone_since or monotonic()
        if monotonic() - alone_since > NO_WORKER_SECONDS:
            raise RunError(f"no worker is left, and none came for {NO_WORKER_SECONDS} s")


def _receipt(future: Future[Any]) -> Receipt | None:
    """Return a finished task's receipt; None if it failed, or if its worker went before it could be fetched."""
    if future.status != "finished":
        return None
    try:
        receipt: Receipt = future.result(timeout=FETCH_SECONDS)
    except (TimeoutError, CancelledError):
        return None
    return receipt


def _check_hope(chunk: Chunk, future: Future[Any], attempts: int, client: Client) -> None:
    error = future.exception() if future.status == "error" else None
    who = f"{chunk.archetype} servers {chunk.start} to {chunk.stop - 1}"
    if isinstance(error, ChunkError):
        if error.code in HOPELESS:
            raise RunError(f"the output cannot be written: {error.cause}")
        if attempts >= ATTEMPTS:
            raise RunError(f"the chunk of {who} failed {attempts} times, at last on {error.worker}: {error.cause}")
    elif isinstance(error, KilledWorker):
        if attempts >= LOST_WORKERS or _memory_kills(client):
            raise RunError(f"the chunk of {who} ended {error.allowed_failures + 1} workers or more: {_likely(client)}")
    elif error is not None and attempts >= ATTEMPTS:
        raise RunError(f"the chunk of {who} failed {attempts} times: {type(error).__name__}: {error}")
    logger.warning("the chunk of %s is tried again: %s", who, error or future.status)


def _memory_kills(client: Client) -> int:
    return len(client.get_events("worker-restart-memory") or ())


def _likely(client: Client) -> str:
    if _memory_kills(client):
        return "they were over their memory limit; lower output.rows_per_partition, or give workers more memory"
    return "their own logs say why; where it was memory, lower output.rows_per_partition"
