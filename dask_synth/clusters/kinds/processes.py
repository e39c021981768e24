"""Worker processes on this machine."""

from __future__ import annotations

from distributed.deploy.cluster import Cluster

from dask_synth.clusters.local import count_of, local_cluster
from dask_synth.clusters.resources import LOOPBACK, Resources, cores

FORM = "processes[:N]"


def start(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler in this process, and workers in others."""
    threads = resources.threads_per_worker or 1
    workers = count_of("processes", argument) or resources.workers or max(1, cores() // threads)
    limit = resources.memory_limit or "auto"
    return local_cluster(resources, workers, threads, processes=True, memory_limit=limit, host=LOOPBACK)
