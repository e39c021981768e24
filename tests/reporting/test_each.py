from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dask_synth.dataset import Dataset
from dask_synth.reporting.each import KIN_BINS
from dask_synth.reporting.summary import Summary
from dask_synth.schema import METRICS
from tests.reporting.report_data import LIVING, small_dataset, summarise_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("each") / "fleet", LIVING)


@pytest.fixture(scope="module")
def summary(dataset: Dataset) -> Summary:
    return summarise_dataset(dataset)


@pytest.fixture(scope="module")
def rows(dataset: Dataset) -> pd.DataFrame:
    return pd.read_parquet(dataset.metrics)


def test_the_ten_highest_are_pandas_ten_largest(summary: Summary, rows: pd.DataFrame) -> None:
    means = rows.groupby("server_id")[list(METRICS)].mean()
    kinds = rows.groupby("server_id")["server_type"].first().astype(str)
    for metric, highest in zip(METRICS, summary.each.highest, strict=True):
        largest = means[metric].nlargest(10)
        assert [server.name for server in highest] == largest.index.tolist()
        np.testing.assert_allclose([server.mean for server in highest], largest.to_numpy())
        for server in highest:
            assert server.archetype == kinds[server.name]
            assert server.median == pytest.approx(means[metric][kinds == server.archetype].median())
            limit = {"net_in_p95": 1000, "net_out_p95": 600}.get(metric, 100)
            full = (rows.loc[rows["server_id"] == server.name, metric] >= limit).mean()
            assert server.full == pytest.approx(full)


def test_the_band_is_the_servers_and_not_the_rows(summary: Summary, rows: pd.DataFrame) -> None:
    by_day = rows.groupby(["server_id", rows["timestamp"].dt.date])["cpu_p95"].mean().to_numpy().reshape(48, -1)
    np.testing.assert_allclose(summary.each.band[0][:, 0], np.quantile(by_day, [0.1, 0.9], axis=0))
    np.testing.assert_allclose(summary.each.band[2][:, 0], np.quantile(by_day[24:], [0.1, 0.9], axis=0))


def test_servers_of_a_pool_go_together_and_strangers_do_not(summary: Summary) -> None:
    middles = (np.arange(KIN_BINS) + 0.5) * 2 / KIN_BINS - 1
    for archetype in range(2):
        pool, strangers = (counts[0] @ middles / counts[0].sum() for counts in summary.each.kin[archetype])
        assert pool > 0.5
        assert abs(strangers) < 0.2


def test_a_week_in_local_time_is_busy_at_the_same_hours_everywhere(summary: Summary) -> None:
    assert summary.each.regions == ("Here", "There")
    for region in range(2):
        day = summary.each.local[0, 0, region, :120].reshape(5, 24).mean(axis=0)
        assert day[10:17].min() > day[[0, 1, 2, 3, 4, 22, 23]].max()
        assert summary.each.local[0, 0, region, 120:].mean() < day.mean()


def test_local_hours_of_an_archetype_are_its_own_rows(summary: Summary, rows: pd.DataFrame) -> None:
    here = rows[(rows["server_type"] == "batch") & (rows["region"] == "There")]
    local = here["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt
    means = here.groupby(local.day_of_week * 24 + local.hour)["mem_p95"].mean()
    np.testing.assert_allclose(summary.each.local[2, 1, 1], means.to_numpy())


def test_what_is_expected_of_individuals_is_close_to_what_they_are(summary: Summary) -> None:
    for group in summary.groups:
        np.testing.assert_allclose(group.level[0], group.level[3], rtol=0.04)
        assert np.isnan(group.shares[1]).all()


def test_a_fleet_of_both_sorts_has_expected_means_and_the_densities_that_there_are(tmp_path: Path) -> None:
    changes = {"archetypes": {"web": {"skew": {"cpu": 0.5}}}, "fleet.servers": 60}
    both = summarise_dataset(small_dataset(tmp_path / "fleet", changes))
    assert both.each.living
    for group in both.groups:
        np.testing.assert_allclose(group.level[0], group.level[3], rtol=0.02)
        assert np.isnan(group.shares[1]).all() == (group.name in ("whole fleet", "web"))
    assert both.each.together == ()
    assert not both.each.kin.any()
