"""Workers as jobs of a batch system: Slurm, PBS, LSF or SGE, through dask-jobqueue."""

from __future__ import annotations

import difflib
import inspect
import shutil
import signal
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import dask
from dask.utils import parse_bytes
from distributed.deploy.cluster import Cluster
from pydantic import Field

from dask_synth.clusters.clusterfile import ClusterFile
from dask_synth.clusters.resources import Resources
from dask_synth.errors import ConfigError, Problem, SchedulerError

FORM = "slurm[:FILE]"
CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}


class BatchFile(ClusterFile):
    """What ``slurm:FILE`` may say: as ``cluster/slurm.yaml``.

    Attributes
    ----------
    system
        The batch system.
    workers
        Workers in all; ``--workers`` overrides it.
    job
        A job: the keywords of dask-jobqueue's class for the system (cores, processes, memory, queue, account,
        walltime, interface, python, job_extra_directives ...).
    """

    system: Literal["slurm", "pbs", "lsf", "sge"] = "slurm"
    workers: Annotated[int, Field(ge=1)] = 1
    job: dict[str, Any] = Field(default_factory=dict)


def start(argument: str, resources: Resources) -> Cluster:
    """Submit jobs that each run workers: ``slurm[:FILE]``. Without a file, Dask's own ``jobqueue`` settings count."""
    asked = BatchFile.read(argument) if argument else BatchFile()
    cluster_class = _class_of(asked.system)
    if unknown := list(_unknown(asked, argument, cluster_class)):
        raise ConfigError(unknown)
    submit = cluster_class.job_cls.submit_command.split()[0]
    if not shutil.which(submit):
        raise SchedulerError(f"there is no command {submit!r} here: run this where {asked.system} jobs are submitted")
    try:
        cluster: Cluster = cluster_class(**_keywords(asked, resources))
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise SchedulerError(f"--scheduler 'slurm:{argument}': the batch system cannot be used: {first}") from error
    if not resources.adaptive:
        cluster.scale(resources.workers or asked.workers)
    return cluster


def _class_of(system: str) -> Any:
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue

        # Its import makes Ctrl-C end this process with 0, and nothing said.
        signal.signal(signal.SIGINT, on_interrupt)
    except ImportError:
        raise SchedulerError("batch systems need dask-jobqueue: pip install 'dask-synth[slurm]'") from None
    return getattr(dask_jobqueue, CLASSES[system])


def _unknown(asked: BatchFile, name: str, cluster_class: Any) -> Iterator[Problem]:
    """Yield a problem for each key below ``job`` that dask-jobqueue does not know."""
    places = (cluster_class, cluster_class.__mro__[1], cluster_class.job_cls, cluster_class.job_cls.__mro__[1])
    known = {key for place in places for key in inspect.signature(place.__init__).parameters} - {"self", "kwargs"}
    for key in asked.job:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(sorted(known))}"
            yield Problem(f"{name}: job.{key}", f"there is no such key; {hint}")


def _keywords(asked: BatchFile, resources: Resources) -> dict[str, Any]:
    job = dict(asked.job)
    setting = f"jobqueue.{asked.system}"
    processes = job.setdefault("processes", dask.config.get(f"{setting}.processes") or 1)
    if resources.threads_per_worker:
        job["cores"] = resources.threads_per_worker * processes
    elif not dask.config.get(f"{setting}.cores"):
        job.setdefault("cores", processes)
    if resources.memory_limit:
        job["memory"] = f"{parse_bytes(resources.memory_limit) * processes} B"
    if resources.security:
        job |= {"security": resources.security, "protocol": "tls://"}
    options = {"dashboard_address": resources.dashboard, **job.get("scheduler_options", {})}
    return {**job, "scheduler_options": options}
