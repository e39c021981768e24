"""A real Slurm on this machine: one node, its daemons started for these tests and ended after them."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
import yaml

import dask_synth
from tests.integration.conftest import Command, digests
from tests.integration.machines import process, until
from tests.integration.surroundings import BARE, ROOT, environment
from tests.integration.test_remote import certificates, options

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
pytestmark = [
    pytest.mark.skipif(
        os.getuid() != 0 or any(not shutil.which(name) for name in DAEMONS),
        reason="takes root, and Debian's slurmctld, slurmd, slurm-client and munge",
    ),
    pytest.mark.xdist_group("slurm"),
]

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

Queue = Callable[[], str]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the folder with a running Slurm's configuration; SLURM_CONF names it meanwhile."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    ports = {"controller": free_port(), "node": free_port()}
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, host=socket.gethostname().split(".")[0], **ports))
    munge = ["munged", "-F", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munge += [f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log"]
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(configuration)
    try:
        with process(munge, folder / "munged.log"):
            until((folder / "munge.socket").exists, "munge's start")
            with (
                process(["slurmctld", "-D", "-f", configuration], folder / "slurmctld.log"),
                process(["slurmd", "-D", "-f", configuration], folder / "slurmd.log"),
            ):
                until(lambda: "idle" in output_of("sinfo", "-h", "-o", "%T"), "the node's start")
                yield folder
    finally:
        os.environ.pop("SLURM_CONF")
        if before:
            os.environ["SLURM_CONF"] = before


def output_of(*words: object) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=20).stdout


def queue() -> str:
    return output_of("squeue", "-h", "-t", "PENDING,RUNNING", "-o", "%i")


@pytest.fixture
def cluster_file(slurm: Path, tmp_path: Path) -> Path:
    """cluster/slurm.yaml, at this machine's size."""
    content = yaml.safe_load((ROOT / "cluster" / "slurm.yaml").read_text())
    content["workers"] = 2
    content["job"] |= {
        "cores": 1,
        "memory": "1GiB",
        "job_directives_skip": ["--mem"],
        "interface": "lo",
        "local_directory": str(tmp_path),
        "log_directory": str(tmp_path / "logs"),
        "python": sys.executable,
        "job_script_prologue": [f"export PYTHONPATH={ROOT}"],
    }
    path = tmp_path / "slurm.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


HOURLY = ("--servers", 40, "--granularity", "hourly", "--format", "parquet", "--set", "output.rows_per_partition=30000")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, command: Command) -> dask_synth.Dataset:
    path = tmp_path_factory.mktemp("expected") / "fleet"
    assert command(*HOURLY, "--no-validate", "--no-report", "--output", path).returncode == 0
    return dask_synth.open_dataset(path)


def test_jobs_make_the_same_bytes_and_none_is_left(
    cluster_file: Path, tmp_path: Path, command: Command, expected: dask_synth.Dataset
) -> None:
    done = command(*HOURLY, "--no-report", "--scheduler", f"slurm:{cluster_file}", "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    assert "valid: all" in done.stdout
    assert digests(dask_synth.open_dataset(tmp_path / "fleet")) == digests(expected)
    assert len(list((tmp_path / "logs").glob("*.err"))) == 2, "one log a job"
    until(lambda: queue() == "", "the end of the jobs")


def start(cluster_file: Path, path: Path, *words: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "dask_synth", *HOURLY, "--no-report", "--no-validate", *words]
    line += ["--scheduler", f"slurm:{cluster_file}", "--output", path]
    return subprocess.Popen([str(word) for word in line], stderr=subprocess.PIPE, text=True, env=environment())


def test_a_job_that_is_cancelled_costs_its_chunks_alone(
    cluster_file: Path, tmp_path: Path, expected: dask_synth.Dataset
) -> None:
    path = tmp_path / "fleet"
    run = start(cluster_file, path)
    until(lambda: list(path.glob("metrics/*/*.parquet")) or run.poll() is not None, "the first part", 60)
    output_of("scancel", queue().split()[0])
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert digests(dask_synth.open_dataset(path)) == digests(expected)
    until(lambda: queue() == "", "the end of the jobs")


def test_ctrl_c_leaves_no_job(cluster_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    run = start(cluster_file, path, "--servers", 1000)
    until(lambda: list(path.glob("metrics/*/*.parquet")) or run.poll() is not None, "the first part", 60)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=30)
    assert run.returncode == 3, errors
    assert "--resume" in errors
    until(lambda: queue() == "", "the end of the jobs")


def test_workers_come_and_go_by_load_and_speak_tls(
    cluster_file: Path, tmp_path: Path, command: Command, expected: dask_synth.Dataset
) -> None:
    tls = options(*certificates(tmp_path, trustme.CA()))
    words = (*HOURLY, *BARE, *tls, "--adaptive", "1:2", "--scheduler", f"slurm:{cluster_file}")
    done = command(*words, "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    assert digests(dask_synth.open_dataset(tmp_path / "fleet")) == digests(expected)
    assert "tls://127.0.0.1" in "".join(log.read_text() for log in (tmp_path / "logs").glob("*.err"))
    until(lambda: queue() == "", "the end of the jobs")


def test_a_queue_that_does_not_move_is_told_and_left_empty(
    cluster_file: Path, tmp_path: Path, command: Command
) -> None:
    content = yaml.safe_load(cluster_file.read_text())
    content["job"]["job_extra_directives"] = ["--begin=now+1hour"]
    cluster_file.write_text(yaml.safe_dump(content))
    words = ("--scheduler", f"slurm:{cluster_file}", "--wait", 2, "--output", tmp_path / "fleet")
    done = command(*HOURLY, *words)
    assert done.returncode == 2
    assert "no worker came within 2 s" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "fleet").exists()
    until(lambda: queue() == "", "the end of the jobs")


def test_a_wrong_cluster_file_says_all_at_once(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "slurm.yaml"
    file.write_text("system: slurm\nworkers: 0\njbo: {}\n")
    done = command("--scheduler", f"slurm:{file}", "--output", tmp_path / "fleet")
    assert done.returncode == 2
    assert "workers: 0 is not allowed" in done.stderr
    assert "jbo: there is no such key; did you mean 'job'?" in done.stderr
    file.write_text("job: {coers: 2}\n")
    done = command("--scheduler", f"slurm:{file}", "--output", tmp_path / "fleet")
    assert "job.coers: there is no such key; did you mean 'cores'?" in done.stderr
