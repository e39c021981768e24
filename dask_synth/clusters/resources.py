"""What a cluster that we start shall have, and how it is spoken to. Plain values; checked where they are typed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from distributed import Security

LOOPBACK = "127.0.0.1"

PATIENCE_SECONDS = 600.0
"""More than the five minutes after which Dask gives up a worker that has fallen silent, and has others do its tasks."""


@dataclass(frozen=True)
class Resources:
    """What a cluster that we start shall have; None leaves it to the back end.

    Attributes
    ----------
    workers
        Worker processes (for a batch system: the number that is asked for in all).
    threads_per_worker
        Tasks that a worker does at a time.
    memory_limit
        Of a worker, as Dask writes it: ``"4GiB"``.
    adaptive
        Fewest and most workers, between which Dask chooses by load.
    dashboard
        Address on which the dashboard listens.
    security
        Certificates; with them, every connection is encrypted.
    insecure
        Whether a scheduler on another machine may be spoken to without encryption.
    wait
        Seconds for which the first worker is waited for.
    patience
        Seconds without any result, and without a worker that came, went, paused or went on, after which a run gives up.
        Of a cluster that is only joined too. No chunk may take longer.
    log_level
        From which Dask's own log of such a cluster is shown.
    """

    workers: int | None = None
    threads_per_worker: int | None = None
    memory_limit: str | None = None
    adaptive: tuple[int, int] | None = None
    dashboard: str = f"{LOOPBACK}:8787"
    security: Security | None = None
    insecure: bool = False
    wait: float = 60
    patience: float = PATIENCE_SECONDS
    log_level: int = logging.WARNING

    def of_cluster(self) -> list[str]:
        """Return the options that are set and mean nothing where a cluster is only joined."""
        names = ("workers", "threads_per_worker", "memory_limit", "adaptive")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) is not None]


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
