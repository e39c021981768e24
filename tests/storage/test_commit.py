from __future__ import annotations

from pathlib import Path

import pytest

from dask_synth.config import RunConfig
from dask_synth.errors import OutputError
from dask_synth.pipeline.plan import RunPlan
from dask_synth.storage import commit
from dask_synth.storage.manifest import Plan


def record(**changes: object) -> Plan:
    return RunPlan.of(RunConfig(**changes)).record()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    root = tmp_path / "fleet"
    (root / "metrics").mkdir(parents=True)
    (root / "metrics" / "part").write_text("x")
    (root / "plan.json").write_bytes(record().to_json())
    return root


def test_an_unfinished_output_names_both_ways_on(begun: Path) -> None:
    with pytest.raises(OutputError, match="--resume.*--overwrite"):
        commit.check_new(begun)
    commit.check_own(begun)
    commit.check_resumable(begun, record())


def test_another_configuration_is_told_key_by_key(begun: Path) -> None:
    with pytest.raises(OutputError) as refused:
        commit.check_resumable(begun, record(seed=7, fleet={"servers": 3}))
    assert "seed: 42, now 7" in str(refused.value)
    assert "fleet.servers: 120, now 3" in str(refused.value)
    assert "growth" not in str(refused.value)


def test_a_damaged_plan_is_not_resumed(begun: Path) -> None:
    (begun / "plan.json").write_text("{")
    with pytest.raises(OutputError, match="damaged.*--overwrite"):
        commit.check_resumable(begun, record())


def test_nothing_to_resume_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no unfinished run"):
        commit.check_resumable(tmp_path, record())


@pytest.mark.parametrize("make", [lambda root: None, lambda root: root.mkdir()])
def test_an_empty_place_is_new(tmp_path: Path, make: object) -> None:
    make(tmp_path / "fleet")  # type: ignore[operator]
    commit.check_new(tmp_path / "fleet")


def test_a_folder_of_others_is_neither_new_nor_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        commit.check_new(tmp_path)
    with pytest.raises(OutputError, match="thesis.txt"):
        commit.check_own(tmp_path)


def test_staging_keeps_what_the_same_run_left(begun: Path) -> None:
    staged = commit.staging_of(begun)
    begun.rename(staged)
    assert commit.open_staging(begun, record()) == staged
    assert (staged / "metrics" / "part").exists()
    commit.open_staging(begun, record(seed=7))
    assert [path.name for path in staged.iterdir()] == ["plan.json"]


def test_a_run_ended_in_its_first_moment_stands_in_nobodys_way(tmp_path: Path) -> None:
    root = tmp_path / "fleet"
    for folder in (root, commit.staging_of(root)):
        folder.mkdir()
        (folder / ".dask-synth-lock").touch()
        (folder / ".dask-synth-abc.tmp").touch()
    commit.check_new(root)
    commit.check_own(root)
    staged = commit.open_staging(root, record())
    assert Plan.from_json((staged / "plan.json").read_bytes()).run_id == record().run_id


@pytest.mark.parametrize("kernel_can_exchange", [True, False])
def test_the_new_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel_can_exchange: bool
) -> None:
    old, new = tmp_path / "fleet", tmp_path / ".fleet.dask-synth-next"
    for folder, name in ((old, "old"), (new, "new")):
        folder.mkdir()
        (folder / name).touch()
    if not kernel_can_exchange:
        monkeypatch.setattr(commit.ctypes, "CDLL", lambda *_, **__: object())
    commit.take_place(new, old)
    assert [path.name for path in old.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["fleet"]


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        commit.check_writable(tmp_path / "file")


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "a\0b"])
def test_what_the_system_refuses_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        commit.check_writable(tmp_path / name)
