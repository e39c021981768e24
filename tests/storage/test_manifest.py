from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.config import RunConfig
from dask_synth.storage.manifest import DamagedRecordError, FileEntry, Plan, SealedRecord, run_identity, versions

PLAN = Plan(run_id="0123", started=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), config={"seed": 42}, versions={"numpy": "2"})


def test_a_record_reads_back() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN


@given(st.data())
def test_any_change_of_a_record_shows(data: st.DataObject) -> None:
    text = PLAN.to_json()
    position = data.draw(st.integers(0, len(text) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = text[:position] + bytes([text[position] ^ (1 << bit)]) + text[position + 1 :]
    for damaged in (changed, text[:position]):
        with pytest.raises(DamagedRecordError):
            Plan.from_json(damaged)


def test_a_record_of_another_version_says_so() -> None:
    class Older(SealedRecord):
        run_id: int

    text = Older(run_id=7).to_json()
    with pytest.raises(DamagedRecordError, match="another version of dask-synth: run_id"):
        Plan.from_json(text)


def identity(**changes: object) -> str:
    return run_identity(RunConfig(**changes).model_dump(mode="json"))


def test_a_run_is_its_configuration_and_not_its_place() -> None:
    assert identity() == identity(output={"path": "elsewhere"})
    others = [identity(seed=1), identity(growth=False), identity(output={"rows_per_partition": 7})]
    assert len({identity(), *others}) == 4


def test_a_run_is_the_versions_that_decide_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity()
    assert set(versions()) >= {"model", "numpy", "pyarrow", "holidays", "isal"}
    monkeypatch.setattr("dask_synth.storage.manifest.MODEL_VERSION", 99)
    assert identity() != before


def test_a_file_entry_describes_its_bytes() -> None:
    entry = FileEntry.of("a", b"abc", rows=1, servers=(0, 0), time=None, run_id="x")
    assert entry.bytes == 3
    assert entry.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
