"""What rows are held against: small however large the fleet, and the same as the plan of the whole."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.config.layers import load_config
from dask_synth.measure.planned import TEXT_BY_SERVER, Planned
from dask_synth.measure.redraw import Recompute
from dask_synth.measure.rows import measure_rows
from dask_synth.model.fleet import Place
from dask_synth.model.life import Company
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_frame, servers_table
from dask_synth.pipeline.plan import Chunk, spec_of
from dask_synth.proof.checks import files
from dask_synth.proof.checks.files import server_checks
from tests import people

Observed = Callable[[pa.Table], str]
SIZES = (1, 120, 1000, 1001)


def spec(servers: int) -> FleetSpec:
    return spec_of(load_config(None, {"fleet.servers": servers, "time.years": 1}))


PLANS = {servers: Planned.of(spec(servers)) for servers in SIZES}


def test_it_travels_as_the_specification_alone() -> None:
    small, large = Planned.of(spec(3)), Planned.of(spec(10_000_000), Recompute(0.5, 4))
    before = len(pickle.dumps(small))
    assert small.weights.sum()
    assert small.categories["region"]
    assert len(pickle.dumps(small)) == before
    assert len(pickle.dumps(large)) < 4000
    back = pickle.loads(pickle.dumps(large))
    assert (back.spec, back.recompute) == (large.spec, large.recompute)


@pytest.mark.parametrize("servers", SIZES)
def test_every_id_is_found_at_its_place_and_nothing_else_is(servers: int) -> None:
    planned = PLANS[servers]
    ids = planned.spec.fleet.server_ids(0, servers)
    assert planned.positions(pd.Index(ids)).tolist() == list(range(servers))
    assert planned.positions(pd.Index(ids[::-1], dtype=object)).tolist() == list(range(servers))[::-1]
    assert [planned.server_id(server) for server in (0, servers - 1)] == [ids[0], ids[-1]]


@pytest.mark.parametrize(
    "strange",
    [
        "server_0005", "server_05", "server_5", "server_+05", "server_-05", "server_ 05", "server_05 ", " server_005",
        "server_005 ", "server_005\n", "server_005\0", "Server_005", "server005", "server_120", "server_999", "server_",
        "server_0_5", "server_5.0", "server_\u0660\u0660\u0665", "server_00\uff15", "server_\udc80", "", "x", 5, None,
        5.0, b"server_005", ("server_005",),
    ],
)  # fmt: skip
def test_what_only_looks_like_an_id_is_unknown(strange: Any) -> None:
    ids = pd.Index(["server_007", strange, "server_005"], dtype=object, tupleize_cols=False)
    assert PLANS[120].positions(ids).tolist() == [7, -1, 5]


@given(st.lists(st.from_regex(r"\A(server_)?[0-9 +-]{0,5}\n?\Z"), max_size=8), st.sampled_from(SIZES))
def test_ids_are_looked_up_as_in_a_list_of_all(texts: list[str], servers: int) -> None:
    every = pd.Index(PLANS[servers].spec.fleet.server_ids(0, servers))
    assert (
        PLANS[servers].positions(pd.Index(texts, dtype=object)).tolist()
        == every.get_indexer(pd.Index(texts, dtype=object)).tolist()
    )


@given(st.lists(st.integers(0, 119), max_size=12))
def test_texts_of_any_servers_are_those_of_the_planned_table(servers: list[int]) -> None:
    table = servers_table(spec(120)).to_pandas()
    for name in ("server_id", *TEXT_BY_SERVER):
        found = PLANS[120].texts(name, np.array(servers, np.int64))
        assert found.tolist() == table[name].iloc[servers].tolist()


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observed:
    """Say of a changed table of servers what the check says; in batches of 50, which 120 servers do not fill."""
    monkeypatch.setattr(files, "BATCH_SERVERS", 50)

    def observed(table: pa.Table) -> str:
        path = tmp_path / "servers.parquet"
        pq.write_table(table, path)
        (check,) = server_checks(path, PLANS[120].spec, PLANS[120])
        return str(check.observed)

    return observed


def test_the_planned_table_of_servers_passes(planned: Observed) -> None:
    assert planned(servers_table(spec(120))) == "as planned"


@pytest.mark.parametrize("row", [0, 49, 50, 119])
def test_one_changed_cell_is_named_by_its_column_wherever_it_stands(planned: Observed, row: int) -> None:
    table = servers_table(spec(120)).to_pandas()
    table["region"], table["server_id"] = table["region"].astype(object), table["server_id"].astype(object)
    table.loc[row, "profile_weekend"] += 0.1
    table.loc[row, "region"] = "elsewhere"
    table.loc[row, "server_id"] = None
    found = planned(pa.Table.from_pandas(table, preserve_index=False))
    assert found == "server_id, region, profile_weekend not as planned"


@pytest.mark.parametrize("change", [lambda t: t.slice(1), lambda t: pa.concat_tables([t, t.slice(0, 1)])])
def test_a_server_too_few_or_too_many_is_not_as_planned(
    planned: Observed, change: Callable[[pa.Table], pa.Table]
) -> None:
    found = planned(change(servers_table(spec(120))))
    assert found.startswith("server_id, app_name, business_unit, criticality, region, server_type, profile_")


def test_a_column_that_is_missing_is_named(planned: Observed) -> None:
    assert planned(servers_table(spec(120)).drop_columns(["region"])) == "region not as planned"


def test_servers_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "servers.parquet"
    path.write_bytes(b"not Parquet")
    (check,) = server_checks(path, PLANS[120].spec, PLANS[120])
    assert str(check.observed).startswith("unreadable (")


LIVING = people.spec_of(people.ALL_DIFFERENT, places=people.PLACES, company=Company(size=8, pools=0.5), time__years=1)


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observed:
    """The same of a fleet of individuals; batches of 50 cut archetypes and pools."""
    monkeypatch.setattr(files, "BATCH_SERVERS", 50)

    def observed(table: pa.Table) -> str:
        path = tmp_path / "servers.parquet"
        pq.write_table(table, path)
        (check,) = server_checks(path, LIVING, Planned.of(LIVING))
        return str(check.observed)

    return observed


def test_the_planned_table_of_individuals_passes(living: Observed) -> None:
    assert living(servers_table(LIVING)) == "as planned"


@pytest.mark.parametrize("row", [0, 49, 50, 119])
@pytest.mark.parametrize("name", ["level_net", "noise", "cycle_strength", "cycle_shift", "growth_rate"])
def test_one_changed_number_of_an_individual_is_named(living: Observed, name: str, row: int) -> None:
    table = servers_table(LIVING).to_pandas()
    table.loc[row, name] += 1 if name == "cycle_shift" else 1e-6
    assert living(pa.Table.from_pandas(table, preserve_index=False)) == f"{name} not as planned"


def test_a_pool_that_is_left_and_one_that_is_entered_are_named(living: Observed) -> None:
    table = servers_table(LIVING)
    pools = table["pool"].to_pylist()
    for other in (None, 7):
        row = next(row for row, pool in enumerate(pools) if (pool is None) == (other == 7))
        changed = pa.array([*pools[:row], other, *pools[row + 1 :]], pa.int32())
        assert living(table.set_column(table.column_names.index("pool"), "pool", changed)) == "pool not as planned"


def test_another_zone_is_named_and_so_is_a_column_of_individuals_that_is_missing(living: Observed) -> None:
    table = servers_table(LIVING).to_pandas()
    table["timezone"] = table["timezone"].replace("Europe/Berlin", "Europe/Paris")
    changed = pa.Table.from_pandas(table.drop(columns="noise"), preserve_index=False)
    assert living(changed) == "noise, timezone not as planned"


@given(st.lists(st.integers(0, 119), max_size=12))
def test_texts_of_any_servers_of_pools_are_those_of_the_planned_table(servers: list[int]) -> None:
    table = servers_table(LIVING).to_pandas()
    for name in ("server_id", *TEXT_BY_SERVER):
        found = Planned.of(LIVING).texts(name, np.array(servers, np.int64))
        assert found.tolist() == table[name].iloc[servers].tolist()


def faults_of(frame: pd.DataFrame, spec: FleetSpec = LIVING) -> tuple[dict[str, int], dict[str, str]]:
    measured = measure_rows(frame, Planned.of(spec))
    return dict(measured.faults), dict(measured.examples)


@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_of_pools_and_regions_are_as_planned(shuffled: bool) -> None:
    frame = chunk_frame(Chunk(0, "web", 3, 30), LIVING)
    faults, _ = faults_of(frame.sample(frac=1, random_state=1) if shuffled else frame)
    assert faults.keys() <= {"order"}


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_holiday_of_another_region_is_a_fault(shuffled: bool) -> None:
    """October 3 is kept in the EU's Bavaria and not in the other regions."""
    frame = chunk_frame(Chunk(0, "web", 3, 30), LIVING)
    day = frame["timestamp"].dt.strftime("%m-%d") == "10-03"
    assert frame.loc[day, "is_holiday"].tolist() == (frame.loc[day, "region"] == "EU").astype(int).tolist()
    frame.loc[day, "is_holiday"] = 1
    faults, examples = faults_of(frame.sample(frac=1, random_state=1) if shuffled else frame)
    assert faults["calendar.is_holiday"] == (frame.loc[day, "region"] != "EU").sum()
    assert examples["calendar.is_holiday"].startswith("1 at 20")
    assert examples["calendar.is_holiday"].endswith(", not 0")
    assert " in EU" not in examples["calendar.is_holiday"]


def test_an_application_that_is_not_the_pools_is_a_fault() -> None:
    frame = chunk_frame(Chunk(0, "web", 0, 42), LIVING)
    alone = Planned.of(people.spec_of(people.ALL_DIFFERENT, places=people.PLACES, time__years=1))
    faults = dict(measure_rows(frame, alone).faults)
    assert faults["metadata.app_name"] > 0
    assert faults_of(frame)[0] == {}


def test_places_that_keep_the_holidays_of_the_us_are_held_against_those() -> None:
    spec = people.spec_of(servers=20, places=(Place("Asia/Tokyo"),) * 4, time__years=1)
    frame = chunk_frame(Chunk(0, "web", 0, 7), spec)
    assert faults_of(frame, spec)[0] == {}
    frame.loc[100, "is_holiday"] = 1 - frame["is_holiday"].iloc[100]
    assert faults_of(frame, spec)[0] == {"calendar.is_holiday": 1}
