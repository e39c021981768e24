"""A scheduler and workers on other machines, started through SSH."""

from __future__ import annotations

from typing import Annotated, Any

from distributed import SSHCluster
from distributed.deploy.cluster import Cluster
from pydantic import Field

from dask_synth.clusters.clusterfile import ClusterFile
from dask_synth.clusters.resources import Resources
from dask_synth.errors import SchedulerError

FORM = "ssh:host1,host2 or ssh:FILE"


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


def start(argument: str, resources: Resources) -> Cluster:
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
