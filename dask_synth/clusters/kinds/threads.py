"""So many threads of this process."""

from __future__ import annotations

from distributed.deploy.cluster import Cluster

from dask_synth.clusters.local import count_of, in_threads
from dask_synth.clusters.resources import Resources

FORM = "threads[:N]"
IN_THIS_PROCESS = True


def start(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler, and threads that work, in this process."""
    return in_threads(count_of("threads", argument), resources)
