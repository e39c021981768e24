from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_synth.storage.names import TEMPORARY
from dask_synth.storage.store import LocalStore, discard_unfinished


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


def test_what_may_not_be_written_any_more_is_found_out_before_it_gets_its_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("b.bin", b"old")
    for write in (
        lambda check: store.put("b.bin", b"new", check),
        lambda check: store.join("b.bin", b"new", [], check),
    ):
        answers = iter([None, RuntimeError("over")])

        def check(answers: Iterator[Exception | None] = answers) -> None:
            if error := next(answers):
                assert len(list(store.names())) == 2  # all of it is written
                raise error

        with pytest.raises(RuntimeError, match="over"):
            write(check)
        assert list(store.names()) == ["b.bin"]
        assert (tmp_path / "b.bin").read_bytes() == b"old"


def test_join_tells_size_and_digest_of_what_it_wrote(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name, text in (("one", b"1\n"), ("two", b"2\n")):
        store.put(name, gzip.compress(text))
    parts = [(name, store.digest(name)) for name in ("one", "two")]
    size, digest = store.join("all.gz", gzip.compress(b"n\n"), parts)
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
        store.join("whole", b"head", [("missing", "")])
    assert (tmp_path / "whole").read_bytes() == b"old"
    assert list(store.names()) == ["whole"]


def test_clean_removes_only_unfinished_files(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("metrics/part.parquet", b"x")
    store.put(f"metrics/{TEMPORARY}abc.tmp", b"y")
    store.clean()
    assert list(store.names()) == ["metrics/part.parquet"]


def test_a_join_of_a_part_that_was_changed_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("one", b"1\n")
    digest = store.digest("one")
    store.put("one", b"2\n")
    with pytest.raises(ValueError, match="one' was changed"):
        store.join("whole", b"", [("one", digest)])
    assert list(store.names()) == ["one"]


def test_a_link_to_a_folder_is_a_name_and_is_not_entered(tmp_path: Path) -> None:
    LocalStore(tmp_path / "other").put("a", b"")
    LocalStore(tmp_path / "root").put("b", b"")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "other")
    assert sorted(LocalStore(tmp_path / "root").names()) == ["b", "link"]


def test_what_a_process_is_writing_goes_with_it(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def end_in_the_middle() -> Iterator[tuple[str, str]]:
        seen.append(list(LocalStore(tmp_path).names()))
        discard_unfinished()
        seen.append(list(LocalStore(tmp_path).names()))
        yield from ()

    with pytest.raises(FileNotFoundError):
        LocalStore(tmp_path).join("whole", b"", end_in_the_middle())
    (name,), after = seen
    assert name.endswith(".tmp")
    assert after == []


def test_lines_of_a_log_are_there_at_once(tmp_path: Path) -> None:
    log = LocalStore(tmp_path).log("log")
    log.add(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"
    log.settle()
    log.close()
    with pytest.raises(FileExistsError):
        LocalStore(tmp_path).log("log")
