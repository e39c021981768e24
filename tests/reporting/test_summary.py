from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dask_synth.config.run import RunConfig
from dask_synth.dataset import Dataset
from dask_synth.measure.arrangement import arrangement_of
from dask_synth.measure.layout import MAX_PERIODS, MAX_VALUES, Layout
from dask_synth.measure.picture import CELLS, Binned, bins_of
from dask_synth.measure.planned import Planned
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, pairs_of
from dask_synth.model.columns import BUILT_IN
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import RunPlan, spec_of
from dask_synth.reporting.summary import bin_quantiles, correlation_of, summary_of
from dask_synth.storage.names import CSV_NAME
from dask_synth.theory.gauge import CANDIDATES as BINS
from tests.bench import Bench
from tests.reporting.report_data import small_dataset, summarise_dataset

METRICS = BUILT_IN.names
TWO_DAYS = RunPlan.of(
    RunConfig(fleet={"servers": 2, "mix": {"web": 1.0}}, time={"start_date": "2024-01-06", "end_date": "2024-01-07"})
)
"""A Saturday and a Sunday."""


def measured(*lines: tuple[Any, ...]) -> Measured:
    """Measure rows of (day, server, cpu, mem, criticality); disk is 50, net_in 100, net_out 60."""
    frame = chunk_frame(TWO_DAYS.chunks[0], TWO_DAYS.spec)
    frame = frame.iloc[np.zeros(len(lines), int)].reset_index(drop=True)
    days, servers, cpu, mem, criticality = zip(*lines, strict=True)
    texts = pd.Categorical(criticality, categories=frame["criticality"].cat.categories)
    columns: list[Any] = [pd.to_datetime(list(days)), list(servers), list(cpu), list(mem), 50.0, 100.0, 60.0, texts]
    frame = frame.assign(**dict(zip(("timestamp", "server_id", *METRICS, "criticality"), columns, strict=True)))
    return measure_rows(frame, Planned.of(TWO_DAYS.spec), Layout.of(TWO_DAYS.spec))


SATURDAY = [("2024-01-06", "server_000", 10.0, 20.0, "High"), ("2024-01-06", "server_001", 30.0, 0.0, "Low")]
SUNDAY = [("2024-01-07", "server_000", 100.0, 40.5, "High")]


def test_sums_of_three_rows_are_what_they_are_by_hand() -> None:
    found = measured(*SATURDAY, *SUNDAY)
    sums, picture = found.sums["web"], found.picture
    assert sums.totals[0].sum(axis=1).tolist() == [40_00.0, 100_00.0]
    assert [sums.count, *sums.totals.sum(axis=(1, 2))] == [3.0, 140_00.0, 60_50.0, 150_00.0, 300_00.0, 180_00.0]
    assert sums.products[1].sum() == 10_00 * 20_00 + 30_00 * 0 + 100_00 * 40_50
    of_cpu = picture.counts["web"][0]
    cpu = {(int(day), int(cell)): int(of_cpu[day, cell]) for day, cell in np.argwhere(of_cpu)}
    assert cpu == {(0, 11): 1, (0, 31): 1, (1, CELLS - 1): 1}
    assert picture.week["web"][:, 5].tolist() == [2.0, 40_00.0, 20_00.0, 100_00.0, 200_00.0, 120_00.0]
    assert picture.week["web"][:, :5].sum() == 0
    assert picture.servers["server_000"].T.tolist() == [
        [1.0, 10_00.0, 20_00.0, 50_00.0, 100_00.0, 60_00.0],
        [1.0, 100_00.0, 40_50.0, 50_00.0, 100_00.0, 60_00.0],
    ]
    assert {name: np.flatnonzero(counts).tolist() for name, counts in picture.memory.items()} == {
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
    found = measured(*SATURDAY, *bad)
    assert found.left_out == 4
    assert found.sums["web"].count == 2


def cells_of(column: str, values: Any) -> list[int]:
    """Return the cells of a picture that values of a column lie in."""
    hundredths = np.rint(np.asarray(values, float) * 100)
    arrangement = arrangement_of(np.zeros(len(hundredths), int), np.zeros(1, int), np.arange(len(hundredths)))
    cells: list[int] = (
        Binned(arrangement, [hundredths], [bins_of(BUILT_IN[column].high, hundredths)], []).cells(0).tolist()
    )
    return cells


def test_values_beyond_the_limits_count_as_the_limits() -> None:
    assert cells_of("cpu_p95", [-3.0, 100.01]) == [0, CELLS - 1]


@pytest.mark.parametrize("column", METRICS)
def test_every_edge_begins_the_bin_above_it(column: str) -> None:
    high = BUILT_IN[column].high
    edges = np.round(np.arange(1, BINS) * high / BINS, 2)
    assert cells_of(column, edges) == list(range(2, BINS + 1))
    assert cells_of(column, np.round(edges - 0.01, 2)) == list(range(1, BINS))
    assert cells_of(column, [0.0, 0.01, high - 0.01, high]) == [0, 1, BINS, BINS + 1]


def test_quantiles_lie_within_a_bin_of_the_rows_own() -> None:
    values = np.random.default_rng(1).normal(60, 30, 5000).clip(0, 100).round(2)
    counts = np.bincount(cells_of("cpu_p95", values), minlength=CELLS)
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert bin_quantiles(counts, share, 100.0) == pytest.approx(np.quantile(values, share), abs=1.0)


def test_quantiles_of_equal_counts_are_linear_and_of_none_are_missing() -> None:
    counts = np.zeros((2, CELLS), np.int64)
    counts[0, 1:-1] = 10
    assert bin_quantiles(counts, 0.25, 600.0)[0] == pytest.approx(150.0)
    assert np.isnan(bin_quantiles(counts, 0.25, 600.0)[1])


def test_correlation_is_numpys_and_missing_for_what_does_not_vary() -> None:
    values = np.random.default_rng(2).normal(size=(100, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    columns = np.column_stack([values, np.full(100, 7.3)])
    products = np.array([columns[:, a] @ columns[:, b] for a, b in pairs_of(3)])
    matrix = correlation_of(100, columns.sum(axis=0), products)
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


def test_points_that_stand_for_several_days_are_those_days_together(bench: Callable[..., Bench]) -> None:
    made = bench(fleet__servers=20, time__start_date="2024-01-01", time__end_date="2024-03-31")
    daily = Layout.of(made.plan.spec)
    layout = replace(daily, days_per_period=10, periods=10)  # the last is one day
    rows = pd.concat(made.frames())
    summary = summary_of(measure_rows(rows, made.planned, layout), made.theory, layout)
    each = summary_of(measure_rows(rows, made.planned, daily), made.theory, daily)
    by_period = rows.groupby((rows["timestamp"] - rows["timestamp"].min()).dt.days // 10)[list(METRICS)].mean()
    np.testing.assert_allclose(summary.groups[0].series[0], by_period.to_numpy().T, rtol=1e-12)
    np.testing.assert_allclose(summary.groups[0].level[0], rows[list(METRICS)].mean().to_numpy(), rtol=1e-12)
    expected = each.groups[0].series[3]
    np.testing.assert_allclose(summary.groups[0].series[3][:, 0], expected[:, :10].mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(summary.groups[0].series[3][:, -1], expected[:, -1], rtol=1e-12)


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
