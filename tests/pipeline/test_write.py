from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dask_synth.errors import RunError
from dask_synth.pipeline.plan import RunPlan
from dask_synth.pipeline.write import Target, generate_and_write, join_csv, write_servers
from dask_synth.schema import NAMES
from dask_synth.storage.store import LocalStore


@pytest.fixture
def plan(small_plan: Callable[..., RunPlan]) -> RunPlan:
    return small_plan({"output.rows_per_partition": 500})


@pytest.fixture
def target(tmp_path: Path, plan: RunPlan) -> Target:
    return begun(tmp_path / "out", plan, ("parquet", "csv"))


def begun(path: Path, plan: RunPlan, formats: tuple[str, ...], suffix: str = "0123abcd") -> Target:
    record = plan.record().model_copy(update={"suffix": suffix})
    LocalStore(path).put("plan.json", record.to_json())
    return Target(path, formats, plan.run_id, suffix)


def data(target: Target) -> set[str]:
    return set(LocalStore(target.path).names()) - {"plan.json"}


def test_a_receipt_tells_what_landed(plan: RunPlan, target: Target) -> None:
    receipt = generate_and_write(plan.spec, plan.chunks[1], target)
    store = LocalStore(target.path)
    assert receipt.rows == 2 * 91
    assert data(target) == {entry.path for entry in receipt.files}
    assert [entry.path for entry in receipt.files] == [
        "metrics/server_type=web/part-00001-0123abcd.parquet",
        "csv/part-00001-0123abcd.csv.gz",
    ]
    for entry in receipt.files:
        assert entry.sha256 == store.digest(entry.path)
        assert entry.bytes == store.path(entry.path).stat().st_size
        assert (entry.rows, entry.servers) == (182, (5, 6))


def test_a_task_that_runs_twice_ends_in_the_same_files(plan: RunPlan, target: Target) -> None:
    first = generate_and_write(plan.spec, plan.chunks[0], target)
    second = generate_and_write(plan.spec, plan.chunks[0], target)
    assert first.files == second.files
    assert len(data(target)) == 2


def test_stages_are_timed_and_a_part_that_was_kept_was_only_checked(plan: RunPlan, target: Target) -> None:
    made = generate_and_write(plan.spec, plan.chunks[0], target)
    assert not made.kept
    assert set(made.seconds) == {"generate", "encode-parquet", "encode-csv", "write"}
    landed = replace(target, landed={entry.path: entry for entry in made.files})
    again = generate_and_write(plan.spec, plan.chunks[0], landed.of(plan.chunks[0]))
    assert again.kept
    assert set(again.seconds) == {"check"}
    assert again.files == made.files


@pytest.mark.parametrize("damage", ["flipped", "zeroed", "gone", "not written down"])
def test_a_part_that_is_not_as_it_was_written_down_is_made_again(plan: RunPlan, target: Target, damage: str) -> None:
    made = generate_and_write(plan.spec, plan.chunks[0], target)
    part = target.path / made.files[0].path
    data = bytearray(part.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "zeroed":
        data[1000:1100] = bytes(100)
    part.write_bytes(data)
    if damage == "gone":
        part.unlink()
    known = made.files if damage != "not written down" else ()
    again = generate_and_write(plan.spec, plan.chunks[0], replace(target, landed={one.path: one for one in known}))
    assert not again.kept
    assert again.files == made.files
    assert LocalStore(target.path).digest(made.files[0].path) == made.files[0].sha256


def test_a_task_carries_what_is_known_of_its_own_chunk_alone(plan: RunPlan, target: Target) -> None:
    made = [entry for chunk in plan.chunks for entry in generate_and_write(plan.spec, chunk, target).files]
    landed = replace(target, landed={entry.path: entry for entry in made})
    assert set(landed.of(plan.chunks[1]).landed) == {entry.path for entry in made[2:4]}


def test_only_the_formats_that_are_asked_for_are_written(plan: RunPlan, target: Target, tmp_path: Path) -> None:
    only_csv = begun(tmp_path / "csv_only", plan, ("csv",))
    receipt = generate_and_write(plan.spec, plan.chunks[0], only_csv)
    assert data(only_csv) == {receipt.files[0].path} == {"csv/part-00000-0123abcd.csv.gz"}


def test_csv_parts_are_joined_in_the_order_of_the_servers(plan: RunPlan, target: Target) -> None:
    receipts = [generate_and_write(plan.spec, chunk, target) for chunk in plan.chunks]
    entry = join_csv([receipt.files[1] for receipt in receipts], target)
    store = LocalStore(target.path)
    lines = gzip.decompress(store.path(entry.path).read_bytes()).decode().splitlines()
    assert lines[0] == ",".join(NAMES)
    assert [line.split(",")[1].strip('"') for line in lines[1::91]] == [f"server_{i:03d}" for i in range(20)]
    assert (entry.rows, entry.servers) == (plan.rows, (0, 19))
    assert entry.sha256 == store.digest("server_metrics_full.csv.gz")


def test_the_servers_are_written_once_a_dataset(plan: RunPlan, target: Target) -> None:
    entry = write_servers(plan.spec, target)
    assert (entry.path, entry.rows, entry.servers) == ("servers.parquet", 20, (0, 19))
    assert write_servers(plan.spec, target) == entry


@pytest.mark.parametrize("there", ["another run", "a dataset"])
def test_a_worker_that_was_away_writes_nothing_once_its_run_is_over(plan: RunPlan, target: Target, there: str) -> None:
    parts = [entry for entry in generate_and_write(plan.spec, plan.chunks[0], target).files if "csv/" in entry.path]
    write_servers(plan.spec, target)
    if there == "another run":
        begun(target.path, plan, target.formats, "4567abcd")
    else:
        (target.path / "plan.json").unlink()
    before = {name: LocalStore(target.path).digest(name) for name in data(target)}
    folders = set(target.path.rglob("*"))
    for late in (
        lambda: generate_and_write(plan.spec, plan.chunks[1], target),
        lambda: write_servers(plan.spec, target),
        lambda: join_csv(parts, target),
    ):
        with pytest.raises(RunError, match="run of this task is over"):
            late()
    assert {name: LocalStore(target.path).digest(name) for name in data(target)} == before
    assert set(target.path.rglob("*")) == folders
