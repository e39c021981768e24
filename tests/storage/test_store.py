from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from dask_synth.storage.store import TEMPORARY, LocalStore


def test_a_file_is_put_whole_with_the_permissions_of_any_other(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("a/b.bin", b"123")
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "a/b.bin").read_bytes() == b"123"
    assert (tmp_path / "a/b.bin").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_failed_put_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.put("b.bin", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", lambda *_: full(0))
    with pytest.raises(OSError, match="No space"):
        store.put("b.bin", b"new")
    assert list(store.names()) == ["b.bin"]
    assert (tmp_path / "b.bin").read_bytes() == b"old"


def test_join_tells_size_and_digest_of_what_it_wrote(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name, text in (("one", b"1\n"), ("two", b"2\n")):
        store.put(name, gzip.compress(text))
    size, digest = store.join("all.gz", gzip.compress(b"n\n"), ["one", "two"])
    content = (tmp_path / "all.gz").read_bytes()
    assert gzip.decompress(content) == b"n\n1\n2\n"
    assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())


def test_what_is_settled_was_waited_for_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    store.put("metrics/part", b"x")
    waited = []
    monkeypatch.setattr(os, "fsync", lambda handle: waited.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    store.settle(["metrics/part"])
    assert waited == [str(tmp_path / "metrics/part"), str(tmp_path / "metrics")]


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"")
    store.remove("a")
    store.remove("a")
    assert list(store.names()) == []


def test_a_join_that_misses_a_part_leaves_the_old_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("whole", b"old")
    with pytest.raises(FileNotFoundError):
        store.join("whole", b"head", ["missing"])
    assert (tmp_path / "whole").read_bytes() == b"old"
    assert list(store.names()) == ["whole"]


def test_clean_removes_only_unfinished_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("metrics/part.parquet", b"x")
    store.put(f"metrics/{TEMPORARY}abc.tmp", b"y")
    store.clean()
    assert list(store.names()) == ["metrics/part.parquet"]
