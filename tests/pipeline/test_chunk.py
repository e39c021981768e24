from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import holidays
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dask_synth.model.fleet import Place
from dask_synth.model.individuals import individuals_of
from dask_synth.model.life import Company
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_frame, chunk_table, servers_table
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.schema import CALENDAR, CATEGORICAL, METRICS, NAMES, SCHEMA, empty_frame
from tests import reference
from tests.further import WITH_IOPS
from tests.people import ALL_DIFFERENT, PLACES, spec_of


def whole(plan: RunPlan) -> pd.DataFrame:
    return pd.concat([chunk_frame(chunk, plan.spec) for chunk in plan.chunks], ignore_index=True)


@pytest.fixture(scope="module")
def fleet(small_plan: Callable[..., RunPlan]) -> pd.DataFrame:
    return whole(small_plan())


def test_a_table_has_the_documented_columns_and_casts_to_the_documented_types(
    small_plan: Callable[..., RunPlan],
) -> None:
    plan = small_plan()
    table = chunk_table(plan.spec, plan.chunks[1])
    assert table.column_names == list(NAMES)
    assert table.num_rows == 8 * 91
    assert table.cast(SCHEMA).schema == SCHEMA
    assert all(table[name].null_count == 0 for name in NAMES)


def test_a_frame_has_the_types_and_the_full_categories_of_the_empty_one(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan()
    expected = empty_frame(plan.spec.fleet.categories()).dtypes
    for chunk in plan.chunks:
        pd.testing.assert_series_equal(chunk_frame(chunk, plan.spec).dtypes, expected)


def test_rows_are_sorted_by_server_then_time(fleet: pd.DataFrame) -> None:
    keys = list(zip(fleet["server_id"], fleet["timestamp"], strict=True))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(fleet) == 1820
    assert fleet["server_id"].unique().tolist() == [f"server_{i:03d}" for i in range(20)]


def test_each_server_has_one_type_and_one_set_of_metadata(fleet: pd.DataFrame) -> None:
    per_server = fleet.groupby("server_id", observed=True)[[*CATEGORICAL, "app_name"]].nunique()
    assert (per_server == 1).all(axis=None)
    first = fleet.groupby("server_id").first()
    assert first["server_type"].tolist() == ["web"] * 7 + ["application"] * 8 + ["database"] * 3 + ["batch"] * 2
    units = first["business_unit"].astype(str).tolist()
    assert first["app_name"].tolist() == [f"{unit}-app-{i}" for i, unit in enumerate(units)]


def test_metadata_are_those_that_the_fleet_draws(small_plan: Callable[..., RunPlan], fleet: pd.DataFrame) -> None:
    spec = small_plan().spec
    codes = spec.fleet.metadata_codes(spec.seed, 0, 20)
    first = fleet.groupby("server_id").first()
    for column, expected in codes.items():
        assert first[column].cat.codes.tolist() == expected.tolist()


def test_calendar_columns_follow_the_timestamp_of_their_row(fleet: pd.DataFrame) -> None:
    stamps = fleet["timestamp"].dt
    assert (fleet["year"] == stamps.year).all()
    assert (fleet["month"] == stamps.month).all()
    assert (fleet["quarter"] == (stamps.month - 1) // 3 + 1).all()
    assert (fleet["dayofweek"] == stamps.day_of_week).all()
    assert (fleet["is_weekend"] == (stamps.day_of_week >= 5)).all()
    assert (fleet["is_eoq"] == (fleet["timestamp"] == "2024-03-31")).all()
    holidays = pd.to_datetime(["2024-01-01", "2024-01-15", "2024-02-19"])
    assert (fleet["is_holiday"] == fleet["timestamp"].isin(holidays)).all()


@pytest.mark.parametrize("server", [0, 6, 7, 14, 15, 17, 18, 19])
def test_a_servers_rows_are_those_of_the_model_written_out_row_by_row(server: int, fleet: pd.DataFrame) -> None:
    rows = fleet[fleet["server_id"] == f"server_{server:03d}"]
    archetype = rows["server_type"].iloc[0]
    expected = reference.rows(archetype, 42, server, dt.date(2024, 1, 1), dt.date(2024, 3, 31), 1440)
    found = rows[["timestamp", *METRICS]].itertuples(index=False, name=None)
    assert list(found) == [tuple(row) for row in expected]


@pytest.mark.parametrize("rows_per_partition", [50, 500, 5000, 10**8])
def test_the_rows_do_not_depend_on_how_they_are_cut(
    rows_per_partition: int, small_plan: Callable[..., RunPlan], fleet: pd.DataFrame
) -> None:
    plan = small_plan({"output.rows_per_partition": rows_per_partition})
    pd.testing.assert_frame_equal(whole(plan), fleet, check_exact=True)


def test_the_cuts_that_are_compared_differ(small_plan: Callable[..., RunPlan]) -> None:
    counts = [len(small_plan({"output.rows_per_partition": rows}).chunks) for rows in (50, 500, 5000, 10**8)]
    assert counts == [20, 6, 4, 4]


@pytest.mark.parametrize(
    ("start", "early", "late", "granularity"),
    [
        ("2024-01-01", "2024-02-10", "2024-03-31", "daily"),
        ("2021-12-25", "2021-12-31", "2022-01-05", "hourly"),
        ("2024-02-28", "2024-02-28", "2024-03-01", "15min"),
    ],
)
def test_a_run_to_an_earlier_end_is_the_beginning_of_a_longer_one(
    start: str, early: str, late: str, granularity: str, small_plan: Callable[..., RunPlan]
) -> None:
    common = {"time.start_date": start, "time.granularity": granularity}
    short = whole(small_plan({**common, "time.end_date": early}))
    long = whole(small_plan({**common, "time.end_date": late}))
    size = short.groupby("server_id").size().iloc[0]
    head = long.groupby("server_id", observed=True).head(size).reset_index(drop=True)
    assert len(head) < len(long)
    pd.testing.assert_frame_equal(head, short, check_exact=True)


def test_another_seed_changes_every_metric_of_every_server_and_the_metadata(
    small_plan: Callable[..., RunPlan], fleet: pd.DataFrame
) -> None:
    other = whole(small_plan({"seed": 43}))
    for name in METRICS:
        same = (other[name] == fleet[name]).groupby(fleet["server_id"]).mean()
        assert (same < 0.2).all()
    assert (other["region"].astype(str) != fleet["region"].astype(str)).any()
    unchanged = ["timestamp", "server_id", "server_type", *CALENDAR]
    pd.testing.assert_frame_equal(other[unchanged], fleet[unchanged])


def test_servers_of_one_archetype_differ(fleet: pd.DataFrame) -> None:
    web = fleet[fleet["server_type"] == "web"].pivot_table("cpu_p95", "timestamp", "server_id")
    between = web.corr().to_numpy()[np.triu_indices(7, 1)]
    assert np.abs(between).max() < 0.9
    assert not web.T.duplicated().any()


def test_more_servers_keep_the_metadata_of_the_first(small_plan: Callable[..., RunPlan]) -> None:
    few, many = servers_table(small_plan().spec).to_pandas(), servers_table(small_plan({"fleet.servers": 60}).spec)
    columns = ["server_id", "app_name", "business_unit", "criticality", "region"]
    pd.testing.assert_frame_equal(few[columns], many.to_pandas()[columns].head(20))


def test_the_web_servers_that_a_larger_fleet_keeps_have_the_same_values(
    small_plan: Callable[..., RunPlan], fleet: pd.DataFrame
) -> None:
    larger = whole(small_plan({"fleet.servers": 60}))
    web = fleet[fleet["server_type"] == "web"]
    pd.testing.assert_frame_equal(larger.head(len(web)), web, check_exact=True)


def test_a_weekly_season_that_is_switched_off_lifts_weekends_alone(
    small_plan: Callable[..., RunPlan], fleet: pd.DataFrame
) -> None:
    level = whole(small_plan({"seasonality.weekly": False}))
    weekend = fleet["is_weekend"] == 1
    pd.testing.assert_frame_equal(level[~weekend], fleet[~weekend])
    web = weekend & (fleet["server_type"] == "web")
    assert level.loc[web, "cpu_p95"].mean() > fleet.loc[web, "cpu_p95"].mean() + 15


def test_the_table_of_servers_holds_metadata_and_profile_of_each(
    small_plan: Callable[..., RunPlan], fleet: pd.DataFrame
) -> None:
    servers = servers_table(small_plan({"archetypes.web.growth": 0.75}).spec).to_pandas()
    assert len(servers) == 20
    first = fleet.groupby("server_id", as_index=False).first()
    for name in ("server_id", "app_name", *CATEGORICAL):
        assert servers[name].astype(str).tolist() == first[name].astype(str).tolist()
    database = servers[servers["server_type"] == "database"].iloc[0]
    assert (database["profile_base_mem"], database["profile_sd_disk"]) == (70, 15)
    assert (database["profile_correlation_mem_disk"], database["profile_spike_magnitude"]) == (0.7, 1.4)
    assert set(servers.loc[servers["server_type"] == "web", "profile_growth"]) == {0.75}
    assert len([name for name in servers if name.startswith("profile_")]) == 4 + 4 + 6 + 5


def test_archetypes_without_servers_keep_their_place_among_the_categories(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan({"fleet.servers": 3})
    frame = whole(plan)
    assert frame["server_type"].cat.categories.tolist() == ["web", "application", "database", "batch"]
    assert set(frame["server_type"]) == {"web", "application"}
    assert servers_table(plan.spec).num_rows == 3


LIVING: Mapping[str, Any] = {"places": PLACES, "company": Company(size=4, pools=0.5)}


def whole_of(spec: FleetSpec) -> pd.DataFrame:
    chunks = [Chunk(index, *block) for index, block in enumerate(spec.fleet.blocks())]
    return pd.concat([chunk_frame(chunk, spec) for chunk in chunks], ignore_index=True)


def test_a_pool_serves_one_application_in_rows_and_in_the_table_of_servers() -> None:
    spec = spec_of(servers=40, company=LIVING["company"], time__years=1)
    rows, servers = whole_of(spec).groupby("server_id").first(), servers_table(spec).to_pandas()
    for name in ("app_name", "business_unit", "criticality", "region"):
        assert rows[name].astype(str).tolist() == servers[name].astype(str).tolist()
        by_pool = servers.groupby("pool", observed=True)[name].agg(["nunique", "size"])
        assert by_pool["nunique"].eq(1).all()
    assert set(by_pool["size"]) == {2, 4}  # 14 web servers are three groups of four and one of two
    expected = [f"{unit}-app-{pool:.0f}" for unit, pool in zip(servers["business_unit"], servers["pool"], strict=True)]
    pooled = servers["pool"].notna()
    assert servers["app_name"][pooled].tolist() == [name for name, yes in zip(expected, pooled, strict=True) if yes]


def test_a_fleet_in_places_has_each_regions_holidays() -> None:
    spec = spec_of(servers=40, places=PLACES, time__start_date="2024-01-01", time__end_date="2024-12-31")
    found = whole_of(spec)
    assert found["is_holiday"].dtype == np.int8
    for region, place in zip(("US-East", "US-West", "EU", "Asia"), PLACES, strict=True):
        rows = found[found["region"] == region]
        country, _, subdivision = (place.holidays or "US").partition("-")
        kept = holidays.country_holidays(country, subdiv=subdivision or None, years=2024)
        assert (rows["is_holiday"] == [day.date() in kept for day in rows["timestamp"]]).all()
        assert rows["is_holiday"].any()


def test_holidays_of_appended_rows_are_those_of_their_days() -> None:
    spec = spec_of(servers=40, places=PLACES, time__start_date="2024-01-01", time__end_date="2024-12-31")
    late = chunk_frame(Chunk(0, "web", 3, 9, first_row=300), spec)
    every = chunk_frame(Chunk(0, "web", 3, 9), spec)
    expected = every.groupby("server_id").tail(66)["is_holiday"]
    assert late["is_holiday"].tolist() == expected.tolist()
    assert late["is_holiday"].nunique() == 2


def test_places_without_holidays_keep_those_of_the_us() -> None:
    spec = spec_of(servers=20, places=(Place("Asia/Tokyo"),) * 4, time__years=1)
    plain = spec_of(servers=20, time__years=1)
    assert whole_of(spec)["is_holiday"].tolist() == whole_of(plain)["is_holiday"].tolist()


def test_the_table_of_servers_shows_the_individuals_behind_the_profiles() -> None:
    spec = spec_of(ALL_DIFFERENT, **LIVING)
    table = servers_table(spec)
    own = ["level_cpu", "level_mem", "level_disk", "level_net", "noise", "cycle_strength", "cycle_shift"]
    own += ["growth_rate", "pool", "timezone"]
    profiles = servers_table(spec_of()).column_names
    assert table.column_names == [*profiles, *own]
    frame, web = table.to_pandas(), individuals_of(spec, "web", 0, 42)
    batch = individuals_of(spec, "batch", 108, 120)
    for part, rows in ((web, frame.iloc[:42]), (batch, frame.iloc[108:])):
        assert rows["level_disk"].tolist() == part.level["disk"].tolist()
        assert rows["noise"].tolist() == part.noise.tolist()
        assert rows["cycle_strength"].tolist() == part.strength.tolist()
        assert rows["cycle_shift"].tolist() == part.shift.tolist()
        assert rows["growth_rate"].tolist() == part.rate.tolist()
        assert rows["pool"].fillna(-1).tolist() == part.pool.tolist()
    assert table["pool"].type == pa.int32()
    assert 0 < table["pool"].null_count < 120
    zones = {"US-East": "America/New_York", "US-West": "UTC-8", "EU": "Europe/Berlin", "Asia": "Asia/Kolkata"}
    assert frame["timezone"].tolist() == [zones[region] for region in frame["region"]]


def test_servers_of_an_archetype_that_is_plain_stand_beside_the_others() -> None:
    spec = spec_of()
    web = replace(spec.archetypes["web"], **ALL_DIFFERENT)
    batch = replace(spec.archetypes["batch"], growth=0.12345678)
    table = servers_table(replace(spec, archetypes={**spec.archetypes, "web": web, "batch": batch}))
    frame = table.to_pandas()
    assert frame["level_cpu"][:42].nunique() == 42
    names = ["level_cpu", "level_net", "noise", "cycle_strength", "cycle_shift", "growth_rate"]
    assert (frame.loc[108:, names] == [1, 1, 1, 1, 0, 0.12345678]).all(axis=None)
    assert table["pool"].null_count == 120
    assert "timezone" not in frame


def test_a_further_metric_has_a_column_of_levels() -> None:
    spec = spec_of({"level_spread": {"iops": 0.5}}, **WITH_IOPS)
    frame = servers_table(spec).to_pandas()
    assert frame["level_iops"].nunique() > 100
    assert set(frame["level_cpu"]) == {1}


def test_a_table_of_pools_names_each_application_once() -> None:
    spec = spec_of(company=Company(size=4, pools=1.0), time__end_date="2022-01-03")
    table = chunk_table(spec, Chunk(0, "web", 0, 8))
    names = table["app_name"].combine_chunks().dictionary.to_pylist()
    assert len(names) == len(set(names)) == 2
    frame = table.to_pandas()
    assert frame.groupby("server_id", observed=True).app_name.nunique().eq(1).all()
