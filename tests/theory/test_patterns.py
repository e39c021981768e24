"""Variances of sums over parts of a grid, against adding up every pair of rows."""

import datetime as dt

import numpy as np
import pytest

from dask_synth.model.calendar import TimeGrid
from dask_synth.theory.patterns import Patterns, Steps


def covariance(lag: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(lag == 0, 1.0, 0.4 * np.exp(-lag / 3.0) + 0.3 * np.exp(-lag / 9.0))


@pytest.mark.parametrize("granularity", ["hourly", "30min", "15min"])
def test_a_variance_is_the_sum_over_all_pairs_of_rows(granularity: str) -> None:
    grid = TimeGrid(dt.date(2024, 1, 1), dt.date(2024, 1, 9), granularity)
    a_day = grid.rows_per_day
    hour = np.arange(grid.days * 24)
    weight = (hour % 24 < 7).astype(float) - 0.25 * (hour // 24 % 3 == 1)
    steps = Steps.of(grid, 9.0 * 24 / a_day)
    lags = np.arange(grid.size)
    exact = covariance(np.abs(lags[:, None] - lags[None, :]).astype(float))
    by_row = np.repeat(weight, a_day // 24)
    found = Patterns.of([weight], steps)
    by_lag = steps.by_lag(covariance(steps.row_lags.astype(float)))
    assert found.variance(by_lag)[0] == pytest.approx(by_row @ exact @ by_row, rel=1e-5)
    assert found.rows[0] == pytest.approx(by_row.sum())


def test_without_memory_rows_count_alone() -> None:
    grid = TimeGrid(dt.date(2024, 1, 1), dt.date(2024, 1, 5), "daily")
    steps = Steps.of(grid, 0.0)
    assert steps.reach == 0
    weight = np.array([1.0, 0.0, 2.0, 0.0, 1.0])
    assert Patterns.of([weight], steps).variance(np.array([0.5]))[0] == pytest.approx(3.0)
