from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from dask_synth.model.archetypes import PROFILES
from dask_synth.model.calendar import Calendar, Seasonality, TimeGrid
from dask_synth.model.expectations import censored_moments, expected_mean, observed_moments
from dask_synth.model.metrics import Baseline, server_metrics
from dask_synth.schema import METRICS
from tests import reference

ALLOWED = 4.5


def assert_same_moments(draws: np.ndarray, mean: float, variance: float) -> None:
    """Compare to a sample, in its own standard errors."""
    centred = draws - draws.mean()
    spread = np.mean(centred**2)
    mean_error = np.sqrt(spread / len(draws))
    variance_error = np.sqrt((np.mean(centred**4) - spread**2) / len(draws))
    assert abs(draws.mean() - mean) <= ALLOWED * mean_error + 1e-12
    assert abs(spread - variance) <= ALLOWED * variance_error + 1e-12


@pytest.mark.parametrize(
    ("mean", "sd", "high"),
    [
        (50.0, 10.0, 100.0),
        (30.0, 25.0, 100.0),
        (0.0, 20.0, 100.0),
        (-30.0, 20.0, 100.0),
        (130.0, 20.0, 100.0),
        (50.0, 400.0, 100.0),
        (100.0, 5.0, 100.0),
        (900.0, 200.0, 1000.0),
    ],
)
def test_moments_of_a_clipped_normal_agree_with_a_simulation(mean, sd, high):
    z = np.random.default_rng(1).standard_normal(500_000)
    found = censored_moments(np.array([mean]), sd, 0.0, high)
    assert_same_moments(np.clip(mean + sd * z, 0, high), found.mean[0], found.variance[0])


def test_moments_that_are_known_by_hand():
    half = censored_moments(np.array([0.0]), 1.0, 0.0, 1e9)
    assert half.mean[0] == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-12)
    wide = censored_moments(np.array([50.0]), 2.0, 0.0, 100.0)
    assert (wide.mean[0], wide.variance[0]) == pytest.approx((50.0, 4.0), rel=1e-9)
    gone = censored_moments(np.array([1e6, -1e6]), 2.0, 0.0, 100.0)
    assert gone.mean.tolist() == pytest.approx([100.0, 0.0])
    assert gone.variance.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


HOURS = Calendar.of(TimeGrid(dt.date(2024, 3, 31), dt.date(2024, 4, 1), "hourly"), Seasonality())
MONDAY_NOON = 36
METRIC_PLACES = {"cpu_p95": (0, 1.0), "mem_p95": (1, 0.7), "disk_p95": (2, None), "net_in_p95": (3, 0.8)}


@pytest.mark.parametrize("column", METRICS)
@pytest.mark.parametrize("archetype", reference.TABLE)
@pytest.mark.parametrize("spikes", [True, False])
def test_moments_of_every_column_of_every_profile_agree_with_a_simulation(archetype, column, spikes):
    profile = reference.TABLE[archetype]
    scale, high = {"net_out_p95": (0.6, 600.0), "net_in_p95": (1.0, 1000.0)}.get(column, (1.0, 100.0))
    place, spike_share = METRIC_PLACES["net_in_p95" if scale == 0.6 else column]
    load = 1.0 if place == 2 else profile.business_hours
    growth = 1.0 if place == 3 else 1 + profile.growth / 100 * 1.5 / 30.4375
    rng = np.random.default_rng(2)
    draws = profile.base[place] * load * growth + profile.sd[place] * rng.standard_normal(250_000)
    if spikes and spike_share:
        draws[rng.random(len(draws)) < profile.spike_probability] *= spike_share * profile.spike_magnitude
    baseline = Baseline.of(PROFILES[archetype], HOURS, Seasonality(), growth=True, spikes=spikes)
    found = observed_moments(baseline, column)
    assert_same_moments(np.clip(scale * draws, 0, high), found.mean[MONDAY_NOON], found.variance[MONDAY_NOON])


def simulated(archetype: str, servers: int) -> tuple[Baseline, dict[str, np.ndarray]]:
    grid = TimeGrid(dt.date(2023, 1, 1), dt.date(2023, 12, 31), "hourly")
    seasonality = Seasonality()
    baseline = Baseline.of(PROFILES[archetype], Calendar.of(grid, seasonality), seasonality, growth=True, spikes=True)
    metrics = {name: np.empty((servers, grid.size)) for name in METRICS}
    for server in range(servers):
        server_metrics(baseline, 42, server, {name: values[server] for name, values in metrics.items()})
    return baseline, metrics


@pytest.mark.parametrize("archetype", PROFILES)
def test_a_fleets_means_lie_within_4_5_standard_errors_and_its_spread_is_right(archetype):
    baseline, metrics = simulated(archetype, 10)
    for name, values in metrics.items():
        expected = expected_mean(baseline, name, 10)
        assert abs(values.mean() - expected.mean) < ALLOWED * expected.standard_error, name
        moments = observed_moments(baseline, name)
        assert values.var() == pytest.approx(moments.variance.mean() + moments.mean.var(), rel=0.03), name


@pytest.mark.parametrize("column", METRICS)
def test_a_mean_that_is_off_by_one_percent_is_found_out(column):
    baseline, metrics = simulated("database", 20)
    expected = expected_mean(baseline, column, 20)
    assert abs(1.01 * metrics[column].mean() - expected.mean) > ALLOWED * expected.standard_error


def test_the_standard_error_shrinks_with_the_number_of_servers():
    baseline = Baseline.of(PROFILES["web"], HOURS, Seasonality(), growth=True, spikes=True)
    one, hundred = (expected_mean(baseline, "cpu_p95", servers) for servers in (1, 100))
    assert one.mean == hundred.mean
    assert one.standard_error == pytest.approx(10 * hundred.standard_error, rel=1e-12)
    variance = observed_moments(baseline, "cpu_p95").variance.mean()
    assert one.standard_error == pytest.approx(np.sqrt(variance / 48), rel=1e-12)
