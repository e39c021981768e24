from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_synth.config import RunConfig
from dask_synth.model.columns import BUILT_IN
from dask_synth.pipeline.chunk import chunk_table
from dask_synth.pipeline.plan import RunPlan, spec_of
from dask_synth.quality.binning import BINS, MAX_PERIODS, MAX_VALUES, Layout, bin_of, bin_quantiles
from dask_synth.quality.digest import correlation_of
from dask_synth.quality.partials import COLUMNS, Partial, merge, summarise
from dask_synth.schema import METRICS
from dask_synth.storage.dataset import Dataset
from dask_synth.storage.names import CSV_NAME
from tests.quality.report_data import small_config, small_dataset, summarise_dataset

TWO_DAYS = Layout(
    start=int(np.datetime64("2024-01-06", "us").astype(np.int64)),  # a Saturday
    days=2,
    days_per_period=1,
    periods=2,
    slots=7,
    archetypes=(("web", 2),),
    sample=(("server_000", "web"),),
    criticalities=("High", "Low"),
)


def rows(*lines: tuple[Any, ...]) -> pa.Table:
    """Make a table of (day, server, cpu, mem, criticality); disk is 50, net_in 100, net_out 60."""
    days, servers, cpu, mem, criticality = zip(*lines, strict=True)
    size = len(lines)
    values = [pd.to_datetime(list(days)).to_numpy("M8[us]"), list(servers), list(cpu), list(mem)]
    columns = [*values, [50.0] * size, [100.0] * size, [60.0] * size, list(criticality)]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


SATURDAY = [("2024-01-06", "server_000", 10.0, 20.0, "High"), ("2024-01-06", "server_001", 30.0, 0.0, "Low")]
SUNDAY = [("2024-01-07", "server_000", 100.0, 40.5, "High")]


def test_sums_of_three_rows_are_what_they_are_by_hand() -> None:
    partial = summarise(rows(*SATURDAY, *SUNDAY), "web", TWO_DAYS)
    sums = partial.archetypes["web"]
    assert sums.totals[:, 0].tolist() == [40.0, 100.0]
    assert sums.products[0].tolist() == [3.0, 140.0, 60.5, 150.0, 300.0, 180.0]
    assert sums.products[1, 2] == sums.products[2, 1] == 10 * 20 + 30 * 0 + 100 * 40.5
    cpu = {(int(day), int(cell)): int(sums.counts[day, 0, cell]) for day, cell in np.argwhere(sums.counts[:, 0])}
    assert cpu == {(0, 11): 1, (0, 31): 1, (1, BINS + 1): 1}
    assert sums.week[5].tolist() == [2.0, 40.0, 20.0, 100.0, 200.0, 120.0]
    assert sums.week[:5].sum() == 0
    assert partial.servers["server_000"].tolist() == [
        [1.0, 10.0, 20.0, 50.0, 100.0, 60.0],
        [1.0, 100.0, 40.5, 50.0, 100.0, 60.0],
    ]
    assert {name: np.flatnonzero(counts).tolist() for name, counts in partial.memory.items()} == {
        "High": [21, 41],
        "Low": [0],
    }


def test_rows_without_a_value_or_outside_the_time_are_counted_and_left_out() -> None:
    bad = [
        ("2024-01-06", "server_000", None, 20.0, "High"),
        ("2024-01-06", "server_000", float("nan"), 20.0, "High"),
        ("2024-01-05", "server_000", 10.0, 20.0, "High"),
        ("2024-01-08", "server_000", 10.0, 20.0, None),
    ]
    partial = summarise(rows(*SATURDAY, *bad), "web", TWO_DAYS)
    assert partial.left_out == 4
    assert partial.archetypes["web"].products[0, 0] == 2


def test_values_beyond_the_limits_count_as_the_limits() -> None:
    assert bin_of("cpu_p95", np.array([-3.0, 100.01])).tolist() == [0, BINS + 1]


@pytest.mark.parametrize("column", METRICS)
def test_every_edge_begins_the_bin_above_it(column: str) -> None:
    high = BUILT_IN[column].high
    edges = np.round(np.arange(1, BINS) * high / BINS, 2)
    assert bin_of(column, edges).tolist() == list(range(2, BINS + 1))
    assert bin_of(column, np.round(edges - 0.01, 2)).tolist() == list(range(1, BINS))
    assert bin_of(column, np.array([0.0, 0.01, high - 0.01, high])).tolist() == [0, 1, BINS, BINS + 1]


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 1820), max_size=6), seed=st.integers(0, 2**32 - 1))
def test_the_sum_of_any_parts_in_any_order_is_the_whole(cuts: list[int], seed: int) -> None:
    plan = RunPlan.of(small_config(Path("unused")))
    layout = Layout.of(plan.spec)
    tables = [chunk_table(plan.spec, chunk).select(COLUMNS) for chunk in plan.chunks[:2]]
    names = [chunk.archetype for chunk in plan.chunks[:2]]
    whole = merge(summarise(table, name, layout) for table, name in zip(tables, names, strict=True))
    order = np.random.default_rng(seed)
    parts = []
    for table, name in zip(tables, names, strict=True):
        table = table.take(pa.array(order.permutation(table.num_rows)))
        edges = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
        parts += [summarise(table.slice(a, b - a), name, layout) for a, b in pairwise(edges)]
    assert_same(merge(parts[i] for i in order.permutation(len(parts))), whole)


def assert_same(a: Partial, b: Partial) -> None:
    for name, sums in b.archetypes.items():
        assert np.array_equal(a.archetypes[name].counts, sums.counts)
        for what in ("totals", "products", "week"):
            np.testing.assert_allclose(getattr(a.archetypes[name], what), getattr(sums, what), rtol=1e-12)
    assert a.servers.keys() == b.servers.keys()
    for name, values in b.servers.items():
        np.testing.assert_allclose(a.servers[name], values, rtol=1e-12)
    assert {name: counts.tolist() for name, counts in a.memory.items()} == {
        name: counts.tolist() for name, counts in b.memory.items()
    }
    assert a.left_out == b.left_out


def test_quantiles_lie_within_a_bin_of_the_rows_own() -> None:
    values = np.random.default_rng(1).normal(60, 30, 5000).clip(0, 100).round(2)
    counts = np.bincount(bin_of("cpu_p95", values), minlength=BINS + 2)
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert bin_quantiles(counts, share, 100.0) == pytest.approx(np.quantile(values, share), abs=1.0)


def test_quantiles_of_equal_counts_are_linear_and_of_none_are_missing() -> None:
    counts = np.zeros((2, BINS + 2), np.int64)
    counts[0, 1:-1] = 10
    assert bin_quantiles(counts, 0.25, 600.0)[0] == pytest.approx(150.0)
    assert np.isnan(bin_quantiles(counts, 0.25, 600.0)[1])


def test_correlation_is_numpys_and_missing_for_what_does_not_vary() -> None:
    values = np.random.default_rng(2).normal(size=(100, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    columns = np.column_stack([np.ones(100), values, np.full(100, 7.3)])
    matrix = correlation_of(columns.T @ columns)
    assert matrix[0, 1] == pytest.approx(np.corrcoef(values.T)[0, 1])
    assert np.isnan(matrix[0, 2])


@pytest.mark.parametrize("formats", [["parquet"], ["csv"]])
def test_a_dataset_summed_up_is_what_pandas_finds_in_its_rows(tmp_path: Path, formats: list[str]) -> None:
    changes = {"output.formats": formats, "output.rows_per_partition": 300}
    dataset = small_dataset(tmp_path / "fleet", changes)
    summary, frame = summarise_dataset(dataset), pandas_frame(dataset)
    fleet, web = summary.groups[0], summary.group("web")
    assert web is not None
    assert (fleet.rows, web.rows, summary.left_out) == (20 * 91, 7 * 91, 0)
    by_day = frame.groupby("timestamp")[list(METRICS)].mean()
    np.testing.assert_allclose(fleet.series[0], by_day.to_numpy().T, rtol=1e-12)
    for row, share in ((1, 0.1), (2, 0.9)):
        days = frame[frame.server_type == "web"].groupby("timestamp")["cpu_p95"]
        exact = days.agg(partial(np.quantile, q=share, method="inverted_cdf"))
        np.testing.assert_allclose(web.series[row, 0], exact.to_numpy(), atol=100 / BINS)
    np.testing.assert_allclose(fleet.correlation, frame[list(METRICS)].corr().to_numpy(), rtol=1e-9)
    one = frame[frame.server_id == "server_000"].sort_values("timestamp")
    np.testing.assert_allclose(summary.servers["server_000"][1], one["mem_p95"].to_numpy())
    week = frame[frame.server_type == "web"].groupby("dayofweek")["cpu_p95"].mean()
    np.testing.assert_allclose(web.week[0], week.to_numpy(), rtol=1e-12)
    assert {name: int(counts.sum()) for name, counts in summary.memory.items()} == {
        name: count for name, count in frame["criticality"].value_counts().items() if count
    }


def pandas_frame(dataset: Dataset) -> pd.DataFrame:
    if dataset.metrics.is_dir():
        return pd.read_parquet(dataset.metrics)
    return pd.read_csv(dataset.path / CSV_NAME, parse_dates=["timestamp"])


def test_what_is_expected_is_close_to_what_is_observed(tmp_path: Path) -> None:
    changes = {"fleet.servers": 60, "time.granularity": "hourly", "output.formats": ["parquet"]}
    for group in summarise_dataset(small_dataset(tmp_path / "fleet", changes)).groups:
        np.testing.assert_allclose(group.level[0], group.level[3], rtol=0.02)
        np.testing.assert_allclose(group.shares[0], group.shares[1], atol=0.01)
        np.testing.assert_allclose(group.shares.sum(axis=-1), 1, atol=1e-9)


def test_long_times_and_many_archetypes_make_coarser_points_not_more_of_them() -> None:
    names = [f"kind-{i:03d}" for i in range(100)]
    profile = RunConfig().archetypes["web"]
    config = RunConfig(
        fleet={"servers": 1000, "mix": dict.fromkeys(names, 0.01)},
        archetypes=dict.fromkeys(names, profile),
        time={"start_date": "1970-01-01", "end_date": "2200-12-31"},
    )
    layout = Layout.of(spec_of(config))
    assert layout.periods * layout.days_per_period >= layout.days > (layout.periods - 1) * layout.days_per_period
    assert layout.periods * len(METRICS) * (4 * 101 + len(layout.sample)) <= MAX_VALUES
    long = Layout.of(spec_of(RunConfig(time={"start_date": "1970-01-01", "end_date": "2200-12-31"})))
    assert (long.periods <= MAX_PERIODS, long.days_per_period) == (True, 57)
