"""What is sent to Kubernetes, held against the definitions that the Dask operator brings. None runs here."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import dask_synth
from dask_synth.clusters.kinds.kubernetes import PodsFile, cluster_spec, start
from dask_synth.clusters.resources import Resources
from dask_synth.errors import ConfigError, SchedulerError

CLUSTER = Path(dask_synth.__file__).parents[1] / "cluster"


def strict(schema: Any) -> Any:
    """Refuse what a definition does not name, as the API server prunes it."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.fixture(scope="module")
def definition() -> jsonschema.protocols.Validator:
    chart = files("dask_kubernetes").joinpath("operator", "deployment", "helm", "dask-kubernetes-operator")
    text = chart.joinpath("crds", "daskcluster.yaml").read_text()
    document = next(one for one in yaml.safe_load_all(text) if one)
    schema = strict(document["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    known = {"apiVersion": {"type": "string"}, "kind": {"const": "DaskCluster"}, "metadata": {"type": "object"}}
    schema["properties"] |= known
    return jsonschema.Draft202012Validator(schema)


def shipped() -> tuple[dict[str, Any], dict[str, Any]]:
    cluster, job = yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text())
    return cluster, job


def test_the_shipped_cluster_is_as_the_operator_defines_it(definition: jsonschema.protocols.Validator) -> None:
    definition.validate(shipped()[0])


def test_what_we_build_is_as_the_operator_defines_it(definition: jsonschema.protocols.Validator) -> None:
    asked = PodsFile.read(str(CLUSTER / "kubernetes-workers.yaml"))
    spec = cluster_spec(asked, Resources(workers=7, threads_per_worker=3, memory_limit="2GiB"))
    definition.validate(spec)
    assert spec["spec"]["worker"]["replicas"] == 7
    worker = spec["spec"]["worker"]["spec"]["containers"][0]
    assert worker["args"][-4:] == ["--nthreads", "3", "--memory-limit", "2GiB"]
    assert worker["envFrom"] == [{"secretRef": {"name": "dask-synth-s3"}}]


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("spec", "worker"), "replicas", "four"),
        (("spec", "worker"), "replcas", 4),
        (("spec", "worker", "spec", "containers", 0), "imagee", "x"),
        (("spec", "scheduler", "service", "ports", 0), "port", "http"),
    ],
)
def test_the_definition_refuses_what_is_wrong(
    definition: jsonschema.protocols.Validator, place: tuple[Any, ...], key: str, value: object
) -> None:
    cluster = shipped()[0]
    inner: Any = cluster
    for part in place:
        inner = inner[part]
    inner[key] = value
    assert not definition.is_valid(cluster)


def test_the_job_speaks_to_the_cluster_that_is_beside_it() -> None:
    cluster, job = shipped()
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert f"tcp://{cluster['metadata']['name']}-scheduler:8786" in container["args"][0]
    worker = cluster["spec"]["worker"]["spec"]["containers"][0]
    assert container["image"] == worker["image"]
    assert container["envFrom"] == worker["envFrom"]


def test_no_file_no_image_and_no_cluster_are_one_message_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SchedulerError, match="kubernetes:FILE"):
        start("", Resources())
    file = tmp_path / "pods.yaml"
    file.write_text("imag: x\n")
    with pytest.raises(ConfigError) as refused:
        start(str(file), Resources())
    assert "did you mean 'image'?" in str(refused.value)
    assert "image: must be given" in str(refused.value)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    file.write_text("image: x\n")
    with pytest.raises(SchedulerError, match="cannot be used.*kubectl"):
        start(str(file), Resources())


def test_the_image_copies_what_is_there() -> None:
    lines = (CLUSTER / "Dockerfile").read_text().splitlines()
    sources = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert len(sources) > 3
    assert all((CLUSTER.parent / source).exists() for source in sources)
    user = next(number for number, line in enumerate(lines) if line.startswith("USER"))
    assert not any(line.startswith(("RUN", "COPY")) for line in lines[user:]), "what runs last is not root"
