"""Clusters that we start ourselves on this machine, or on others through SSH.

The local scheduler runs threads in this process: tasks spend their time in NumPy, pyarrow and isal, which release the
interpreter's lock, so threads share one set of imports and start at once (to measure both:
``jobs/benchmark.py --compare``).
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any

from distributed import LocalCluster, SSHCluster
from distributed.deploy.cluster import Cluster
from pydantic import Field

from dask_synth.errors import SchedulerError
from dask_synth.pipeline.clusterfile import ClusterFile
from dask_synth.pipeline.resources import LOOPBACK, Resources, cores


def in_threads(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler, and threads that work, in this process: ``threads[:N]``."""
    threads = count_of("threads", argument) or resources.threads_per_worker or cores()
    # In one process a limit could only pause the very process that generates.
    options = {"processes": False, "memory_limit": resources.memory_limit or 0}
    # Such a worker has no host whose address its page could take, and would open it to every network.
    return _local(resources, resources.workers or 1, threads, worker_dashboard_address=f"{LOOPBACK}:0", **options)


def synchronous(argument: str, resources: Resources) -> Cluster:
    """Start one thread in this process: one task after the other, and a debugger's breakpoint stops in it."""
    if argument:
        raise SchedulerError(f"--scheduler 'synchronous:{argument}': synchronous takes nothing after it")
    return in_threads("1", resources)


def in_processes(argument: str, resources: Resources) -> Cluster:
    """Start worker processes on this machine: ``processes[:N]``."""
    threads = resources.threads_per_worker or 1
    workers = count_of("processes", argument) or resources.workers or max(1, cores() // threads)
    limit = resources.memory_limit or "auto"
    return _local(resources, workers, threads, processes=True, memory_limit=limit, host=LOOPBACK)


def _local(resources: Resources, workers: int, threads: int, **options: Any) -> Cluster:
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


class SshFile(ClusterFile):
    """What ``ssh:FILE`` may say: as ``cluster/ssh.yaml``.

    Attributes
    ----------
    hosts
        The first runs the scheduler, the others a worker each; one host alone runs both.
    connect
        Keywords of ``asyncssh.connect``: username, port, client_keys, known_hosts.
    python
        The Python of the other machines; None is the path of the one here.
    """

    hosts: Annotated[list[str], Field(min_length=1)]
    connect: dict[str, Any] = Field(default_factory=dict)
    python: str | None = None


def through_ssh(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler and workers on other machines: ``ssh:host1,host2``, or ``ssh:FILE``."""
    if not argument:
        raise SchedulerError(
            "--scheduler 'ssh' needs hosts, ssh:host1,host2, or ssh:FILE with a file as cluster/ssh.yaml"
        )
    if argument.endswith((".yaml", ".yml")):
        asked = SshFile.read(argument)
    else:
        asked = SshFile(hosts=[host for host in argument.split(",") if host])
    scheduler_host, *hosts = asked.hosts
    worker = {"nthreads": resources.threads_per_worker, "memory_limit": resources.memory_limit}
    secure = {"protocol": "tls", "security": resources.security} if resources.security else {}
    try:
        return SSHCluster(
            [scheduler_host, *((hosts or [scheduler_host]) * (resources.workers or 1))],
            connect_options=asked.connect,
            remote_python=asked.python,
            scheduler_options={"dashboard_address": resources.dashboard, **secure},
            worker_options={key: value for key, value in worker.items() if value is not None} | secure,
            security=resources.security,
        )
    except Exception as error:  # asyncssh has a class for each way in which a connection fails
        raise SchedulerError(
            f"--scheduler 'ssh:{argument}': {', '.join(asked.hosts)} cannot be used through SSH "
            f"({type(error).__name__}: {error}); try `ssh {scheduler_host}` by hand"
        ) from error
