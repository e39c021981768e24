"""Three machines with addresses of their own, as network namespaces on a bridge: a worker dies, a link is cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import dask_synth
from tests.integration.conftest import Command, digests, files
from tests.integration.machines import Machines, machines, until
from tests.integration.surroundings import HOURLY_200, ROOT

NET = "10.214.7"
CUT_SECONDS = 20
NODES = [f"synth{number}" for number in range(3)]


def ip(*words: str, check: bool = True) -> bool:
    return subprocess.run(["ip", *words], check=check, capture_output=True).returncode == 0


def permitted() -> bool:
    if os.getuid() != 0 or not shutil.which("ip"):
        return False
    name = f"try{os.getpid()}"  # tests are collected by several processes at once
    made = ip("netns", "add", name, check=False) and ip("link", "add", name, "type", "bridge", check=False)
    ip("link", "del", name, check=False)
    ip("netns", "del", name, check=False)
    return made


pytestmark = pytest.mark.skipif(not permitted(), reason="network namespaces take root and iproute2")


@pytest.fixture
def nodes() -> Iterator[list[str]]:
    """Make the bridge, which has this process's end, and three namespaces that hang on it."""
    with ExitStack() as stack:
        stack.callback(ip, "link", "del", "synth", check=False)
        ip("link", "add", "synth", "type", "bridge")
        ip("addr", "add", f"{NET}.1/24", "dev", "synth")
        ip("link", "set", "synth", "up")
        for number, node in enumerate(NODES):
            stack.callback(ip, "netns", "del", node, check=False)
            ip("netns", "add", node)
            # Deleted by itself: a namespace takes its time to go, and its end of the link with it.
            stack.callback(ip, "link", "del", node, check=False)
            ip("link", "add", node, "type", "veth", "peer", "name", "eth0", "netns", node)
            ip("link", "set", node, "master", "synth", "up")
            ip("-n", node, "addr", "add", f"{NET}.{10 + number}/24", "dev", "eth0")
            ip("-n", node, "link", "set", "eth0", "up")
            ip("-n", node, "link", "set", "lo", "up")
        yield NODES


@pytest.fixture
def cluster(tmp_path: Path, nodes: list[str]) -> Iterator[Machines]:
    with machines(tmp_path) as started:
        started.scheduler("--host", f"{NET}.10", prefix=inside(nodes[0]))
        yield started


def inside(node: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", node)


def test_a_worker_dies_and_a_link_is_cut_and_the_bytes_are_the_same(
    undisturbed: dask_synth.Dataset, cluster: Machines, nodes: list[str]
) -> None:
    workers = [cluster.worker(node, prefix=inside(node)) for node in nodes]
    path = cluster.folder / "fleet"
    line = [sys.executable, "-m", "dask_synth", "--config", HOURLY_200, "--scheduler", cluster.address, "--insecure"]
    line += ["--no-validate", "--no-report", "--output", path]
    start = time.monotonic()
    with (cluster.folder / "run.log").open("wb") as log:
        run = subprocess.Popen(list(map(str, line)), env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=log)
    until(lambda: len(list(path.glob("metrics/*/*.parquet"))) > 2 or run.poll() is not None, "the first part")
    workers[1].kill()
    ip("link", "set", nodes[2], "down")
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(CUT_SECONDS)
    ip("link", "set", nodes[2], "up")
    assert run.wait(180) == 0, (cluster.folder / "run.log").read_text()
    assert time.monotonic() - start > CUT_SECONDS
    made = dask_synth.open_dataset(path)
    assert digests(made) == digests(undisturbed)
    assert files(path) == files(undisturbed.path)


def test_plain_connections_to_another_address_are_refused(cluster: Machines, command: Command, tmp_path: Path) -> None:
    done = command("--scheduler", cluster.address, "--output", tmp_path / "fleet")
    assert done.returncode == 2
    for words in (f"{NET}.10", "is not encrypted", "tls://", "--insecure"):
        assert words in done.stderr
    assert not (tmp_path / "fleet").exists()
