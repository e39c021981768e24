"""What a run does when its tasks fail, with real tasks on a real scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, KilledWorker, LocalCluster

import dask_synth
from dask_synth.config.run import RunConfig
from dask_synth.errors import RunError
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline import submit, task, write
from dask_synth.pipeline.chunk import chunk_table
from dask_synth.pipeline.plan import Chunk
from dask_synth.storage.identity import versions
from tests.integration.machines import until

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def config(path: Path) -> RunConfig:
    changes = {"fleet.servers": 8, "time.years": 1, "output.rows_per_partition": 365, "output.path": str(path)}
    return dask_synth.load_config(None, changes)


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> list[int]:
    calls: list[int] = []

    def sometimes(spec: FleetSpec, chunk: Chunk) -> object:
        if chunk.index == 3:
            calls.append(3)
            if len(calls) <= times:
                raise error
        return chunk_table(spec, chunk)

    monkeypatch.setattr(write, "chunk_table", sometimes)
    return calls


def test_a_chunk_that_fails_once_is_tried_again(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = failing(monkeypatch, ValueError("a passing fault"), times=1)
    assert dask_synth.generate(config(tmp_path / "fleet"), client).verify() == []
    assert len(calls) == 2


def test_a_chunk_that_always_fails_names_servers_worker_and_cause(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = failing(monkeypatch, ValueError("a real bug"), times=99)
    with pytest.raises(RunError) as stopped:
        dask_synth.generate(config(tmp_path / "fleet"), client)
    assert "application servers 3 to 3" in str(stopped.value)
    assert "ValueError: a real bug" in str(stopped.value)
    assert "inproc://" in str(stopped.value)
    assert len(calls) == submit.ATTEMPTS
    assert not (tmp_path / "fleet" / "manifest.json").exists()


def test_a_full_disk_is_not_tried_again(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = failing(monkeypatch, OSError(28, "No space left on device"), times=99)
    with pytest.raises(RunError, match="No space left on device"):
        dask_synth.generate(config(tmp_path / "fleet"), client)
    assert len(calls) == 1


def test_more_chunks_than_the_window_all_come(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "WINDOW", 2)
    seen: list[int] = []
    dataset = dask_synth.generate(config(tmp_path / "fleet"), client, lambda receipt: seen.append(receipt.chunk.index))
    assert sorted(seen) == list(range(8))
    assert dataset.manifest.rows == 8 * 365


def test_a_worker_that_came_late_with_other_versions_writes_nothing(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "versions", lambda: {**versions(), "numpy": "1.0"})
    with pytest.raises(RunError, match="this worker has numpy 1.0, not 2"):
        dask_synth.generate(config(tmp_path / "fleet"), client)
    assert not list((tmp_path / "fleet").glob("metrics/*/*.parquet"))


def test_receipts_name_worker_and_stages_and_the_dashboard_hears_of_them(tmp_path: Path, client: Client) -> None:
    receipts: list[write.Receipt] = []
    dask_synth.generate(config(tmp_path / "fleet"), client, receipts.append)
    assert {receipt.worker for receipt in receipts} == {"0"}
    for receipt in receipts:
        assert set(receipt.seconds) == {"generate", "encode-parquet", "encode-csv", "write"}
        assert all(seconds > 0 for seconds in receipt.seconds.values())
        assert receipt.bytes == sum(file.bytes for file in receipt.files) > 0
    metrics = client.run(lambda dask_worker: dict(dask_worker.digests_total))
    found = {name[-2:]: value for of_worker in metrics.values() for name, value in of_worker.items() if len(name) == 5}
    assert found["written", "rows"] >= 8 * 365
    assert found["written", "bytes"] >= sum(receipt.bytes for receipt in receipts)
    assert found["generate", "seconds"] >= 0.9 * sum(receipt.seconds["generate"] for receipt in receipts)


def test_workers_that_are_paused_for_good_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "NO_WORKER_SECONDS", 1)
    limits = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "20 MiB", "processes": False}
    with dask.config.set({"distributed.worker.memory.terminate": False}):
        with LocalCluster(**limits, dashboard_address=":0", silence_logs=50) as cluster, Client(cluster) as client:
            until(lambda: cluster.workers[0].status.name == "paused", "the pause")
            with pytest.raises(RunError, match=r"stand still.*lower output\.rows_per_partition"):
                dask_synth.generate(config(tmp_path / "fleet"), client)
    assert not (tmp_path / "fleet" / "manifest.json").exists()


class LostResult:
    """A future that finished, and whose result went with its worker; done again, it killed four more."""

    status, key = "finished", "generate-and-write-0"
    worker: Any = None  # that it was on: a state of the scheduler's own

    def result(self, timeout: float) -> object:
        raise KilledWorker("generate-and-write-0", self.worker, 3)


def test_a_result_that_was_lost_is_no_result_and_no_error() -> None:
    future: Any = LostResult()
    assert submit._fetch(future) == []


def test_a_job_without_a_result_is_done_once(client: Client) -> None:
    jobs = [submit.Job("nothing", number, "nothing", print, ()) for number in range(3)]
    assert list(submit.run_jobs(jobs, client)) == [None, None, None]
