"""Three machines with addresses of their own, as network namespaces on a bridge: a worker dies, a link is cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import dask_synth
from tests.integration.conftest import HOURLY_48, Command, digests, files, start
from tests.integration.held import Held
from tests.integration.machines import Machines, machines, until
from tests.integration.surroundings import BARE

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


pytestmark = [
    pytest.mark.skipif(not permitted(), reason="network namespaces take root and iproute2"),
    pytest.mark.xdist_group("namespaces"),  # their names are the machine's
]


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
    held = Held(cluster.folder, after=1)
    _, dies, cut = (
        cluster.worker(node, *more, prefix=inside(node))
        for node, more in zip(nodes, ((), (), held.options()), strict=True)
    )
    path = cluster.folder / "fleet"
    words = (*HOURLY_48, *BARE, "--scheduler", cluster.address, "--insecure", "--output", path)
    run = start(*words)
    until(lambda: held.is_held() or run.has_ended(), "the first part of the worker whose link is cut")
    dies.kill()
    ip("link", "set", nodes[2], "down")
    assert not run.has_ended(within=CUT_SECONDS)
    ip("link", "set", nodes[2], "up")
    held.go()
    ended = run.wait(180)
    assert ended.code == 0, ended.err
    assert cut.poll() is None
    made = dask_synth.open_dataset(path)
    assert digests(made) == digests(undisturbed)
    assert files(path) == files(undisturbed.path)


def test_plain_connections_to_another_address_are_refused(cluster: Machines, command: Command, tmp_path: Path) -> None:
    done = command("--scheduler", cluster.address, "--output", tmp_path / "fleet")
    assert done.returncode == 2
    for words in (f"{NET}.10", "is not encrypted", "tls://", "--insecure"):
        assert words in done.stderr
    assert not (tmp_path / "fleet").exists()
