"""A real sshd on a loopback port, with keys that live as long as the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import dask_synth
from tests.integration.conftest import Command, digests
from tests.integration.machines import process, until
from tests.integration.test_slurm import free_port

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.skipif(not SSHD or os.getuid() != 0, reason="takes root, and Debian's openssh-server"),
    pytest.mark.xdist_group("ssh"),
]

SMALL = ("--servers", 8, "--no-report", "--no-validate")

CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
AcceptEnv PYTHONPATH
"""


@pytest.fixture(scope="module")
def cluster_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """cluster/ssh.yaml for a server that runs meanwhile."""
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True)
    port = free_port()
    (folder / "sshd_config").write_text(CONFIGURATION.format(folder=folder, port=port))
    key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    Path("/run/sshd").mkdir(exist_ok=True)
    file = folder / "ssh.yaml"
    connect = {
        "port": port,
        "username": "root",
        "client_keys": [str(folder / "user")],
        "known_hosts": str(folder / "known_hosts"),
        "env": {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    }
    file.write_text(yaml.safe_dump({"hosts": ["127.0.0.1"] * 3, "python": sys.executable, "connect": connect}))
    with process([SSHD, "-D", "-e", "-f", folder / "sshd_config"], folder / "sshd.log"):
        until(lambda: "listening" in (folder / "sshd.log").read_text(), "sshd's start")
        yield file


def test_two_workers_through_ssh_make_the_same_bytes(cluster_file: Path, tmp_path: Path, command: Command) -> None:
    assert command(*SMALL, "--output", tmp_path / "local").returncode == 0
    done = command(*SMALL, "--scheduler", f"ssh:{cluster_file}", "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    one, other = (dask_synth.open_dataset(tmp_path / name) for name in ("local", "fleet"))
    assert digests(one) == digests(other)
    until(lambda: not output_of_processes("distributed.cli.dask_spec"), "the end of scheduler and workers")


def output_of_processes(name: str) -> str:
    return subprocess.run(["pgrep", "-f", name], capture_output=True, text=True).stdout


def test_a_key_that_is_not_known_is_one_message(cluster_file: Path, tmp_path: Path, command: Command) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    content = yaml.safe_load(cluster_file.read_text())
    content["connect"]["client_keys"] = [str(tmp_path / "other")]
    file = tmp_path / "ssh.yaml"
    file.write_text(yaml.safe_dump(content))
    done = command(*SMALL, "--scheduler", f"ssh:{file}", "--output", tmp_path / "fleet")
    assert done.returncode == 2, done.stderr
    assert "cannot be used through SSH" in done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "fleet").exists()
