from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dask_synth.errors import OutputError
from dask_synth.exactly_once import admission
from dask_synth.exactly_once.admission import Way
from dask_synth.exactly_once.state import State
from dask_synth.storage.manifest import Plan
from tests.exactly_once.conftest import begin, finish, record


def asked(root: Path, plan: Plan | None = None, *, resume: bool = False, overwrite: bool = False) -> Way:
    return admission.way(admission.look(root), plan or record(), resume=resume, overwrite=overwrite)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


def test_an_unfinished_run_names_both_ways_on(root: Path) -> None:
    begin(root, record())
    with pytest.raises(OutputError, match="--resume.*--overwrite"):
        asked(root)
    assert asked(root, overwrite=True) is Way.REPLACE
    assert asked(root, resume=True) is Way.MAKE


def test_a_finished_dataset_is_replaced_only_when_asked(root: Path) -> None:
    finish(root, record())
    with pytest.raises(OutputError, match="finished dataset.*--overwrite"):
        asked(root)
    assert asked(root, overwrite=True) is Way.REPLACE


def test_the_same_line_with_resume_is_right_each_time(root: Path) -> None:
    assert asked(root, resume=True) is Way.MAKE
    begin(root, record())
    assert asked(root, resume=True) is Way.MAKE
    finish(root, record())
    assert asked(root, resume=True) is Way.NOTHING


def test_another_configuration_is_told_key_by_key(root: Path) -> None:
    begin(root, record())
    with pytest.raises(OutputError) as refused:
        asked(root, record(seed=7, fleet={"servers": 3}), resume=True)
    assert "seed: 42, now 7" in str(refused.value)
    assert "fleet.servers: 120, now 3" in str(refused.value)
    assert "growth" not in str(refused.value)


def test_another_order_of_regions_is_another_run_and_is_told(root: Path) -> None:
    begin(root, record(fleet={"regions": ["EU", "Asia"]}))
    with pytest.raises(OutputError, match=r"fleet.regions: \[\['EU', 1.0\], \['Asia', 1.0\]\], now \[\['Asia'"):
        asked(root, record(fleet={"regions": ["Asia", "EU"]}), resume=True)


def test_a_damaged_record_is_not_resumed(root: Path) -> None:
    begin(root, record())
    (root / "plan.json").write_text("{")
    with pytest.raises(OutputError, match="plan.json is damaged.*--overwrite"):
        asked(root, resume=True)
    assert asked(root, overwrite=True) is Way.REPLACE


@pytest.mark.parametrize("bare", ["nothing", "empty", "a first moment"])
def test_an_empty_place_is_new(root: Path, bare: str) -> None:
    if bare != "nothing":
        root.mkdir()
    if bare == "a first moment":
        (root / ".dask-synth-lock").touch()
        (root / ".dask-synth-abc.tmp").touch()
    ways: tuple[dict[str, Any], ...] = ({}, {"resume": True}, {"overwrite": True})
    for asks in ways:
        assert asked(root, **asks) is Way.MAKE


def test_what_came_after_a_run_had_begun_does_not_stop_it_and_parts_without_records_do(root: Path) -> None:
    root.mkdir()
    (root / ".dask-synth-lock").touch()
    (root / "notes.txt").touch()
    assert asked(root, resume=True) is Way.MAKE
    (root / "servers.parquet").touch()
    with pytest.raises(OutputError, match="exists and is not empty"):
        asked(root, resume=True)


@pytest.mark.parametrize("asks", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_of_others_is_never_written_to(root: Path, asks: dict[str, Any]) -> None:
    root.mkdir()
    (root / "thesis.txt").touch()
    with pytest.raises(OutputError, match="exists and is not empty"):
        asked(root, **asks)


def test_a_dataset_is_not_made_inside_another(root: Path) -> None:
    finish(root, record())
    with pytest.raises(OutputError, match="lies in the dataset '.*fleet'"):
        asked(root / "metrics" / "inner")
    begin(root.with_name("unfinished"), record())
    with pytest.raises(OutputError, match="lies in the dataset"):
        asked(root.with_name("unfinished") / "inner")


def test_a_manifest_of_another_tool_above_is_none_of_ours(root: Path) -> None:
    root.mkdir()
    (root / "manifest.json").write_text('{"name": "a web page"}')
    assert asked(root / "inner") is Way.MAKE


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that is another one of the same file system."""
    source, target = tmp_path / "source", tmp_path / "a mount"
    source.mkdir()
    target.mkdir()
    if subprocess.run(["mount", "--bind", source, target], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield target
    subprocess.run(["umount", target], check=True)


def test_a_mount_point_is_refused_before_the_work_where_it_would_be_exchanged(bound: Path) -> None:
    assert asked(bound) is Way.MAKE
    finish(bound, record())
    with pytest.raises(OutputError, match="is a mount point.*use a folder below it"):
        asked(bound, overwrite=True)
    assert asked(bound.with_name("a folder"), overwrite=True) is Way.MAKE


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        admission.look(tmp_path / "file")


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "a\0b"])
def test_what_the_system_refuses_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        admission.look(tmp_path / name)


def test_a_state_is_what_lies_there_and_nothing_older(root: Path) -> None:
    assert State.of(root).is_bare
    manifest = finish(root, record())
    state = State.of(root)
    assert (state.manifest, state.digest, state.is_bare) == (manifest, manifest.digest, False)
    assert state.plan is not None
    assert state.plan.is_over(manifest)
    assert not record(manifest.digest).is_over(manifest)
