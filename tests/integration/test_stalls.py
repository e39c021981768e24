"""A scheduler or worker that is killed or stopped: the run says so, and ends in time, with the way to go on."""

from __future__ import annotations

import logging
import re
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import dask_synth
from dask_synth.clusters import watch
from dask_synth.clusters.connect import LEAVE_SECONDS, connect
from dask_synth.clusters.resources import Resources
from dask_synth.errors import RunError
from tests.integration.conftest import HOURLY_48, Command, digests, hourly_48, start
from tests.integration.contents import content, left_over, small_fleet
from tests.integration.forks import Running, forks
from tests.integration.held import Held
from tests.integration.machines import Machines, Process, machines, until
from tests.integration.surroundings import BARE
from tests.integration.test_exactly_once import written_down

END_SECONDS = 55
"""Of a run whose scheduler is gone: Dask tries for 15 to find it again."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Machines]:
    with machines(tmp_path) as started:
        yield started


def scheduler_of(cluster: Machines) -> Process:
    return cluster.scheduler("--host", "127.0.0.1")


def parts(path: Path) -> list[Path]:
    return list(path.glob("metrics/*/*.parquet"))


def held_worker(cluster: Machines) -> Process:
    """Start a worker that stands still after two parts."""
    return cluster.worker("one", *Held(cluster.folder, after=2).options())


@contextmanager
def held_run(cluster: Machines, *words: object) -> Iterator[Running]:
    """Start a run on that worker, and give it when the worker stands still and two parts are written down."""
    path, held = cluster.folder / "fleet", Held(cluster.folder)
    line = (*HOURLY_48, *BARE, "--scheduler", cluster.file, "--output", path, *words)
    at_once = {"dask_synth.exactly_once.journal.SETTLE_SECONDS": 0}
    run = forks().start(line, path.parent, patches=at_once, is_watched=False)
    until(lambda: (held.is_held() and written_down(path) == 2) or run.has_ended(), "the third part")
    try:
        yield run
    finally:
        run.kill()


def told(run: Running, seconds: float = END_SECONDS) -> list[str]:
    """Return the lines of the one message with which a run has failed."""
    ended = run.wait(seconds)
    assert ended.code == 3, ended.err
    assert "Traceback" not in ended.err
    lines = ended.err.rstrip().splitlines()
    assert lines[-2].endswith("To go on:")
    assert lines[-1].endswith(" --resume")
    return lines


def test_a_killed_scheduler_ends_the_run_and_a_new_one_finishes_it(
    cluster: Machines, undisturbed: dask_synth.Dataset
) -> None:
    scheduler = scheduler_of(cluster)
    held_worker(cluster)
    with held_run(cluster) as run:
        scheduler.kill()
        lines = told(run)
    assert len(lines) == 3
    assert lines[0] == "Error: the scheduler is gone"
    assert len(parts(cluster.folder / "fleet")) == 2

    cluster.file.unlink()
    scheduler_of(cluster)
    cluster.worker("two")
    done = forks().run(shlex.split(lines[-1])[3:], cluster.folder, is_watched=False)
    assert done.code == 0, done.err
    assert digests(dask_synth.open_dataset(cluster.folder / "fleet")) == digests(undisturbed)


def test_a_stopped_scheduler_ends_the_run_when_patience_is_over(cluster: Machines) -> None:
    scheduler = scheduler_of(cluster)
    held_worker(cluster)
    with held_run(cluster, "--patience", 6) as run:
        scheduler.send_signal(signal.SIGSTOP)
        lines = told(run)
    assert len(lines) == 3
    assert "the scheduler does not answer, and nothing came for" in lines[0]
    assert "gave up after 6 s (--patience)" in lines[0]


def test_a_stopped_worker_is_named_when_patience_is_over(cluster: Machines) -> None:
    scheduler_of(cluster)
    stopped = held_worker(cluster)
    # Patience counts from the last result, silence from the last heartbeat, which a busy machine may put seconds later.
    with held_run(cluster, "--patience", watch.SILENT_SECONDS + 15) as run:
        stopped.send_signal(signal.SIGSTOP)
        lines = told(run)
    (address,) = re.findall(r"Start worker at: +(tcp://\S+)", (cluster.folder / "one.log").read_text())
    # Before it, the result may have been lost that the worker had at hand when it was stopped.
    error = lines[-3]
    assert re.match(r"Error: nothing came from any worker for \d\d s; waiting for the chunk of ", error)
    assert re.search(rf" on {re.escape(address)}, silent for \d\d s", error)
    assert f"gave up after {watch.SILENT_SECONDS + 15} s (--patience)" in error


def test_a_worker_that_comes_back_after_its_run_was_replaced_writes_nothing(
    cluster: Machines, command: Command
) -> None:
    path, held = cluster.folder / "fleet", Held(cluster.folder)
    scheduler_of(cluster)
    cluster.worker("one", *held.options())
    run = start(*small_fleet(), *BARE, "--scheduler", cluster.file, "--output", path)
    until(held.is_held, "the first part")
    run.kill()
    run.wait()
    replaced = command(*small_fleet(seed=7), *BARE, "--output", path, "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    before = content(path)
    held.go()
    until(held.has_tried, "the late write")
    assert content(path) == before
    assert left_over(path, path) == set()
    assert not list(cluster.folder.glob(".fleet*"))


def test_what_is_waited_for_is_said_at_growing_intervals_and_the_run_goes_on(
    cluster: Machines,
    undisturbed: dask_synth.Dataset,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watch, "FIRST_WORD_SECONDS", 1)
    scheduler_of(cluster)
    stopped = cluster.worker("one")

    def said_twice() -> list[tuple[int, int]]:
        """Return the seconds of each word with those of the next about the same wait: a busy machine waits often."""
        words = [re.search(r"nothing came .* for (\d+) s", record.getMessage()) for record in caplog.records]
        return [
            (one, two) for one, two in pairwise(int(found[1]) for found in words if found) if two >= max(3, one + 1)
        ]

    def wake() -> None:
        until(said_twice, "the second word")
        stopped.send_signal(signal.SIGCONT)

    waking = threading.Thread(target=wake)

    def stop_at_first(_: object) -> None:
        if not waking.ident:
            stopped.send_signal(signal.SIGSTOP)
            waking.start()

    with connect(str(cluster.file)) as client:
        dataset = dask_synth.generate(hourly_48(cluster.folder / "fleet"), client, stop_at_first)
    waking.join()
    assert said_twice()
    assert {record.levelno for record in caplog.records if "nothing came" in record.getMessage()} == {logging.WARNING}
    assert digests(dataset) == digests(undisturbed)


def test_a_scheduler_that_dies_under_other_work_is_said_likewise(cluster: Machines) -> None:
    scheduler = scheduler_of(cluster)
    cluster.worker("one")
    with pytest.raises(RunError, match="the scheduler is gone"):
        with connect(cluster.address, Resources(wait=10)) as client:
            future = client.submit(time.sleep, 100)
            scheduler.kill()
            future.result()
    assert client.status == "closed"


def test_a_client_of_a_stopped_scheduler_is_left_in_time(cluster: Machines) -> None:
    scheduler = scheduler_of(cluster)
    cluster.worker("one")
    with connect(cluster.address) as client:
        scheduler.send_signal(signal.SIGSTOP)
        # More than the kernel keeps for who does not read: the rest is still to be sent when the client is closed.
        futures = [client.submit(len, bytes(50_000), number, pure=False) for number in range(1000)]
        start = time.monotonic()
    assert time.monotonic() - start < LEAVE_SECONDS + 10
    assert client.status == "closed"
    assert {future.status for future in futures} == {"cancelled"}
