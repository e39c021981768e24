"""Run tasks to the end, whatever happens to workers. Wiring; what a task does stands in ``task.py`` and ``write.py``.

A lost worker's tasks go elsewhere, and the run goes on until there is no worker at all. A task that fails by itself
is tried again, then stops the run with its servers, the worker and the cause.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, NamedTuple
from uuid import uuid4

from distributed import Client, Future, KilledWorker
from distributed.client import ClosedClientError

from dask_synth.clusters.watch import Watch, ask, reached
from dask_synth.errors import RunError, StoreAwayError
from dask_synth.pipeline.task import TaskError, on_worker

logger = logging.getLogger(__name__)

WINDOW = 1000
"""Tasks that the scheduler knows of at a time: enough to keep a thousand cores busy, whatever the number of chunks."""

ATTEMPTS = 3
"""How often a task may fail by itself."""

LOST_WORKERS = 10
"""How often a task may take its workers with it; each time Dask has already tried a few."""

NO_WORKER_SECONDS = 60
"""How long a run without any worker waits for one: a nanny brings a killed one back in two or three.

Paused ones are none: Dask gives a worker near its memory limit no task, and where that does not help, never would.
"""

LESS_MEMORY = "lower output.rows_per_partition, or give workers more memory"

FETCH_SECONDS = 10
"""How long the result of a finished task is waited for."""

HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
"""The output's fault: another attempt would end alike."""


class Job(NamedTuple):
    """A task to be run to the end.

    Attributes
    ----------
    name
        What Dask's dashboard shows; unique together with `number`.
    number
        Its place among the jobs of this name.
    about
        What messages call it, such as ``the chunk of web servers 0 to 13``.
    function, arguments
        What a worker does. Done twice, it must end in the same files.
    """

    name: str
    number: int
    about: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


Running = dict[Any, tuple[Job, Future[Any]]]
"""Tasks that are under way, by their keys."""


def run_jobs(jobs: Iterable[Job], client: Client) -> Iterator[Any]:
    """Yield the result of each job as it comes.

    Raises
    ------
    RunError
        If a job cannot be done, no worker is left, the scheduler is gone, or nothing comes for as many seconds as
        ``dask-synth.patience`` of Dask's configuration says (600; a connection's `patience` sets it).
    """
    token = uuid4().hex
    watch = Watch(client)
    waiting = iter(jobs)
    running: Running = {}
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    attempts: Counter[tuple[str, int]] = Counter()

    def submit(job: Job) -> None:
        key = f"{job.name}-{token}-{job.number}-{attempts[job.name, job.number]}"
        future = client.submit(on_worker, job.function, job.arguments, key=key, pure=False)
        running[future.key] = job, future
        future.add_done_callback(done.put)

    try:
        with reached(client):
            for job in islice(waiting, WINDOW):
                submit(job)
            while running:
                future = _next_done(done, watch, running)
                job, _ = running.pop(future.key)
                if results := _fetch(future):
                    watch.news()
                    for following in islice(waiting, 1):
                        submit(following)
                    yield from results
                else:
                    if future.status == "finished" or client.status != "running":
                        watch.wait_for_scheduler(_named(running))
                    attempts[job.name, job.number] += 1
                    _check_hope(job, future, attempts[job.name, job.number], client)
                    submit(job)
    finally:
        if running:
            # Without a scheduler there is nothing to cancel.
            with suppress(ClosedClientError):
                client.cancel([future for _, future in running.values()], force=True)


def _named(running: Running) -> dict[str, str]:
    """Return what messages call the tasks that are under way."""
    return {key: job.about for key, (job, _) in running.items()}


def _next_done(done: SimpleQueue[Future[Any]], watch: Watch, running: Running) -> Future[Any]:
    idle_since: float | None = None
    while True:
        try:
            return done.get(timeout=0.5)
        except Empty:
            states = watch.look(_named(running))
            if states is None:
                continue
            if states - {"paused"}:
                idle_since = None
                continue
        idle_since = idle_since or monotonic()
        if monotonic() - idle_since > NO_WORKER_SECONDS:
            if states:
                raise RunError(
                    f"all workers stand still, near their memory limit, for {NO_WORKER_SECONDS} s; {LESS_MEMORY}"
                )
            raise RunError(f"no worker is left, and none came for {NO_WORKER_SECONDS} s")


def _fetch(future: Future[Any]) -> list[Any]:
    """Return a finished task's one result; none if it failed, or if its worker went before it could be fetched."""
    if future.status != "finished":
        return []
    try:
        return [future.result(timeout=FETCH_SECONDS)]
    except Exception as error:  # its worker was lost, and doing it again somewhere else took too long, or failed
        logger.info("the result of %s was lost: %s", future.key, error)
        return []


def _check_hope(job: Job, future: Future[Any], attempts: int, client: Client) -> None:
    error = future.exception() if future.status == "error" else None
    if isinstance(error, TaskError):
        if error.code == errno.EHOSTDOWN:
            raise StoreAwayError(f"the output cannot be written: {error.cause}")
        if error.code in HOPELESS:
            raise RunError(f"the output cannot be written: {error.cause}")
        if attempts >= ATTEMPTS:
            raise RunError(f"{job.about} failed {attempts} times, at last on {error.worker}: {error.cause}")
    elif isinstance(error, KilledWorker):
        if attempts >= LOST_WORKERS or _memory_kills(client):
            raise RunError(f"{job.about} ended {error.allowed_failures + 1} workers or more: {_likely(client)}")
    elif attempts >= (ATTEMPTS if error else LOST_WORKERS):
        raise RunError(f"{job.about} failed {attempts} times, at last with: {error or 'its result was lost'}")
    # A scheduler that was away cancels all that is under way: said once, not for each.
    level = logging.INFO if future.status == "cancelled" else logging.WARNING
    logger.log(level, "%s is tried again: %s", job.about, error or "its result was lost")


def _memory_kills(client: Client) -> int:
    return len(ask(client, "events", topic="worker-restart-memory") or ())


def _likely(client: Client) -> str:
    if _memory_kills(client):
        return f"they were over their memory limit; {LESS_MEMORY}"
    return "their own logs say why; where it was memory, lower output.rows_per_partition"
