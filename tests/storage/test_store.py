from __future__ import annotations

import hashlib

import pytest

from dask_synth.errors import OutputError
from dask_synth.storage.store import LocalStore, check_claimable


@pytest.fixture
def store(tmp_path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_a_file_is_put_whole_with_its_folders(store):
    store.put("a/b/c.bin", b"data")
    assert store.path("a/b/c.bin").read_bytes() == b"data"
    assert list(store.names()) == ["a/b/c.bin"]
    assert store.digest("a/b/c.bin") == hashlib.sha256(b"data").hexdigest()


def test_a_file_is_replaced_in_one_step(store):
    store.put("a", b"old")
    store.put("a", b"new")
    assert (store.path("a").read_bytes(), list(store.names())) == (b"new", ["a"])


def test_what_fails_half_way_leaves_the_old_file_and_no_trace(store):
    store.put("whole", b"old")
    store.put("part", b"1")
    with pytest.raises(FileNotFoundError):
        store.join("whole", b"head", ["part", "missing"])
    assert store.path("whole").read_bytes() == b"old"
    assert sorted(store.names()) == ["part", "whole"]


def test_parts_are_joined_in_order_after_the_head(store):
    store.put("one", b"1")
    store.put("two", b"2")
    store.join("all", b"head", ["two", "one"])
    assert store.path("all").read_bytes() == b"head21"


def test_files_have_the_permissions_that_open_gives(store, tmp_path):
    store.put("a", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert store.path("a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_removing_twice_is_no_error(store):
    store.put("a", b"")
    store.remove("a")
    store.remove("a")
    assert list(store.names()) == []


def test_a_new_or_empty_folder_can_be_claimed_and_is_left_as_it_was(tmp_path):
    check_claimable(tmp_path / "new" / "deep")
    (tmp_path / "empty").mkdir()
    check_claimable(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_what_is_there_already_cannot_be_claimed(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        check_claimable(tmp_path / "file")
    with pytest.raises(OutputError, match="exists and is not empty"):
        check_claimable(tmp_path)


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "a\0b"])
def test_what_the_system_refuses_cannot_be_claimed(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        check_claimable(tmp_path / name)
