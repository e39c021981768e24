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
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import servers_table
from dask_synth.pipeline.plan import spec_of
from dask_synth.proof.checks import files
from dask_synth.proof.checks.files import server_checks

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
