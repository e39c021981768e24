"""Closed forms against ten million draws of the model, written out once more here."""

import datetime as dt
from itertools import combinations

import numpy as np
import pytest

from dask_synth.model.archetypes import PROFILES, cholesky_factor
from dask_synth.model.calendar import Calendar, Seasonality, TimeGrid, growth_factor, load_factor
from dask_synth.model.cells import calendar_cells
from dask_synth.model.forecast import Forecast
from dask_synth.model.joint import Censored, joint_powers
from dask_synth.model.nodes import time_nodes
from dask_synth.schema import METRICS

GRID, SEASONS = TimeGrid(dt.date(2022, 1, 1), dt.date(2025, 12, 31), "hourly"), Seasonality()
CELLS = calendar_cells(GRID, SEASONS)
NODES = time_nodes(GRID, SEASONS, CELLS, 20.0)
CALENDAR = Calendar.of(GRID, SEASONS)
DAY, HOUR = np.divmod(np.arange(GRID.size), 24)
DRAWS, BATCHES = 10_000_000, 40


def forecast(name):
    return Forecast.of(PROFILES[name], NODES, SEASONS, growth=True, spikes=True)


def draw(name, rng, positions):
    profile = PROFILES[name]
    load, trend = load_factor(profile, CALENDAR, SEASONS)[positions], growth_factor(profile, CALENDAR)[positions]
    base, sd, m = profile.base, profile.sd, profile.spike_magnitude
    noise = rng.standard_normal((len(positions), 4)) @ cholesky_factor(profile.correlation).T
    spike = rng.random(len(positions)) < profile.spike_probability
    cpu = (base.cpu * load * trend + sd.cpu * noise[:, 0]) * np.where(spike, m, 1)
    mem = (base.mem * load * trend + sd.mem * noise[:, 1]) * np.where(spike, 0.7 * m, 1)
    disk = base.disk * trend + sd.disk * noise[:, 2]
    net = (base.net * load + sd.net * noise[:, 3]) * np.where(spike, 0.8 * m, 1)
    highs = (100, 100, 100, 1000, 600)
    return np.stack([np.clip(x, 0, h) for x, h in zip((cpu, mem, disk, net, 0.6 * net), highs, strict=True)])


@pytest.mark.integration
@pytest.mark.parametrize("name", PROFILES)
def test_moments_and_correlations_agree_with_ten_million_draws(name):
    rng, model = np.random.default_rng(7), forecast(name)
    size = DRAWS // BATCHES
    # Every timestamp equally often, as in a fleet: it is part of the exact variance that times are not drawn.
    batches = [draw(name, rng, np.arange(i * size, (i + 1) * size) % GRID.size) for i in range(BATCHES)]
    pairs = [(a, b) for a, b in combinations(range(5), 2) if (a, b) != (3, 4)]
    seen = {
        **{("mean", k): [b[k].mean() for b in batches] for k in range(5)},
        **{("variance", k): [b[k].var() for b in batches] for k in range(5)},
        **{("correlation", *p): [np.corrcoef(b[p[0]], b[p[1]])[0, 1] for b in batches] for p in pairs},
    }
    expected = {
        **{("mean", k): model.mean_in(METRICS[k], NODES.weights[0]) for k in range(5)},
        **{("variance", k): model.variance_in(METRICS[k], NODES.weights[0]) for k in range(5)},
        **{("correlation", *p): model.correlation_of(METRICS[p[0]], METRICS[p[1]]) for p in pairs},
    }
    for key, values in seen.items():
        error = expected[key].deviation / np.sqrt(DRAWS)
        # Batches are not whole years; that moves single ones by more than chance, and their mean hardly.
        slack = 0.1 * np.std(values) / np.sqrt(BATCHES)
        assert abs(np.mean(values) - expected[key].value) < 5 * error + slack, key


@pytest.mark.parametrize("name", PROFILES)
def test_standard_errors_agree_with_the_spread_of_small_fleets(name):
    rng, model = np.random.default_rng(8), forecast(name)
    fleets = [draw(name, rng, np.arange(0, GRID.size, 7)) for _ in range(150)]
    rows = fleets[0].shape[1]
    for values, expected in (
        ([f[0].mean() for f in fleets], model.mean_in("cpu_p95", NODES.weights[0])),
        ([f[1].var() for f in fleets], model.variance_in("mem_p95", NODES.weights[0])),
        ([np.corrcoef(f[0], f[3])[0, 1] for f in fleets], model.correlation_of("cpu_p95", "net_in_p95")),
    ):
        assert 0.8 < np.std(values) * np.sqrt(rows) / expected.deviation < 1.25


@pytest.mark.parametrize("name", PROFILES)
def test_nodes_stand_for_every_cell_exactly(name):
    profile = PROFILES[name]
    truth = load_factor(profile, CALENDAR, SEASONS) * growth_factor(profile, CALENDAR)
    nodes = NODES.load(profile, SEASONS) * (1 + profile.growth / 100 * NODES.months)
    for cell, weights in zip(CELLS, NODES.weights, strict=True):
        inside = cell.covers(DAY, HOUR)
        assert weights.sum() == pytest.approx(inside.sum())
        assert weights @ nodes == pytest.approx(truth[inside].sum(), rel=1e-9)


def test_slots_and_hours_add_up_to_the_grid():
    assert NODES.slot_rows.sum() == GRID.size
    assert np.allclose(NODES.slots.sum(axis=1), NODES.slot_rows.ravel())
    hours = [weights.sum() for cell, weights in zip(CELLS, NODES.weights, strict=True) if cell.hour is not None]
    assert np.allclose(hours, GRID.days)


def test_a_minute_grid_has_the_nodes_of_an_hourly_one():
    grid = TimeGrid(dt.date(2024, 2, 1), dt.date(2024, 4, 30), "1min")
    cells = calendar_cells(grid, SEASONS)
    nodes = time_nodes(grid, SEASONS, cells, 20.0)
    assert len(nodes.months) < 400
    months = np.arange(grid.size) / grid.rows_per_day / 30.4375
    assert nodes.weights[0] @ nodes.months == pytest.approx(months.sum())


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9, 0.99, 1.0])
def test_joint_moments_of_uncensored_normals_are_the_textbook_ones(correlation):
    first, second = Censored(np.array([0.5]), 0.05), Censored(np.array([0.45]), 0.04)
    powers = joint_powers(first, second, correlation, 4)
    assert powers[1, 1] == pytest.approx(0.5 * 0.45 + correlation * 0.05 * 0.04)
    square = (0.5**2 + 0.05**2) * (0.45**2 + 0.04**2)
    mixed = 4 * 0.5 * 0.45 * correlation * 0.05 * 0.04 + 2 * (correlation * 0.05 * 0.04) ** 2
    assert powers[2, 2] == pytest.approx(square + mixed)


def test_censored_moments_of_a_wide_normal_come_from_its_point_masses():
    powers = Censored(np.array([0.5]), 1e6).moments(4)
    assert powers[1:] == pytest.approx(0.5, abs=1e-5)
