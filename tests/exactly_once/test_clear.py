from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dask_synth.exactly_once.clear import clear, settle
from dask_synth.exactly_once.lock import Hold
from dask_synth.storage.store import LocalStore
from tests.exactly_once.conftest import Files, begin, finish, parts_of, record

Whole = Callable[[Path], Files]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


def test_what_only_an_unfinished_run_needs_goes_after_its_commit(root: Path, whole: Whole) -> None:
    finish(root, record())
    LocalStore(root).put(f"journal-{record().suffix}-00000.jsonl", b"")
    LocalStore(root).put("metrics/.dask-synth-x.tmp", b"")
    (root / "metrics" / "server_type=gone").mkdir()
    settle(root, Hold())
    assert not (root / "metrics" / "server_type=gone").exists()
    assert sorted(whole(root)) == sorted([*parts_of(record()), "manifest.json"])
    assert not (root / "csv").exists()


def test_an_unfinished_run_stays_for_who_goes_on_with_it(root: Path, whole: Whole) -> None:
    old = finish(root, record())
    settle(root, Hold())
    before = whole(root)
    after = record(old.digest, seed=7)
    LocalStore(root).put("plan.json", after.to_json())
    part = f"metrics/server_type=web/part-00000-{after.suffix}.parquet"
    LocalStore(root).put(part, b"new")
    LocalStore(root).put(f"journal-{after.suffix}-00000.jsonl", b"")
    settle(root, Hold(), keep=after.suffix)
    assert set(whole(root)) - set(before) == {part, "plan.json", f"journal-{after.suffix}-00000.jsonl"}
    settle(root, Hold(), keep="ffffffff")
    assert whole(root) == before


def test_files_of_a_replaced_manifest_go_but_for_those_that_are_listed_still(root: Path, whole: Whole) -> None:
    old = finish(root, record())
    settle(root, Hold())
    new = finish(root, record(old.digest, seed=7))
    LocalStore(root).put("replaced-0123abcd.json", old.to_json())
    LocalStore(root).put("metrics/my_notes.txt", b"mine")
    settle(root, Hold())
    assert sorted(whole(root)) == sorted([*(e.path for e in new.files), "manifest.json", "metrics/my_notes.txt"])


def test_the_copy_of_a_manifest_that_is_still_there_removes_nothing(root: Path, whole: Whole) -> None:
    old = finish(root, record())
    settle(root, Hold())
    before = whole(root)
    LocalStore(root).put("replaced-0123abcd.json", old.to_json())
    settle(root, Hold())
    assert {name: data for name, data in whole(root).items() if name != "replaced-0123abcd.json"} == before


def test_nothing_goes_where_the_manifest_is_damaged(root: Path, whole: Whole) -> None:
    finish(root, record())
    (root / "manifest.json").write_text("{")
    before = whole(root)
    settle(root, Hold())
    assert whole(root) == before


def test_what_a_person_put_there_goes_over(tmp_path: Path, root: Path, whole: Whole) -> None:
    old = tmp_path / ".fleet.dask-synth-next"
    finish(old, record())
    finish(root, record(seed=7))
    mine = {"notes.txt": b"1", "metrics/my_notes.txt": b"2", "deep/er/notebook.ipynb": b"3", "csv/own.csv": b"4"}
    for name, data in mine.items():
        LocalStore(old).put(name, data)
    (old / "empty").mkdir()
    (old / "link").symlink_to(tmp_path)
    before = whole(root)
    clear(old, root)
    assert (root / "link").is_symlink()
    (root / "link").unlink()
    assert whole(root) == before | mine
    assert (root / "empty").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet"]


def test_what_cannot_go_over_stays_beside_and_is_told(
    tmp_path: Path, root: Path, whole: Whole, caplog: pytest.LogCaptureFixture
) -> None:
    old = tmp_path / ".fleet.dask-synth-next"
    finish(old, record())
    finish(root, record(seed=7))
    stray = "metrics/server_type=web/part-00099-0123abcd.parquet"
    LocalStore(root).put("notes.txt", b"new")
    LocalStore(old).put("notes.txt", b"old")
    LocalStore(old).put(stray, b"whose?")
    with caplog.at_level(logging.WARNING):
        clear(old, root)
    assert "fleet.kept-1" in caplog.text
    assert whole(tmp_path / "fleet.kept-1") == {"notes.txt": b"old", stray: b"whose?"}
    assert (root / "notes.txt").read_bytes() == b"new"
    assert not old.exists()


def test_a_successor_that_nobody_goes_on_with_goes_whole(tmp_path: Path, root: Path) -> None:
    finish(root, record())
    staged = begin(tmp_path / ".fleet.dask-synth-next", record(seed=7))
    LocalStore(staged).put("metrics/server_type=web/part-00009-ffffffff.parquet", b"a link to an old part")
    clear(staged, root, unfinished=True)
    assert [path.name for path in tmp_path.iterdir()] == ["fleet"]
