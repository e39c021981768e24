from __future__ import annotations

from pathlib import Path

from dask_synth.exactly_once.exchange import staging_of
from dask_synth.exactly_once.outcome import Outcome, Outlook
from tests.exactly_once.conftest import begin, finish, record


def test_what_is_said_of_a_run_is_what_it_left(tmp_path: Path) -> None:
    root, plan = tmp_path / "fleet", record()
    outlook = Outlook.of(root, plan.run_id)
    assert outlook.now() is Outcome.NOTHING
    begin(root, plan)
    journal = root / f"journal-{plan.suffix}-00000.jsonl"
    journal.touch()
    assert outlook.now() is Outcome.NOTHING, "no part was written down"
    journal.write_text("a part")
    assert outlook.now() is Outcome.KEPT
    finish(root, plan)
    assert outlook.now() is Outcome.COMMITTED


def test_a_dataset_that_was_there_before_is_not_what_was_to_come(tmp_path: Path) -> None:
    root, plan = tmp_path / "fleet", record()
    finish(root, plan)
    again = Outlook.of(root, plan.run_id)
    assert again.now() is Outcome.NOTHING
    staging_of(root).mkdir()
    (staging_of(root) / f"journal-{plan.suffix}-00000.jsonl").write_text("a part")
    assert again.now() is Outcome.KEPT
