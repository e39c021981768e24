"""Threads of this process on all cores: what is meant where nothing is said."""

from __future__ import annotations

from distributed.deploy.cluster import Cluster

from dask_synth.clusters.local import in_threads
from dask_synth.clusters.resources import Resources

FORM = "local"
IN_THIS_PROCESS = True


def start(argument: str, resources: Resources) -> Cluster:
    """Start a scheduler, and threads that work, in this process."""
    return in_threads(None, resources)
