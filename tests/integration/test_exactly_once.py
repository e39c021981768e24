"""Crashes, full disks and impatience: a dataset is committed, or it visibly is not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Literal

import dask
import pytest
from distributed import Client, LocalCluster, Worker
from distributed.chaos import KillWorker

import dask_synth
from dask_synth.clusters.resources import cores
from dask_synth.errors import OutputError, RunError
from dask_synth.exactly_once.lock import hold
from tests.integration.conftest import HOURLY_48, Command, digests, files, hourly_200, start
from tests.integration.events import HOLD
from tests.integration.forks import forks
from tests.integration.machines import until
from tests.integration.surroundings import BARE, HOURLY_200, environment
from tests.integration.test_generations import right_before_part

Mode = Literal["sys.exit", "graceful", "segfault"]
MODES: tuple[Mode, ...] = ("sys.exit", "graceful", "segfault")
LIFE = 0.5
"""After this many seconds the first worker dies, after as many more the next: a run of so many parts takes longer."""


def many_parts(path: Path) -> dask_synth.RunConfig:
    return hourly_200(path, **{"output.rows_per_partition": 110_000})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, threads: Client) -> dask_synth.Dataset:
    """What runs among dying workers must equal."""
    return dask_synth.generate(many_parts(tmp_path_factory.mktemp("whole") / "fleet"), threads)


def quick_restarts() -> AbstractContextManager[object]:
    """Fork workers from a server that has imported what they do: a killed one is back in a moment, not in 3 s."""
    forkserver.set_forkserver_preload(["distributed", "distributed.http.worker", "dask_synth.pipeline.write"])
    forkserver.ensure_running()
    return dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})


@contextmanager
def four_workers() -> Iterator[Client]:
    with quick_restarts():
        cluster = LocalCluster(n_workers=4, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0")
        with cluster, Client(cluster) as client:
            # A worker that ends by itself is not brought back by its nanny.
            cluster.adapt(minimum=4, maximum=4, interval="500 ms")
            yield client


def assert_undisturbed(dataset: dask_synth.Dataset, undisturbed: dask_synth.Dataset) -> None:
    assert digests(dataset) == digests(undisturbed)
    assert files(dataset.path) == files(undisturbed.path)
    assert dataset.verify() == []


def run_among_dying_workers(path: Path, whole: dask_synth.Dataset, mode: Mode, *, all_die: bool) -> int:
    """Let the first four workers die, or those that take their places, too; return how many died."""
    with four_workers() as client:
        if all_die:
            client.register_plugin(KillWorker(delay="4 s", mode=mode))

        client.run(die_soon, mode)
        dataset = dask_synth.generate(many_parts(path), client)
        died: int = sum(event.get("action") == "remove-worker" for _, event in client.get_events("all"))
    assert_undisturbed(dataset, whole)
    return died


async def die_soon(mode: Mode, dask_worker: Worker) -> None:
    death = KillWorker(mode=mode)
    death.worker = dask_worker
    delay = LIFE * (1 + int(dask_worker.name))
    dask_worker.loop.call_later(delay, getattr(death, mode.replace(".", "_")))


def run_among_killed_workers(path: Path, whole: dask_synth.Dataset, seed: int) -> int:
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
            dataset = dask_synth.generate(many_parts(path), client)
        finally:
            stop.set()
            killer.join()
    assert_undisturbed(dataset, whole)
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


@pytest.mark.xdist_group("dying workers")
@pytest.mark.parametrize("mode", MODES)
def test_dying_workers_do_not_change_a_byte(tmp_path: Path, whole: dask_synth.Dataset, mode: Mode) -> None:
    assert run_among_dying_workers(tmp_path / "fleet", whole, mode, all_die=False) > 0


@pytest.mark.xdist_group("dying workers")
def test_killed_workers_do_not_change_a_byte(tmp_path: Path, whole: dask_synth.Dataset) -> None:
    assert run_among_killed_workers(tmp_path / "fleet", whole, seed=1) > 0


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", [*MODES, "kill -9"])
def test_twenty_runs_among_dying_workers(
    tmp_path: Path, whole: dask_synth.Dataset, mode: Mode | Literal["kill -9"]
) -> None:
    killed = 0
    for seed in range(20):
        path = tmp_path / f"fleet-{seed}"
        if mode == "kill -9":
            killed += run_among_killed_workers(path, whole, seed)
        else:
            killed += run_among_dying_workers(path, whole, mode, all_die=True)
        subprocess.run(["rm", "-rf", path], check=True)
        print(f"\n{mode}: run {seed + 1} equals the undisturbed one", flush=True)
    print(f"\n{mode}: 20 of 20 runs equal the undisturbed one ({killed} workers died)")


def kill_and_resume(path: Path, undisturbed: dask_synth.Dataset, command: Command, after_parts: int) -> int:
    """Kill a run right before it has one part more, resume it, and return how many parts were kept."""
    before = killed_after(path, after_parts)
    done = command(*HOURLY_48, *BARE, "--output", path, "--resume")
    assert done.returncode == 0, done.stderr
    after = _parts(path)
    again = [name for name in before if after[name] != before[name]]
    assert not again, "a part that had been written down as landed was made again"
    assert_undisturbed(dask_synth.open_dataset(path), undisturbed)
    return len(before)


def killed_after(path: Path, parts: int) -> dict[str, tuple[int, int]]:
    """Kill a run that has given so many parts their names, and written that down; return these parts."""
    held = right_before_part(parts + 1) | {"number": HOLD}
    run = forks().start((*HOURLY_48, "--output", path), path.parent, **held)
    until(lambda: written_down(path) == parts or run.has_ended(), f"part {parts}")
    run.kill()
    killed = run.wait()
    assert killed.code == -signal.SIGKILL, killed.err
    landed = _parts(path)
    assert len(landed) == parts
    return landed


def written_down(path: Path) -> int:
    """Return how many parts the journals of a run say have landed."""
    return sum(journal.read_bytes().count(b'"metrics/') for journal in path.glob("journal-*"))


def _parts(path: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for part in path.glob("metrics/*/part-*.parquet"):
        status = part.stat()
        found[part.name] = status.st_ino, status.st_mtime_ns
    return found


def test_a_killed_run_is_resumed_to_the_same_bytes(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command
) -> None:
    kept = kill_and_resume(tmp_path / "fleet", undisturbed, command, after_parts=5)
    assert kept == 5


@pytest.mark.parametrize("damage", ["flipped bit", "zeroed block", "swapped parts"])
def test_a_finished_part_that_was_damaged_meanwhile_is_made_again(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command, damage: str
) -> None:
    path = tmp_path / "fleet"
    killed_after(path, 6)
    one, other = sorted(path.glob("metrics/*/part-*.parquet"))[:2]
    data = bytearray(one.read_bytes())
    if damage == "flipped bit":
        data[len(data) // 2] ^= 1
    elif damage == "zeroed block":
        data[40960:45056] = bytes(4096)
    else:
        data = bytearray(other.read_bytes())
    one.write_bytes(data)
    done = command(*HOURLY_48, *BARE, "--output", path, "--resume")
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
def test_twenty_killed_runs_are_resumed(tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command) -> None:
    chance, kept = random.Random(7), []
    for attempt in range(20):
        path = tmp_path / f"fleet-{attempt}"
        kept.append(kill_and_resume(path, undisturbed, command, chance.randint(1, 16)))
        subprocess.run(["rm", "-rf", path], check=True)
    print(f"\nkill -9 and resume: 20 of 20 equal the undisturbed run; parts kept: {kept}")


def test_an_interrupted_csv_run_is_resumed_to_the_same_bytes(tmp_path: Path, command: Command) -> None:
    words = ("--servers", 18, "--granularity", "hourly", "--set", "output.rows_per_partition=35064", *BARE)
    assert command(*words, "--output", tmp_path / "whole").returncode == 0
    path = tmp_path / "fleet"
    how = {"at": 6, "of": r"^rename .*/csv/part-\d+-\w+\.csv\.gz$", "number": signal.SIGKILL}
    killed = forks().start((*words, "--output", path), tmp_path, **how).wait()
    assert killed.code == -signal.SIGKILL, killed.err
    assert len(list(path.glob("csv/part-*.csv.gz"))) >= 5
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
    run = start("--config", HOURLY_200, "--output", path, "--format", "csv", "--scheduler", scheduler)
    until(lambda: list(path.glob("csv/part-*")) or run.has_ended(), "the first part")
    run.send_signal(number)
    ended = run.wait()
    assert ended.code == 3, ended.err
    assert "Traceback" not in ended.err
    assert "--resume" in ended.err
    assert not [name for name in files(path) if name.endswith(".tmp")]
    assert not (path / "manifest.json").exists()
    with pytest.raises(OutputError, match="--resume"):
        dask_synth.open_dataset(path)


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    run = start("--config", HOURLY_200, "--output", path, "--format", "csv")
    until(lambda: list(path.glob("csv/part-*")) or run.has_ended(), "the first part")
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    assert run.wait().code == 3


def test_a_full_disk_stops_cleanly_and_a_larger_one_is_resumed(
    tmp_path: Path, undisturbed: dask_synth.Dataset, command: Command
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here; the file-size limit below stands in")
    try:
        path = disk / "fleet"
        failed = command(*HOURLY_48, "--output", path)
        assert failed.returncode == 3
        assert "No space left on device" in failed.stderr
        assert "--resume" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert not [name for name in files(path) if name.endswith(".tmp")]
        kept = _parts(path)
        assert kept
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        done = command(*HOURLY_48, *BARE, "--output", path, "--resume")
        assert done.returncode == 0, done.stderr
        now = _parts(path)
        assert sum(now[name] != kept[name] for name in kept) <= cores(), "what was written down as landed stays"
        assert_undisturbed(dask_synth.open_dataset(path), undisturbed)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.soak
@pytest.mark.timeout(2400)
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
    limits = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "320 MiB"}
    with quick_restarts(), LocalCluster(**limits, host="127.0.0.1", dashboard_address=":0") as cluster:
        client = cluster.get_client()
        config = hourly_200(tmp_path / "fleet", **{"output.rows_per_partition": 3_000_000})
        with pytest.raises(RunError, match=r"memory limit.*; lower output\.rows_per_partition"):
            dask_synth.generate(config, client)


def test_the_second_writer_is_told_who_holds_the_output(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "fleet"
    words = ("--servers", 4, "--years", 1, "--output", path)
    first = forks().start(words, tmp_path, at=1, of=r"^rename .*/part-", number=signal.SIGSTOP)
    until(lambda: first.is_stopped() or first.has_ended(), "the first part")
    second = command(*words, "--resume")
    first.kill()
    assert first.wait().code == -signal.SIGKILL
    assert second.returncode == 2
    assert f"process {first.pid}" in second.stderr
    assert "since 20" in second.stderr
    with hold(path):
        pass  # its process is gone, and so is the lock
