from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dask_synth.exactly_once import commit
from dask_synth.exactly_once.exchange import staging_of
from dask_synth.exactly_once.lock import Hold, hold
from dask_synth.exactly_once.state import State
from tests.exactly_once.conftest import begin, finish, record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


def test_staging_keeps_what_the_same_run_left_of_the_same_dataset(root: Path) -> None:
    old = finish(root, record())
    plan = record(old.digest, seed=7)
    staged = begin(staging_of(root), plan)
    for goes_on, same in ((plan, True), (record("another", seed=7), False), (record(old.digest, seed=8), False)):
        with hold(root) as held:
            assert commit.open_staging(root, goes_on, held) == staged
            assert bool(list(staged.glob("metrics/*/*"))) is same


def test_a_complete_successor_is_known_by_what_it_replaces(root: Path) -> None:
    old = finish(root, record())
    plan = record(old.digest, seed=7)
    finish(staging_of(root), plan)
    assert commit.is_complete(staging_of(root), plan)
    assert not commit.is_complete(staging_of(root), record("another", seed=7))


def test_a_commit_that_cannot_be_tidied_is_a_commit(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(commit, "settle", fail)
    begin(root, record())
    with pytest.raises(OSError, match="Input"):
        commit.succeed(root, root, Hold())
    finish(root, record())
    with caplog.at_level(logging.WARNING):
        commit.succeed(root, root, Hold())
    assert "committed; what is no longer needed is removed by the next" in caplog.text
    finish(staging_of(root), record(seed=7))
    with pytest.raises(OSError, match="Input"):  # not yet in its place
        commit.succeed(staging_of(root), root, Hold())


def test_a_plan_is_left_before_all_else_and_only_when_it_is_another(root: Path) -> None:
    with hold(root) as held:
        commit.begin(root, record(), held)
        first = (root / "plan.json").read_bytes()
        commit.begin(root, record(), held)
        assert (root / "plan.json").read_bytes() == first, "the run began when it began"
    assert State.of(root).plan is not None


def test_what_an_interrupted_tidying_left_goes_and_an_unfinished_run_stays(root: Path) -> None:
    finish(root, record())
    with hold(root) as held:
        commit.recover(root, held)
        assert not (root / "plan.json").exists()
        assert not (root / "csv").exists()
    unfinished = begin(root.with_name("other"), record())
    with hold(unfinished) as held:
        commit.recover(unfinished, held)
    assert (unfinished / "plan.json").exists()
    assert list((unfinished / "csv").iterdir())
