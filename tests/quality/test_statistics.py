"""Statistics add up, whatever the rows are split into and however they lie."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dask_synth.quality.arrangement import Dense, Sparse, arrangement_of
from dask_synth.quality.partition import summarise
from dask_synth.quality.statistics import Statistics, combine
from tests.quality.conftest import Bench

FLEET = {"fleet__servers": 8, "time__granularity": "hourly", "time__end_date": "2022-01-04"}

Fleet = tuple[Bench, pd.DataFrame]


def assert_same(left: Statistics, right: Statistics) -> None:
    assert left.rows == right.rows
    assert left.faults == right.faults
    assert left.types == right.types
    assert left.sums.keys() == right.sums.keys()
    for name, sums in left.sums.items():
        for field in ("days", "hours", "histogram"):
            np.testing.assert_array_equal(getattr(sums, field), getattr(right.sums[name], field))
    np.testing.assert_array_equal(left.servers.index, right.servers.index)
    np.testing.assert_array_equal(left.servers.table, right.servers.table)


@pytest.fixture(scope="module")
def fleet(bench: Callable[..., Bench]) -> Fleet:
    made = bench(**FLEET)
    return made, pd.concat(made.frames(), ignore_index=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 8 * 96), max_size=6))
def test_any_split_gives_the_same_statistics(fleet: Fleet, cuts: list[int]) -> None:
    made, rows = fleet
    edges = [0, *sorted(cuts), len(rows)]
    parts = [summarise(rows.iloc[a:b], made.reference) for a, b in itertools.pairwise(edges)]
    assert_same(combine(parts), summarise(rows, made.reference))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_order_gives_the_same_sums(fleet: Fleet, seed: int) -> None:
    made, rows = fleet
    shuffled = summarise(rows.sample(frac=1, random_state=seed), made.reference)
    assert shuffled.faults.keys() <= {"order"}
    shuffled.faults.clear()
    assert_same(shuffled, summarise(rows, made.reference))


def test_addition_is_associative_and_has_a_zero(fleet: Fleet) -> None:
    made, rows = fleet
    a, b, c = (summarise(rows.iloc[i::3], made.reference) for i in range(3))
    assert_same((a + b) + c, a + (b + c))
    assert_same(Statistics() + a, a)


def test_texts_may_be_categories_or_strings(fleet: Fleet) -> None:
    made, rows = fleet
    typed = rows.astype({"server_id": "category", "app_name": "category"})
    assert_same(summarise(typed, made.reference), summarise(rows, made.reference))


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
    statistics = summarise(strange, made.reference)
    assert statistics.faults == {"server": 1, "timestamp": 1}
    assert statistics.rows == len(rows)
    assert sum(sums.rows for sums in statistics.sums.values()) == len(rows) - 2


def test_a_missing_column_is_a_type_fault(fleet: Fleet) -> None:
    made, rows = fleet
    assert summarise(rows.drop(columns="month"), made.reference).types == {"month is missing"}


def test_sums_are_whole_hundredths(fleet: Fleet) -> None:
    made, rows = fleet
    sums = summarise(rows, made.reference).sums["web"]
    assert (sums.days == np.rint(sums.days)).all()
    web = rows[rows["server_type"] == "web"]
    assert sums.days[:, :, 1].sum() == np.rint(web["cpu_p95"] * 100).sum()
    assert sums.histogram.sum(axis=1).tolist() == [len(web)] * 5
