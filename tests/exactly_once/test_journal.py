from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dask_synth.config.run import RunConfig
from dask_synth.exactly_once.journal import journal
from dask_synth.pipeline.plan import RunPlan
from dask_synth.storage.manifest import FileEntry, Plan
from dask_synth.storage.store import LocalStore

PLAN = RunPlan.of(RunConfig()).record()


def entry(number: int, plan: Plan = PLAN) -> FileEntry:
    path = f"csv/part-{number:05d}-{plan.suffix}.csv.gz"
    return FileEntry.of(path, b"x" * number, rows=1, servers=(0, 0), time=None, run_id=plan.run_id)


def written(root: Path, plan: Plan = PLAN) -> dict[str, FileEntry]:
    with journal(LocalStore(root), plan) as (_, landed):
        return dict(landed)


def test_what_was_added_is_known_to_the_next_process(tmp_path: Path) -> None:
    for number in (1, 2):
        with journal(LocalStore(tmp_path), PLAN) as (here, landed):
            assert len(landed) == number - 1
            here.add([entry(number)])
    assert written(tmp_path) == {one.path: one for one in (entry(1), entry(2))}


def test_a_block_that_fails_keeps_what_was_added(tmp_path: Path) -> None:
    with pytest.raises(KeyError), journal(LocalStore(tmp_path), PLAN) as (here, _):
        here.add([entry(1)])
        raise KeyError
    assert len(written(tmp_path)) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.exactly_once.test_journal import PLAN, entry, journal, LocalStore
with journal(LocalStore(Path(sys.argv[1])), PLAN) as (here, _):
    here.add([entry(1), entry(2)])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_that_it_added(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=root, check=False)
    assert len(written(tmp_path)) == 2


def test_a_torn_or_damaged_line_and_those_of_other_runs_are_not_believed(tmp_path: Path) -> None:
    other = RunPlan.of(RunConfig(seed=7)).record()
    with journal(LocalStore(tmp_path), PLAN) as (here, _):
        here.add([entry(1), entry(2), entry(3, other)])
    piece = next(tmp_path.glob("journal-*"))
    lines = piece.read_bytes().splitlines(keepends=True)
    piece.write_bytes(lines[0] + lines[1][:40] + b"\n" + lines[2] + b"\xff\x00\n" + lines[1][:25])
    assert set(written(tmp_path)) == {entry(1).path}
    assert written(tmp_path, other) == {}
