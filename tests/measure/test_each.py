"""Sums of single servers, pools and regions, against what pandas finds in the same rows."""

from __future__ import annotations

import itertools
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from dask_synth.measure.expectation import EXACT
from dask_synth.measure.layout import Layout
from dask_synth.measure.lives import Lives
from dask_synth.measure.planned import Planned
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.model.fleet import Place
from dask_synth.model.life import Company
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import Chunk
from dask_synth.schema import METRICS
from tests.people import ALL_DIFFERENT, spec_of

PLACES = (Place("America/New_York"), Place(-8), Place("Europe/Berlin"), Place("Asia/Kolkata"))
FULL = {"cpu_p95": 100.0, "mem_p95": 100.0, "disk_p95": 100.0, "net_in_p95": 1000.0, "net_out_p95": 600.0}


@pytest.fixture(scope="module")
def spec() -> FleetSpec:
    # Over the end of daylight saving in both zones that have it.
    return spec_of(
        ALL_DIFFERENT,
        servers=30,
        places=PLACES,
        company=Company(size=4, pools=0.6, alike=0.9),
        time__granularity="hourly",
        time__start_date="2024-10-21",
        time__end_date="2024-11-10",
    )


@pytest.fixture(scope="module")
def rows(spec: FleetSpec) -> pd.DataFrame:
    chunks = [Chunk(index, block.archetype, block.start, block.stop) for index, block in enumerate(spec.fleet.blocks())]
    return pd.concat([chunk_frame(chunk, spec) for chunk in chunks], ignore_index=True)


@pytest.fixture(scope="module")
def measured(spec: FleetSpec, rows: pd.DataFrame) -> Measured:
    return measure_rows(rows, Planned.of(spec), Layout.of(spec))


def test_each_server_has_its_sums_over_time_and_its_rows_at_the_bound(rows: pd.DataFrame, measured: Measured) -> None:
    each, days = measured.each, (rows["timestamp"] - rows["timestamp"].min()).dt.days
    assert each.index.tolist() == list(range(30))
    assert each.series.shape == (30, 6, 21)
    grouped = rows.groupby(["server_id", days])
    np.testing.assert_array_equal(each.series[:, 0], 24.0)
    for k, metric in enumerate(METRICS, 1):
        sums = (grouped[metric].sum() * 100).round().to_numpy().reshape(30, 21)
        np.testing.assert_array_equal(each.series[:, k], sums)
        full = (rows[metric] >= FULL[metric]).groupby(rows["server_id"]).sum().to_numpy()
        np.testing.assert_array_equal(each.full[:, k - 1], full)
    assert each.full.any()


def test_regions_are_summed_up_by_their_own_clocks(rows: pd.DataFrame, measured: Measured) -> None:
    utc = rows["timestamp"].dt.tz_localize("UTC")
    zones = {"US-East": "America/New_York", "US-West": "Etc/GMT+8", "EU": "Europe/Berlin", "Asia": "Asia/Kolkata"}
    for position, (region, zone) in enumerate(zones.items()):
        here = (rows["region"] == region).to_numpy() & (rows["server_type"] == "web").to_numpy()
        local = utc[here].dt.tz_convert(ZoneInfo(zone))
        hour = local.dt.day_of_week * 24 + local.dt.hour
        seen = measured.picture.local["web"][:, position]
        np.testing.assert_array_equal(seen[0], np.bincount(hour, minlength=168))
        memory = np.bincount(hour, np.rint(rows.loc[here, "mem_p95"] * 100), 168)
        np.testing.assert_array_equal(seen[2], memory)


def test_servers_beside_each_other_have_every_hour_of_two_weeks(
    spec: FleetSpec, rows: pd.DataFrame, measured: Measured
) -> None:
    lives = Lives.of(spec)
    together = lives.together[0]
    assert (together.archetype, len(together.pool)) == ("web", 4)
    pools = spec.fleet.pools(spec.seed, 0, 30)
    assert len({int(pools[server]) for server in together.pool}) == 1
    assert all(pools[server] == -1 for server in together.alone)
    assert measured.picture.beside.keys() == {server for one in lives.together for server in one.servers}
    first = together.pool[0]
    mine = rows[rows["server_id"] == f"server_{first:03d}"].set_index("timestamp")["cpu_p95"]
    window = mine[pd.Timestamp("2024-10-28") :].iloc[: lives.moments]
    seen = measured.picture.beside[first]
    assert (seen[0] == 1).all()
    np.testing.assert_array_equal(seen[1], np.rint(window * 100))


def test_any_order_and_any_split_give_the_same_sums(spec: FleetSpec, rows: pd.DataFrame, measured: Measured) -> None:
    planned, layout = Planned.of(spec), Layout.of(spec)
    edges = [0, 777, 5000, 5001, len(rows)]
    split = added(measure_rows(rows.iloc[a:b], planned, layout) for a, b in itertools.pairwise(edges))
    mixed = measure_rows(rows.sample(frac=1, random_state=3), planned, layout)
    for other in (split, mixed):
        for name in ("index", "series", "full"):
            np.testing.assert_array_equal(getattr(other.each, name), getattr(measured.each, name))
        for archetype, sums in measured.picture.local.items():
            np.testing.assert_array_equal(other.picture.local[archetype], sums)
            np.testing.assert_array_equal(other.ranks[archetype].expected, measured.ranks[archetype].expected)
        for server, sums in measured.picture.beside.items():
            np.testing.assert_array_equal(other.picture.beside[server], sums)


def test_what_is_expected_lies_where_values_come_to_lie(spec: FleetSpec, measured: Measured) -> None:
    for archetype, sums in measured.sums.items():
        due = measured.ranks[archetype].expected.sum(axis=1) / EXACT / sums.count
        seen = sums.totals.sum(axis=(1, 2)) / 100 / sums.count
        np.testing.assert_allclose(seen, due, rtol=0.05)
    web = measured.sums["web"]
    by_day = web.totals[0].sum(axis=1) / measured.ranks["web"].expected[0] * EXACT / 100
    assert by_day.std() < 0.12  # weekends are expected to be low, as they are
    assert web.totals[0].sum(axis=1).std() / web.totals[0].sum(axis=1).mean() > 0.12


def test_without_a_picture_nothing_is_expected_and_no_one_has_a_series(spec: FleetSpec, rows: pd.DataFrame) -> None:
    plain = measure_rows(rows.iloc[: 24 * 21], Planned.of(spec))
    assert not plain.ranks["web"].expected.any()
    assert len(plain.each.index) == 0
