from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.config.run import RunConfig
from dask_synth.storage.identity import CLOCKS, deciding_versions, run_identity, suffix_of, versions
from dask_synth.storage.manifest import DamagedRecordError, FileEntry, Manifest, Plan, SealedRecord

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


def identity(**changes: Any) -> str:
    return run_identity(RunConfig(**changes).model_dump(mode="json"))


def test_a_run_is_its_configuration_and_not_its_place() -> None:
    assert identity() == identity(output={"path": "elsewhere"})
    others = [identity(seed=1), identity(growth=False), identity(output={"rows_per_partition": 7})]
    assert len({identity(), *others}) == 4


def test_a_run_is_the_versions_that_decide_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity()
    assert set(versions()) >= {"model", "numpy", "pyarrow", "holidays", "isal"}
    monkeypatch.setattr("dask_synth.storage.identity.MODEL_VERSION", 99)
    assert identity() != before


def test_the_time_zone_database_decides_where_regions_keep_its_zones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, hours, zones = (
        RunConfig(fleet={"regions": {"EU": {"timezone": zone}}}).model_dump(mode="json")
        for zone in (None, 1, "Europe/Berlin")
    )
    before = [run_identity(config) for config in (plain, hours, zones)]
    assert [CLOCKS in deciding_versions(config) for config in (plain, hours, zones)] == [False, False, True]
    now = versions()
    monkeypatch.setattr("dask_synth.storage.identity.versions", lambda: {**now, CLOCKS: "1970.1"})
    after = [run_identity(config) for config in (plain, hours, zones)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False]


def test_a_file_entry_describes_its_bytes() -> None:
    entry = FileEntry.of("servers.parquet", b"abc", rows=1, servers=(0, 0), time=None, run_id="x")
    assert entry.bytes == 3
    assert entry.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("key", ["mix", "business_units", "criticalities", "regions"])
def test_the_order_of_values_decides_bytes_and_so_the_run(key: str) -> None:
    given = {"mix": {"web": 0.5, "batch": 0.5}}.get(key, {"A": 1.0, "B": 1.0})
    turned = dict(reversed(given.items()))
    assert identity(fleet={key: given}) != identity(fleet={key: turned})


def test_an_append_is_another_run_than_the_whole_and_than_another_append() -> None:
    config = RunConfig().model_dump(mode="json")
    assert len({run_identity(config), run_identity(config, (365, 4)), run_identity(config, (365, 8))}) == 3


def test_where_generations_lie_side_by_side_no_name_comes_twice() -> None:
    run_id = "0123456789abcdef"
    assert suffix_of(run_id, "d" * 64, shared=False) == suffix_of(run_id, None, shared=True) == "01234567"
    assert len({suffix_of(run_id, digest, shared=True) for digest in (None, "d" * 64, "e" * 64)}) == 3


def manifest(*paths: str) -> bytes:
    entries = tuple(
        FileEntry.model_construct(path=path, rows=1, bytes=1, sha256="", servers=(0, 0), time=None, run_id="r")
        for path in paths
    )
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    known: dict[str, Any] = {
        "started": now,
        "created": now,
        "time": (now, now),
        "config": {},
        "versions": {},
        "categories": {},
    }
    return Manifest.model_construct(run_id="r", rows=1, servers=1, files=entries, **known).to_json()


@pytest.mark.parametrize("path", ["metrics/../../secret/id_rsa", "/etc/passwd", "metrics/notes.txt"])
def test_a_manifest_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(DamagedRecordError, match="is not the name of a file of a dataset"):
        Manifest.from_json(manifest("servers.parquet", path))


def test_a_manifest_that_lists_a_file_twice_is_refused() -> None:
    assert len(Manifest.from_json(manifest("servers.parquet")).files) == 1
    with pytest.raises(DamagedRecordError, match="listed twice"):
        Manifest.from_json(manifest("servers.parquet", "servers.parquet"))
