"""A --scheduler value to a connected client, closed properly.

The local scheduler runs threads in this process: tasks spend their time in NumPy, pyarrow and isal, which release the
interpreter's lock, so threads share one set of imports and start at once (to measure both:
``jobs/benchmark.py --compare``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dask
from distributed import Client, LocalCluster, Nanny

from dask_synth.errors import SchedulerError

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 15


def _local(workers: int, log_level: int, *, processes: bool) -> LocalCluster:
    with warnings.catch_warnings():
        # Another dashboard on the port is no error: ours takes a free one, and its link is printed.
        warnings.filterwarnings("ignore", "Port .* is already in use", UserWarning)
        return LocalCluster(
            n_workers=workers if processes else 1,
            threads_per_worker=1 if processes else workers,
            processes=processes,
            host=LOOPBACK if processes else None,
            dashboard_address=f"{LOOPBACK}:8787",
            silence_logs=log_level,
            # In one process a limit could only pause the very process that generates.
            memory_limit="auto" if processes else 0,
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


LOCAL_KINDS: dict[str, Callable[[int, int], LocalCluster]] = {
    "local": partial(_local, processes=False),
    "threads": partial(_local, processes=False),
    "processes": partial(_local, processes=True),
}


@contextmanager
def connect(scheduler: str = "local", log_level: int = logging.WARNING) -> Iterator[Client]:
    """Give a client for the duration of a ``with`` block.

    Parameters
    ----------
    scheduler
        ``local`` (threads on all cores), ``threads[:N]``, ``processes[:N]``, ``tcp://host:port``, or the path of a
        scheduler file. A cluster that this starts is closed at the end; one that it joins is left as it was.
    log_level
        From which Dask's own log of a cluster that this starts is shown.

    Raises
    ------
    SchedulerError
        If the value is none of these, or nothing answers.
    """
    kind, _, count = scheduler.partition(":")
    if kind in LOCAL_KINDS:
        if count and not (count.isdecimal() and int(count) >= 1):
            raise SchedulerError(f"--scheduler {scheduler!r}: {count!r} is not a number of workers of at least 1")
        # In one process the scheduler has no address, and Dask would guess the machine's outer one for the link.
        link = dask.config.set({"distributed.dashboard.link": f"http://{LOOPBACK}:{{port}}/status"})
        with link, LOCAL_KINDS[kind](int(count or _cores()), log_level) as cluster, Client(cluster) as client:
            try:
                yield client
            except BaseException:
                cluster.sync(_end_processes, cluster)
                raise
        return
    with _join(scheduler) as client:
        yield client


async def _end_processes(cluster: LocalCluster) -> None:
    """End worker processes now: closing a cluster waits for tasks whose result nobody will fetch."""
    nannies = [worker for worker in cluster.workers.values() if isinstance(worker, Nanny)]
    await asyncio.gather(*(nanny.kill(timeout=0.2, reason="interrupted") for nanny in nannies))


def _join(scheduler: str) -> Client:
    is_address = scheduler.startswith(("tcp://", "tls://"))
    if not is_address and not Path(scheduler).is_file():
        raise SchedulerError(
            f"--scheduler {scheduler!r} is not known; allowed are {', '.join(LOCAL_KINDS)} (the last two also as "
            "kind:N), tcp://host:port, tls://host:port, or the path of a scheduler file that exists"
        )
    try:
        if is_address:
            return Client(scheduler, timeout=CONNECT_SECONDS)
        return Client(scheduler_file=scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise SchedulerError(
            f"--scheduler {scheduler!r}: no scheduler answers within {CONNECT_SECONDS} s ({error})"
        ) from None
