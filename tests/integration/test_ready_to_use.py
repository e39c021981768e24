"""What lies ready in the repository runs as it is: configurations, cluster scripts, jobs."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dask_synth
from tests.integration.conftest import Command
from tests.integration.surroundings import ROOT, environment


def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    # The scripts call `dask`, which lies beside the interpreter.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = environment() | {"PATH": path} | variables
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=ROOT, env=env, timeout=240)


@pytest.mark.parametrize("config", sorted(ROOT.glob("config/*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_runs(config: Path, command: Command, tmp_path: Path) -> None:
    done = command("--config", config, "--no-report", "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    assert dask_synth.open_dataset(tmp_path / "fleet").manifest.rows >= 175_320


def test_the_baseline_has_the_promised_size(fresh_command: Command, tmp_path: Path) -> None:
    done = fresh_command(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    dataset = dask_synth.open_dataset(tmp_path / "output")
    assert dataset.manifest.rows == 175_320
    assert dataset.manifest.servers == 120
    made, verdict, *drawn = done.stdout.splitlines()
    assert made.startswith("175,320 rows in 6 files")
    assert verdict.startswith("valid: all ")
    assert [Path(line).name for line in drawn] == ["overview.png", "report.html"]


def test_a_terminal_shows_plan_dashboard_progress_and_how_to_load(tmp_path: Path) -> None:
    lead, follow = pty.openpty()
    words = [sys.executable, "-m", "dask_synth", "--servers", "10", "--output", str(tmp_path / "fleet")]
    process = subprocess.Popen(words, stdout=follow, stderr=follow, env=environment() | {"COLUMNS": "200"})
    os.close(follow)
    shown = b""
    try:
        while block := os.read(lead, 65536):
            shown += block
    except OSError:
        pass  # how a terminal says that its last writer has gone
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "10 (3 web, 5 application, 1 database, 1 batch)" in text
    assert "14,610 in 4 partitions" in text
    assert re.search(r"dashboard http://127\.0\.0\.1:\d+/status", text)
    assert "100%" in text
    assert "M rows/s" in text
    assert f"dask_synth.open_dataset('{tmp_path}/fleet').frame()" in text


def test_an_occupied_dashboard_port_is_no_error(command: Command, tmp_path: Path) -> None:
    with socket.socket() as occupied:
        occupied.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            occupied.bind(("127.0.0.1", 8787))
            occupied.listen()
        except OSError:
            pass  # somebody else occupies it: the same test
        done = command("--servers", 2, "--output", tmp_path / "fleet")
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_scheduler_and_workers_of_ones_own(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = (
        sys.executable,
        "-m",
        "dask_synth",
        "--scheduler",
        f"tcp://127.0.0.1:{port}",
        "--servers",
        8,
        "--no-report",
    )
    done = run("cluster/loopback.sh", *words, "--output", tmp_path / "fleet", PORT=port)
    assert done.returncode == 0, done.stderr
    assert dask_synth.open_dataset(tmp_path / "fleet").verify() == []


def test_a_scheduler_that_is_not_there_is_one_message(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command("--scheduler", "tcp://127.0.0.1:9", "--wait", 3, "--output", tmp_path / "fleet")
    assert done.returncode == 2
    assert "tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "fleet").exists()


MODES = [["--format", "csv"], ["--compare"], ["--overhead"], ["--validate"], ["--everything"], []]


@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_the_benchmark_runs_at_a_small_size(mode: list[str]) -> None:
    done = run(sys.executable, "jobs/benchmark.py", "--servers", 8, "--granularity", "daily", "--runs", 1, *mode)
    assert done.returncode == 0, done.stderr
    against = [f"{what} against" for what in ("exactly-once", "validation", "everything")]
    figures = (*against, "share of the floor")
    assert any(figure in done.stdout for figure in figures)
