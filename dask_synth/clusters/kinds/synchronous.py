"""One thread of this process: one task after the other, and a debugger's breakpoint stops in it."""

from __future__ import annotations

from distributed.deploy.cluster import Cluster

from dask_synth.clusters.local import in_threads
from dask_synth.clusters.resources import Resources

FORM = "synchronous"
IN_THIS_PROCESS = True


def start(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler, and one thread that works, in this process."""
    return in_threads(1, resources)
