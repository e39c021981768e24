from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model.archetypes import PROFILES, ArchetypeProfile, Base, Correlation, Deviations, correlation_matrix
from dask_synth.model.calendar import Calendar, Seasonality, TimeGrid
from dask_synth.model.columns import BUILT_IN, MetricColumn
from dask_synth.model.metrics import Baseline, correlate, observe, server_metrics
from tests import reference

HIGHS = {"cpu_p95": 100, "mem_p95": 100, "disk_p95": 100, "net_in_p95": 1000, "net_out_p95": 600}
SEASONS = Seasonality()
STILL = Seasonality(weekly=False, business_hours=False, quarter_end=False, holidays=())


def simulate(
    profile: ArchetypeProfile,
    days: int,
    granularity: str = "daily",
    *,
    seed: int = 42,
    server: int = 0,
    seasonality: Seasonality = SEASONS,
    growth: bool = True,
    spikes: bool = True,
    first: dt.date = dt.date(2023, 12, 20),
) -> dict[str, np.ndarray]:
    grid = TimeGrid(first, first + dt.timedelta(days - 1), granularity)
    baseline = Baseline.of(profile, Calendar.of(grid, seasonality), seasonality, growth=growth, spikes=spikes)
    out = {name: np.full(grid.size, np.nan) for name in HIGHS}
    server_metrics(baseline, seed, server, out)
    return out


@pytest.mark.parametrize(
    ("archetype", "granularity", "minutes", "days", "server", "on"),
    [
        ("web", "daily", 1440, 800, 0, reference.EVERYTHING),
        ("web", "hourly", 60, 120, 5, reference.EVERYTHING),
        ("database", "hourly", 60, 120, 90, reference.EVERYTHING),
        ("application", "15min", 15, 20, 47, reference.EVERYTHING),
        ("batch", "hourly", 60, 120, 108, reference.EVERYTHING),
        ("batch", "1min", 1, 2, 108, reference.EVERYTHING),
        ("web", "hourly", 60, 30, 5, reference.Switches(weekly=False)),
        ("web", "hourly", 60, 30, 5, reference.Switches(business_hours=False)),
        ("web", "hourly", 60, 30, 5, reference.Switches(quarter_end=False)),
        ("web", "hourly", 60, 30, 5, reference.Switches(holidays=False)),
        ("database", "daily", 1440, 800, 5, reference.Switches(growth=False)),
        ("batch", "hourly", 60, 30, 5, reference.Switches(spikes=False)),
    ],
)
def test_every_value_is_that_of_the_model_written_out_row_by_row(
    archetype: str, granularity: str, minutes: int, days: int, server: int, on: reference.Switches
) -> None:
    first = dt.date(2023, 12, 20)
    found = simulate(
        PROFILES[archetype],
        days,
        granularity,
        server=server,
        seasonality=Seasonality(
            on.weekly, on.business_hours, on.quarter_end, Seasonality().holidays if on.holidays else ()
        ),
        growth=on.growth,
        spikes=on.spikes,
        first=first,
    )
    last = first + dt.timedelta(days - 1)
    expected = list(reference.rows(archetype, 42, server, first, last, minutes, on))
    for position, column in enumerate(found, start=1):
        np.testing.assert_array_equal(found[column], [row[position] for row in expected], err_msg=column)


@pytest.mark.parametrize("archetype", PROFILES)
def test_the_noise_has_the_profiles_deviations_and_correlations(archetype: str) -> None:
    # In the middle of a wide range nothing is clipped, so the values show the noise as it is.
    sd = Deviations(2.0, 3.0, 4.0, 50.0)
    profile = replace(PROFILES[archetype], base=Base(50, 50, 50, 500), sd=sd)
    found = simulate(profile, 200, "5min", seasonality=STILL, growth=False, spikes=False)
    latent = np.array([found[name] for name in ("cpu_p95", "mem_p95", "disk_p95", "net_in_p95")])
    rows = latent.shape[1]
    expected = correlation_matrix(profile.correlation)
    error = 4.5 * (1 - expected**2) / np.sqrt(rows) + 1e-4
    assert (np.abs(np.corrcoef(latent) - expected) < error).all()
    np.testing.assert_allclose(latent.std(axis=1), [2, 3, 4, 50], rtol=4.5 / np.sqrt(2 * rows))
    np.testing.assert_allclose(latent.mean(axis=1), [50, 50, 50, 500], atol=4.5 * 50 / np.sqrt(rows))


def test_correlate_multiplies_by_the_factor() -> None:
    normals = np.arange(12.0).reshape(3, 4)
    factor = np.array([[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0], [7, 8, 9, 10.0]])
    np.testing.assert_array_equal(np.array(correlate(normals, factor)).T, normals @ factor.T)


def test_outgoing_traffic_is_six_tenths_of_the_incoming_but_for_rounding() -> None:
    found = simulate(PROFILES["web"], 300)
    np.testing.assert_allclose(found["net_out_p95"], 0.6 * found["net_in_p95"], atol=0.005 + 0.6 * 0.005 + 1e-9)


def test_incoming_and_outgoing_traffic_are_clipped_each_at_its_own_height() -> None:
    profile = replace(PROFILES["web"], base=Base(50, 50, 50, 5000))
    found = simulate(profile, 30, spikes=False, seasonality=STILL)
    assert set(found["net_in_p95"]) == {1000.0}
    assert set(found["net_out_p95"]) == {600.0}


def test_spikes_multiply_cpu_memory_and_traffic_and_leave_the_disk_alone() -> None:
    quiet = Deviations(1e-6, 1e-6, 1e-6, 1e-6)
    profile = replace(
        PROFILES["web"], base=Base(20, 30, 40, 100), sd=quiet, spike_magnitude=2.0, spike_probability=0.25
    )
    found = simulate(profile, 40, "hourly", seasonality=STILL, growth=False)
    expected = {
        "cpu_p95": {20.0, 40.0},
        "mem_p95": {30.0, 42.0},
        "disk_p95": {40.0},
        "net_in_p95": {100.0, 160.0},
        "net_out_p95": {60.0, 96.0},
    }
    assert {name: set(values) for name, values in found.items()} == expected
    spiked = found["cpu_p95"] == 40.0
    np.testing.assert_array_equal(found["mem_p95"] == 42.0, spiked)
    np.testing.assert_array_equal(found["net_in_p95"] == 160.0, spiked)
    assert spiked.mean() == pytest.approx(0.25, abs=4.5 * np.sqrt(0.25 * 0.75 / 960))


def test_without_spikes_the_other_rows_stay_as_they_were() -> None:
    with_spikes, without = simulate(PROFILES["batch"], 400), simulate(PROFILES["batch"], 400, spikes=False)
    np.testing.assert_array_equal(with_spikes["disk_p95"], without["disk_p95"])
    changed = with_spikes["mem_p95"] != without["mem_p95"]
    assert changed.mean() == pytest.approx(0.08, abs=4.5 * np.sqrt(0.08 * 0.92 / 400))


def test_growth_acts_on_cpu_memory_and_disk_but_not_on_traffic() -> None:
    quiet = Deviations(1e-6, 1e-6, 1e-6, 1e-6)
    profile = replace(PROFILES["web"], base=Base(20, 30, 40, 100), sd=quiet, growth=2.0)
    found = simulate(profile, 1462, seasonality=STILL, spikes=False)
    last = {name: values[-1] for name, values in found.items()}
    assert last == {"cpu_p95": 39.2, "mem_p95": 58.8, "disk_p95": 78.4, "net_in_p95": 100.0, "net_out_p95": 60.0}


@pytest.mark.parametrize(
    ("value", "expected"), [(-3.0, 0.0), (0.004, 0.0), (12.344, 12.34), (12.346, 12.35), (99.996, 100.0), (250, 100.0)]
)
def test_a_value_is_clipped_then_rounded_to_2_decimals(value: float, expected: float) -> None:
    out = np.empty(1)
    observe(np.array([value]), MetricColumn("cpu_p95", "cpu", "%", 100.0, "", ""), out)
    assert out[0] == expected


def test_observed_columns_have_the_documented_heights_and_scales() -> None:
    assert {column.name: column.high for column in BUILT_IN.columns} == HIGHS
    assert {column.name: column.scale for column in BUILT_IN.columns} == dict.fromkeys(HIGHS, 1.0) | {
        "net_out_p95": 0.6
    }


def test_another_seed_and_another_server_change_every_metric() -> None:
    here = simulate(PROFILES["application"], 60)
    for other in (
        simulate(PROFILES["application"], 60, seed=43),
        simulate(PROFILES["application"], 60, server=1),
    ):
        for name, values in here.items():
            assert (values != other[name]).mean() > 0.9


levels = st.floats(0, 1500)
deviations = st.floats(0.01, 500)
profiles = st.builds(
    ArchetypeProfile,
    base=st.builds(Base, levels, levels, levels, levels),
    sd=st.builds(Deviations, deviations, deviations, deviations, deviations),
    correlation=st.builds(Correlation, *[st.floats(-0.3, 0.3)] * 6),
    business_hours=st.floats(0, 5),
    weekend=st.floats(0, 5),
    spike_probability=st.floats(0, 1),
    spike_magnitude=st.floats(0.01, 100),
    growth=st.floats(-50, 50),
)


@given(profiles, st.integers(0, 2**64 - 1), st.integers(0, 10_000))
def test_values_of_any_profile_stay_in_range_with_2_decimals(profile: ArchetypeProfile, seed: int, server: int) -> None:
    for name, values in simulate(profile, 3, "hourly", seed=seed, server=server).items():
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= HIGHS[name]
        np.testing.assert_array_equal(values, np.round(values, 2))


@given(profiles, st.integers(1, 20), st.integers(0, 20))
def test_a_longer_run_of_any_profile_begins_with_the_same_rows(profile: ArchetypeProfile, days: int, more: int) -> None:
    short, long = simulate(profile, days), simulate(profile, days + more)
    for name, values in short.items():
        np.testing.assert_array_equal(values, long[name][:days])
