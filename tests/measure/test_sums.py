"""Sums add up, whatever the rows are split into and however they lie."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dask_synth.measure.arrangement import Dense, Sparse, arrangement_of
from dask_synth.measure.layout import Layout
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from tests.bench import Bench

FLEET = {"fleet__servers": 8, "time__granularity": "hourly", "time__end_date": "2022-01-04"}

Fleet = tuple[Bench, pd.DataFrame]


def assert_same(left: Measured, right: Measured) -> None:
    assert left.rows == right.rows
    assert left.faults == right.faults
    assert left.types == right.types
    assert left.sums.keys() == right.sums.keys()
    for name, sums in left.sums.items():
        for field in vars(sums):
            np.testing.assert_array_equal(getattr(sums, field), getattr(right.sums[name], field))
    for field in vars(left.servers):
        np.testing.assert_array_equal(getattr(left.servers, field), getattr(right.servers, field))
    for field in vars(left.each):
        np.testing.assert_array_equal(getattr(left.each, field), getattr(right.each, field))
    for field, seen in vars(left.picture).items():
        assert seen.keys() == getattr(right.picture, field).keys()
        for name, values in seen.items():
            np.testing.assert_array_equal(values, getattr(right.picture, field)[name])


@pytest.fixture(scope="module")
def fleet(bench: Callable[..., Bench]) -> Fleet:
    made = bench(**FLEET)
    return made, pd.concat(made.frames(), ignore_index=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 8 * 96), max_size=6))
def test_any_split_gives_the_same_statistics(fleet: Fleet, cuts: list[int]) -> None:
    made, rows = fleet
    edges = [0, *sorted(cuts), len(rows)]
    layout = Layout.of(made.plan.spec)
    parts = [measure_rows(rows.iloc[a:b], made.planned, layout) for a, b in itertools.pairwise(edges)]
    whole = measure_rows(rows, made.planned, layout)
    assert len(whole.picture.counts) == len(whole.sums) == 3
    assert_same(added(parts), whole)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_order_gives_the_same_sums(fleet: Fleet, seed: int) -> None:
    made, rows = fleet
    layout = Layout.of(made.plan.spec)
    shuffled = measure_rows(rows.sample(frac=1, random_state=seed), made.planned, layout)
    assert shuffled.faults.keys() <= {"order"}
    shuffled.faults.clear()
    assert_same(shuffled, measure_rows(rows, made.planned, layout))


def test_addition_is_associative_and_has_a_zero(fleet: Fleet) -> None:
    made, rows = fleet
    a, b, c = (measure_rows(rows.iloc[i::3], made.planned) for i in range(3))
    assert_same((a + b) + c, a + (b + c))
    assert_same(Measured() + a, a)


def test_texts_may_be_categories_or_strings(fleet: Fleet) -> None:
    made, rows = fleet
    typed = rows.astype({"server_id": "category", "app_name": "category"})
    assert_same(measure_rows(typed, made.planned), measure_rows(rows, made.planned))


def test_whole_servers_are_matrices_and_all_else_is_not() -> None:
    server, position = np.repeat([0, 1], 4), np.tile(np.arange(3, 7), 2)
    assert isinstance(arrangement_of(server, np.array([5, 6]), position), Dense)
    assert isinstance(arrangement_of(server, np.array([6, 5]), position), Sparse)
    assert isinstance(arrangement_of(server[::-1], np.array([5, 6]), position), Sparse)
    assert isinstance(arrangement_of(server[:-1], np.array([5, 6]), position[:-1]), Sparse)


def test_rows_that_no_plan_knows_are_counted_and_left_out(fleet: Fleet) -> None:
    made, rows = fleet
    strange = rows.assign(server_id=rows["server_id"].where(rows.index != 3, "server_999"))
    strange.loc[[7], "timestamp"] += pd.Timedelta(minutes=1)
    statistics = measure_rows(strange, made.planned)
    strange.loc[[7], "timestamp"] += pd.Timedelta(minutes=1)
    assert statistics.faults == {"server": 1, "timestamp": 1}
    assert statistics.rows == len(rows)
    assert sum(sums.count for sums in statistics.sums.values()) == len(rows) - 2
    assert statistics.left_out == 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_without_a_value_is_in_no_sum_but_its_server_is_seen(fleet: Fleet, value: float) -> None:
    made, rows = fleet
    first = int(rows.index[rows["server_type"] == "web"][5])
    gappy = rows.copy()
    gappy.loc[first, "mem_p95"] = value
    whole, measured = (measure_rows(frame, made.planned, Layout.of(made.plan.spec)) for frame in (rows, gappy))
    assert (measured.faults, measured.left_out) == ({"null.mem_p95": 1}, 1)
    missing = {name: round(float(rows[name][first]) * 100) for name in made.plan.spec.metrics.names}
    for k, hundredths in enumerate(missing.values()):
        assert whole.sums["web"].totals[k].sum() - measured.sums["web"].totals[k].sum() == hundredths
    assert measured.picture.counts["web"].sum() == whole.picture.counts["web"].sum() - 5
    np.testing.assert_array_equal(measured.servers.keys, whole.servers.keys)
    assert whole.servers.totals.sum() - measured.servers.totals.sum() == missing["mem_p95"]


def test_a_missing_column_is_a_type_fault(fleet: Fleet) -> None:
    made, rows = fleet
    assert measure_rows(rows.drop(columns="month"), made.planned).types == {"month is missing"}


def test_sums_are_whole_hundredths(fleet: Fleet) -> None:
    made, rows = fleet
    sums = measure_rows(rows, made.planned).sums["web"]
    assert all((values == np.rint(values)).all() for values in vars(sums).values())
    web = rows[rows["server_type"] == "web"]
    assert sums.totals[0].sum() == np.rint(web["cpu_p95"] * 100).sum()
    assert sums.histogram.sum(axis=1).tolist() == [len(web)] * 5
