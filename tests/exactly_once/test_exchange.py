from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from dask_synth.exactly_once import exchange
from dask_synth.exactly_once.lock import Hold, hold
from tests.exactly_once.conftest import Files, finish, record

Whole = Callable[[Path], Files]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


class WithoutExchange:
    """A C library, or a file system, that knows no exchange."""


@pytest.fixture(params=[True, False])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: WithoutExchange())


@pytest.mark.usefixtures("kernel")
def test_the_new_takes_the_place_of_the_old(tmp_path: Path, root: Path) -> None:
    finish(root, record())
    (root / "notes.txt").touch()
    staged = exchange.staging_of(root)
    new = finish(staged, record(seed=7))
    with hold(root) as held:
        held.also(staged)
        exchange.take_place(staged, root)
    assert (root / "manifest.json").read_bytes() == new.to_json()
    assert (root / "notes.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["fleet"]
    assert not (root / ".dask-synth-lock").exists()


def test_the_file_systems_own_refusal_is_not_taken_for_a_missing_exchange(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(root, record())
    finish(exchange.staging_of(root), record(seed=7))
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EBUSY)
    monkeypatch.setattr(os, "fsencode", lambda path: b"/nowhere/at/all")
    with pytest.raises(OSError, match="busy"):
        exchange.take_place(exchange.staging_of(root), root)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("step", ["touch", "exchange", "second rename", "clear"])
def test_whoever_comes_next_finishes_an_exchange(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Stop it before each of its steps; then a reader comes, and then a writer."""
    old = finish(root, record())
    (root / "notes.txt").write_text("mine")
    staged = exchange.staging_of(root)
    new = finish(staged, record(old.digest, seed=7))
    rename, names = Path.rename, list[str]()

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    def counted(one: Path, other: Path) -> Path:
        names.append(one.name)
        return stop() if step == "second rename" and one == staged else rename(one, other)

    with monkeypatch.context() as patch:
        if step == "touch":
            patch.setattr(Path, "touch", stop)
        if step == "exchange":
            patch.setattr(exchange, "_exchange", stop)
        if step == "clear":
            patch.setattr(exchange, "clear", stop)
        patch.setattr(Path, "rename", counted)
        with suppress(KeyboardInterrupt):
            exchange.take_place(staged, root)
    exchange.finish_for_reader(root)
    now = (root / "manifest.json").read_bytes()
    assert now == (old if step in ("touch", "exchange") else new).to_json()
    assert (root / "notes.txt").read_text() == "mine"
    with hold(root) as held:
        exchange.finish(root, held)
    beside = {path.name for path in tmp_path.iterdir()} - {"fleet"}
    assert beside == ({staged.name} if step in ("touch", "exchange") else set())
    assert not (root / ".dask-synth-obsolete").exists()


WRITER = """
import sys
from pathlib import Path
from dask_synth.exactly_once.exchange import staging_of
from dask_synth.exactly_once.lock import Hold
held = Hold()
held.also(staging_of(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_between_two_renames_a_writer_that_lives_is_waited_for(tmp_path: Path, root: Path) -> None:
    finish(exchange.aside_of(root), record())
    finish(exchange.staging_of(root), record(seed=7))
    words = [sys.executable, "-c", WRITER, str(root)]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "held\n"
    waiting = threading.Thread(target=exchange.restore, args=(root,))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    assert not root.exists()
    exchange.staging_of(root).rename(root)
    waiting.join(10)
    assert not waiting.is_alive()
    writer.kill()
    writer.communicate()


def test_two_folders_that_changed_names_are_given_back_together(tmp_path: Path, whole: Whole) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    held = Hold()
    held.make(one)
    held.make(other)
    one.rename(tmp_path / "aside")
    other.rename(one)
    held.release()
    assert whole(one) == {}
    with hold(one):
        pass


def test_what_workers_left_half_written_goes_unless_somebody_writes_there(root: Path) -> None:
    left = [folder / "csv" / ".dask-synth-x.tmp" for folder in (root, exchange.staging_of(root))]
    mine = root / "csv" / "notes.tmp"
    for path in (*left, mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with hold(root):
        exchange.tidy(root)
        assert left[0].exists()
    exchange.tidy(root)
    assert not any(path.exists() for path in left)
    assert mine.exists()
