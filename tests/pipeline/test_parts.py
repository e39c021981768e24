from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from dask_synth.errors import RunError
from dask_synth.exactly_once.journal import journal
from dask_synth.exactly_once.lock import Hold
from dask_synth.pipeline import parts
from dask_synth.pipeline.parts import Work, chunk_jobs, write_parts
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.pipeline.write import Receipt, Target
from dask_synth.storage.store import LocalStore


def test_the_largest_chunks_go_first(small_plan: Callable[..., RunPlan], tmp_path: Path) -> None:
    chunks = [Chunk(0, "web", 0, 1), Chunk(1, "web", 1, 4), Chunk(2, "batch", 4, 6)]
    target = Target(tmp_path, ("csv",), "run", "0123abcd")
    assert [job.number for job in chunk_jobs(small_plan().spec, chunks, target)] == [1, 2, 0]


@pytest.fixture
def client() -> Iterator[Client]:
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            yield client


def test_parts_are_written_down_as_they_land_and_no_later(
    small_plan: Callable[..., RunPlan], tmp_path: Path, client: Client
) -> None:
    plan = small_plan({"output.rows_per_partition": 500})
    record, store, seen = plan.record(), LocalStore(tmp_path), list[bool]()

    def look(receipt: Receipt) -> None:
        with journal(store, record) as (_, landed):
            assert {entry.path for entry in receipt.files} <= set(landed)
        seen.append(receipt.kept)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parts(Work(plan, client, Hold(), look), tmp_path, record)
    kept: list[bool] = []
    write_parts(Work(plan, client, Hold(), lambda receipt: kept.append(receipt.kept)), tmp_path, record)
    assert len(kept) == len(plan.chunks)
    assert sum(kept) >= 3


def test_a_place_that_is_lost_ends_a_run_with_the_next_part(
    small_plan: Callable[..., RunPlan], tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None:
        raise RunError("another process took over")

    made: list[Receipt] = []
    # As it is, but for the clean-up, which asks as well.
    monkeypatch.setattr(parts, "begin", lambda place, plan, _: LocalStore(place).put("plan.json", plan.to_json()))
    plan = small_plan({"output.rows_per_partition": 500})
    with pytest.raises(RunError, match="took over"):
        write_parts(Work(plan, client, Hold(lost), made.append), tmp_path, plan.record())
    assert made == []
