"""Clusters on this machine.

The local scheduler runs threads in this process: tasks spend their time in NumPy, pyarrow and isal, which release the
interpreter's lock, so threads share one set of imports and start at once (to measure both:
``jobs/benchmark.py --compare``).
"""

from __future__ import annotations

import warnings
from typing import Any

from distributed import LocalCluster
from distributed.deploy.cluster import Cluster

from dask_synth.clusters.resources import LOOPBACK, Resources, cores
from dask_synth.errors import SchedulerError


def in_threads(count: int | None, resources: Resources) -> Cluster:
    """Start a scheduler, and so many threads that work, in this process; None: as many as there are cores."""
    threads = count or resources.threads_per_worker or cores()
    # In one process a limit could only pause the very process that generates.
    options: dict[str, Any] = {"processes": False, "memory_limit": resources.memory_limit or 0}
    # Such a worker has no host whose address its page could take, and would open it to every network.
    return local_cluster(
        resources, resources.workers or 1, threads, worker_dashboard_address=f"{LOOPBACK}:0", **options
    )


def local_cluster(resources: Resources, workers: int, threads: int, **options: Any) -> Cluster:
    """Start a scheduler in this process, and so many workers of so many threads on this machine."""
    if resources.security and options["processes"]:
        options |= {"protocol": "tls://", "security": resources.security}
    with warnings.catch_warnings():
        # Another dashboard on the port is no error: ours takes a free one, and its link is printed.
        warnings.filterwarnings("ignore", "Port .* is already in use", UserWarning)
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            dashboard_address=resources.dashboard,
            silence_logs=resources.log_level,
            **options,
        )


def count_of(kind: str, argument: str) -> int | None:
    """Return the N of ``kind:N``; None where there is none."""
    if not argument:
        return None
    if not argument.isdecimal() or int(argument) < 1:
        raise SchedulerError(f"--scheduler '{kind}:{argument}': {argument!r} is not a number of workers of at least 1")
    return int(argument)
