"""Crashes, full disks and impatience: a dataset is committed, or it visibly is not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import dask
import pytest
from distributed import Client, LocalCluster
from distributed.chaos import KillWorker

import dask_synth
from dask_synth.clusters.resources import cores
from dask_synth.errors import OutputError, RunError
from dask_synth.exactly_once.lock import hold
from tests.integration.conftest import BARE, HOURLY_200, Command, digests, environment, files, hourly_200

Mode = Literal["sys.exit", "graceful", "segfault"]
MODES: tuple[Mode, ...] = ("sys.exit", "graceful", "segfault")
WAIT_SECONDS = 60


def until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for a condition, or for the process's end, or fail."""
    limit = time.monotonic() + WAIT_SECONDS
    while not condition():
        if process is not None and process.poll() is not None:
            return
        assert time.monotonic() < limit, "the condition did not come true"
        time.sleep(0.02)


def start(*words: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "dask_synth", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


@contextmanager
def four_workers() -> Iterator[Client]:
    # Forked from a server that has imported Dask: a killed worker is back in a fraction of a second, not in three.
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        cluster = LocalCluster(n_workers=4, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0")
        with cluster, Client(cluster) as client:
            # A worker that ends by itself is not brought back by its nanny.
            cluster.adapt(minimum=4, maximum=4, interval="500 ms")
            yield client


def assert_undisturbed(dataset: dask_synth.Dataset, undisturbed: dask_synth.Dataset) -> None:
    assert digests(dataset) == digests(undisturbed)
    assert files(dataset.path) == files(undisturbed.path)
    assert dataset.verify() == []


def run_among_dying_workers(path: Path, undisturbed: dask_synth.Dataset, mode: Mode) -> None:
    with four_workers() as client:
        client.register_plugin(KillWorker(delay="4 s", mode=mode))
        assert_undisturbed(dask_synth.generate(hourly_200(path), client), undisturbed)


def run_among_killed_workers(path: Path, undisturbed: dask_synth.Dataset, seed: int) -> int:
    chance, stop, killed = random.Random(seed), threading.Event(), []
    with four_workers() as client:

        def kill_one_a_second() -> None:
            while not stop.wait(1):
                if pids := _working_pids(client.cluster):
                    killed.append(chance.choice(pids))
                    _kill(killed[-1])

        killer = threading.Thread(target=kill_one_a_second)
        killer.start()
        try:
            dataset = dask_synth.generate(hourly_200(path), client)
        finally:
            stop.set()
            killer.join()
        assert_undisturbed(dataset, undisturbed)
    return len(killed)


def _working_pids(cluster: Any) -> list[int]:
    """Workers that the scheduler knows: killing one that still starts would only keep it from ever working."""
    nannies = list(cluster.workers.values())
    return [
        nanny.process.pid for nanny in nannies if nanny.process and nanny.worker_address in cluster.scheduler.workers
    ]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("mode", MODES)
def test_dying_workers_do_not_change_a_byte(tmp_path: Path, undisturbed: dask_synth.Dataset, mode: Mode) -> None:
    run_among_dying_workers(tmp_path / "fleet", undisturbed, mode)


def test_killed_workers_do_not_change_a_byte(tmp_path: Path, undisturbed: dask_synth.Dataset) -> None:
    assert run_among_killed_workers(tmp_path / "fleet", undisturbed, seed=1) > 0


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mode", [*MODES, "kill -9"])
def test_twenty_runs_among_dying_workers(
    tmp_path: Path, undisturbed: dask_synth.Dataset, mode: Mode | Literal["kill -9"]
) -> None:
    killed = 0
    for seed in range(20):
        path = tmp_path / f"fleet-{seed}"
        if mode == "kill -9":
            killed += run_among_killed_workers(path, undisturbed, seed)
        else:
            run_among_dying_workers(path, undisturbed, mode)
        subprocess.run(["rm", "-rf", path], check=True)
        print(f"\n{mode}: run {seed + 1} equals the undisturbed one", flush=True)
    print(f"\n{mode}: 20 of 20 runs equal the undisturbed one ({killed or 'an unknown number of'} workers killed)")


def kill_and_resume(
    path: Path, undisturbed: dask_synth.Dataset, command: Command, after_parts: int, delay: float
) -> int:
    """Kill a run's process tree once it has some parts, resume it, and return how many parts were kept."""
    process = start("--config", HOURLY_200, "--output", path)
    until(lambda: len(_parts(path)) >= after_parts, process)
    time.sleep(delay)
    process.kill()
    process.communicate()
    before = _parts(path)
    done = command("--config", HOURLY_200, *BARE, "--output", path, "--resume")
    assert done.returncode == 0, done.stderr
    after = _parts(path)
    again = [name for name in before if after[name] != before[name]]
    assert len(again) <= cores(), "a part that had been written down as landed was made again"
    assert_undisturbed(dask_synth.open_dataset(path), undisturbed)
    return len(before) - len(again)


def _parts(path: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for part in path.glob("metrics/*/part-*.parquet"):
        status = part.stat()
        found[part.name] = status.st_ino, status.st_mtime_ns
    return found


def test_a_killed_run_is_resumed_to_the_same_bytes(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command
) -> None:
    kept = kill_and_resume(tmp_path / "fleet", undisturbed, command, after_parts=5, delay=0)
    assert 5 - cores() <= kept <= 16


@pytest.mark.parametrize("damage", ["flipped bit", "zeroed block", "swapped parts"])
def test_a_finished_part_that_was_damaged_meanwhile_is_made_again(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command, damage: str
) -> None:
    path = tmp_path / "fleet"
    process = start("--config", HOURLY_200, "--output", path)
    until(lambda: len(_parts(path)) >= 6, process)
    process.kill()
    process.communicate()
    one, other = sorted(path.glob("metrics/*/part-*.parquet"))[:2]
    data = bytearray(one.read_bytes())
    if damage == "flipped bit":
        data[len(data) // 2] ^= 1
    elif damage == "zeroed block":
        data[40960:45056] = bytes(4096)
    else:
        data = bytearray(other.read_bytes())
    one.write_bytes(data)
    done = command("--config", HOURLY_200, *BARE, "--output", path, "--resume")
    assert done.returncode == 0, done.stderr
    assert_undisturbed(dask_synth.open_dataset(path), undisturbed)


def test_the_same_line_with_resume_is_right_each_time(tmp_path: Path, command: Command) -> None:
    words = ("--servers", 12, "--years", 1, *BARE, "--output", tmp_path / "fleet", "--resume")
    assert command(*words).returncode == 0
    before = files(tmp_path / "fleet")
    again = command(*words)
    assert again.returncode == 0, again.stderr
    assert "complete" in again.stdout
    assert files(tmp_path / "fleet") == before


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("default")
def test_twenty_killed_runs_are_resumed(tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command) -> None:
    chance, kept = random.Random(7), []
    for attempt in range(20):
        path = tmp_path / f"fleet-{attempt}"
        after, delay = chance.randint(1, 16), chance.uniform(0, 0.3)
        kept.append(kill_and_resume(path, undisturbed, command, after, delay))
        subprocess.run(["rm", "-rf", path], check=True)
    print(f"\nkill -9 and resume: 20 of 20 equal the undisturbed run; parts kept: {kept}")


def test_an_interrupted_csv_run_is_resumed_to_the_same_bytes(tmp_path: Path, command: Command) -> None:
    words = ("--servers", 60, "--granularity", "hourly", "--set", "output.rows_per_partition=100000", *BARE)
    assert command(*words, "--output", tmp_path / "whole").returncode == 0
    path = tmp_path / "fleet"
    process = start(*words, "--output", path)
    until(lambda: len(list(path.glob("csv/part-*.csv.gz"))) >= 5, process)
    process.kill()
    process.communicate()
    part = sorted(path.glob("csv/part-*.csv.gz"))[0]
    part.write_bytes(part.read_bytes()[:-100])
    done = command(*words, "--output", path, "--resume")
    assert done.returncode == 0, done.stderr
    assert_undisturbed(dask_synth.open_dataset(path), dask_synth.open_dataset(tmp_path / "whole"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("scheduler", ["local", "processes:2"])
def test_a_signal_stops_a_run_that_says_how_to_go_on(
    tmp_path: Path, command: Command, number: signal.Signals, scheduler: str
) -> None:
    path = tmp_path / "fleet"
    process = start("--config", HOURLY_200, "--output", path, "--format", "csv", "--scheduler", scheduler)
    until(lambda: list(path.glob("csv/part-*")), process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 3
    assert "Traceback" not in stderr
    assert "--resume" in stderr
    assert not [name for name in files(path) if name.endswith(".tmp")]
    assert not (path / "manifest.json").exists()
    with pytest.raises(OutputError, match="--resume"):
        dask_synth.open_dataset(path)


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    process = start("--config", HOURLY_200, "--output", path, "--format", "csv")
    until(lambda: list(path.glob("csv/part-*")), process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 3


def test_a_full_disk_stops_cleanly_and_a_larger_one_is_resumed(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here; the file-size limit below stands in")
    try:
        path = disk / "fleet"
        failed = command("--config", HOURLY_200, "--output", path)
        assert failed.returncode == 3
        assert "No space left on device" in failed.stderr
        assert "--resume" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert not [name for name in files(path) if name.endswith(".tmp")]
        kept = _parts(path)
        assert kept
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        done = command("--config", HOURLY_200, *BARE, "--output", path, "--resume")
        assert done.returncode == 0, done.stderr
        now = _parts(path)
        assert sum(now[name] != kept[name] for name in kept) <= cores(), "what was written down as landed stays"
        assert_undisturbed(dask_synth.open_dataset(path), undisturbed)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.soak
@pytest.mark.timeout(2400)
@pytest.mark.filterwarnings("default")
def test_disks_of_47_sizes(tmp_path: Path, command: Command) -> None:
    words = ("--set", "output.rows_per_partition=20000", *BARE)
    assert command(*words, "--output", tmp_path / "whole").returncode == 0
    whole, disk, full = dask_synth.open_dataset(tmp_path / "whole"), tmp_path / "disk", 0
    disk.mkdir()
    for kib in range(64, 64 + 47 * 260, 260):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", disk], check=False).returncode:
            pytest.skip("mounting a tmpfs is not permitted here")
        try:
            path = disk / "fleet"
            done = command(*words, "--output", path)
            if done.returncode:
                full += 1
                assert done.returncode == 3, f"{kib} KiB: {done.stderr}"
                assert "No space left on device" in done.stderr
                assert "Traceback" not in done.stderr
                assert not [name for name in files(path) if name.endswith(".tmp")]
                assert not (path / "manifest.json").exists()
                subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
                done = command(*words, "--output", path, "--resume")
            assert done.returncode == 0, f"{kib} KiB: {done.stderr}"
            assert_undisturbed(dask_synth.open_dataset(path), whole)
        finally:
            subprocess.run(["umount", disk], check=True)
    print(f"\ndisks of 47 sizes: {full} were full, and 47 of 47 equal the undisturbed run in the end")
    assert 30 < full < 47


def test_a_file_size_limit_is_one_message(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dask_synth", "--config", str(HOURLY_200), "--output", str(tmp_path / "fleet")]
    limited = f"ulimit -f 1000; exec {' '.join(words)}"
    failed = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, env=environment(), check=False)
    assert failed.returncode == 3
    assert "File too large" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not [name for name in files(tmp_path / "fleet") if name.endswith(".tmp")]


def test_no_worker_at_all_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dask_synth.pipeline.submit.NO_WORKER_SECONDS", 1)
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0") as cluster, Client(cluster) as client:
        with pytest.raises(RunError, match="no worker"):
            dask_synth.generate(hourly_200(tmp_path / "fleet"), client)


def test_a_worker_over_its_memory_limit_is_spoken_of_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is killed, or paused for good just below its limit: that is chance.
    monkeypatch.setattr("dask_synth.pipeline.submit.NO_WORKER_SECONDS", 10)
    limits = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "400 MiB"}
    with LocalCluster(**limits, host="127.0.0.1", dashboard_address=":0") as cluster, Client(cluster) as client:
        config = hourly_200(tmp_path / "fleet", **{"output.rows_per_partition": 3_000_000})
        with pytest.raises(RunError, match=r"memory limit.*; lower output\.rows_per_partition"):
            dask_synth.generate(config, client)


def test_the_second_writer_is_told_who_holds_the_output(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "fleet"
    process = start("--config", HOURLY_200, "--output", path, "--format", "csv")
    until(lambda: (path / "plan.json").exists(), process)
    second = command("--config", HOURLY_200, "--output", path, "--format", "csv", "--resume")
    process.kill()
    process.communicate()
    assert second.returncode == 2
    assert f"process {process.pid}" in second.stderr
    assert "since 20" in second.stderr
    with hold(path):
        pass  # its process is gone, and so is the lock
