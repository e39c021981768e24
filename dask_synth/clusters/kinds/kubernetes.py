"""Workers as pods, through the Dask operator."""

from __future__ import annotations

from typing import Any

from distributed.deploy.cluster import Cluster
from pydantic import Field

from dask_synth.clusters.clusterfile import ClusterFile
from dask_synth.clusters.resources import Resources
from dask_synth.errors import SchedulerError

FORM = "kubernetes:FILE"


class PodsFile(ClusterFile):
    """What ``kubernetes:FILE`` may say: as ``cluster/kubernetes-workers.yaml``.

    Attributes
    ----------
    image
        An image with dask-synth, as ``cluster/Dockerfile`` builds it.
    namespace
        Where the cluster shall live; None is the one of the current context.
    workers
        Workers; ``--workers`` overrides it.
    memory, cpu
        What a pod asks for and may use, as Kubernetes writes it: ``4Gi``, ``2``.
    secret
        A secret whose keys become environment variables of the pods: credentials of an object store.
    """

    name: str = "dask-synth"
    image: str
    namespace: str | None = None
    workers: int = Field(default=2, ge=1)
    memory: str = "4Gi"
    cpu: str = "2"
    secret: str | None = None


def start(argument: str, resources: Resources) -> Cluster:
    """Have the Dask operator start a scheduler and workers: ``kubernetes:FILE``."""
    if not argument:
        raise SchedulerError(
            "--scheduler 'kubernetes' needs kubernetes:FILE, with a file as cluster/kubernetes-workers.yaml"
        )
    asked = PodsFile.read(argument)
    try:
        import kr8s
        from dask_kubernetes.operator import KubeCluster
    except ImportError:
        raise SchedulerError("Kubernetes needs dask-kubernetes: pip install 'dask-synth[kubernetes]'") from None
    if resources.security:
        raise SchedulerError("--tls-ca, --tls-cert and --tls-key do not reach pods; put them into a secret")
    try:
        # Asked first: a KubeCluster that fails as it begins prints a traceback when it is collected.
        kr8s.api().version()
        cluster: Cluster = KubeCluster(custom_cluster_spec=cluster_spec(asked, resources), namespace=asked.namespace)
    except Exception as error:  # kr8s and httpx have a class for each way in which the cluster cannot be reached
        raise SchedulerError(
            f"--scheduler 'kubernetes:{argument}': the cluster cannot be used ({type(error).__name__}: {error}); "
            "try `kubectl get daskclusters` by hand"
        ) from error
    return cluster


def cluster_spec(asked: PodsFile, resources: Resources) -> dict[str, Any]:
    """Return the DaskCluster resource that is asked for."""
    from dask_kubernetes.operator import make_cluster_spec

    limits = {"memory": asked.memory, "cpu": asked.cpu}
    spec: dict[str, Any] = make_cluster_spec(
        asked.name,
        image=asked.image,
        n_workers=resources.workers or asked.workers,
        resources={"requests": limits, "limits": limits},
        env=[],
    )
    worker = spec["spec"]["worker"]["spec"]["containers"][0]
    if resources.threads_per_worker:
        worker["args"] += ["--nthreads", str(resources.threads_per_worker)]
    if resources.memory_limit:
        worker["args"] += ["--memory-limit", resources.memory_limit]
    if asked.secret:
        worker["envFrom"] = [{"secretRef": {"name": asked.secret}}]
    return spec
