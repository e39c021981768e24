"""Living servers: the law once more, written out; and what must not change a bit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from dask_synth.model.calendar import Seasonality
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.correlation import correlation_matrix
from dask_synth.model.cycles import Loads
from dask_synth.model.individuals import individuals_of
from dask_synth.model.life import Company, Memory
from dask_synth.model.memory import Filter, innovation_factor
from dask_synth.model.metrics import server_metrics
from dask_synth.model.spec import FleetSpec
from tests.living import ALIVE, HOURLY, PLACES, POOLS, SHARES, SKEW, drawn, living_spec

SPIKES, NET_OUT = 1, 3
OWN, POOL = (0, 10, 4), (7, 11, 8)
STILL = Seasonality(weekly=False, business_hours=False, quarter_end=False, holidays=())
EVERYTHING: dict[str, Any] = {**ALIVE, "company": POOLS, "places": PLACES}
WORK = Seasonality(quarter_end=False, holidays=())
ONE_LASTS = Memory((0.006, 12), {"cpu": (0.2, 0.6), "mem": (0.2, 0.7), "disk": (0.1, 0.5), "net": (0.3, 0.6)})
VARIANTS: dict[str, dict[str, Any]] = {
    "everything": EVERYTHING,
    "a further metric": {**EVERYTHING, "further": True, "skew": {**SKEW, "iops": 0.6}},
    "constant noise": {**EVERYTHING, "noise": "constant"},
    "constant noise, no skew": {**EVERYTHING, "noise": "constant", "skew": {}},
    "no skew of cpu": {**EVERYTHING, "skew": {"mem": 0.8, "net": 1.0}},
    "no memory": {**EVERYTHING, "memory": None},
    "memory of one": {**EVERYTHING, "memory": ONE_LASTS},
    "sent as received": {**EVERYTHING, "in_out": 1.0},
    "sent apart": {**EVERYTHING, "in_out": 0.0},
    "no spikes": {**EVERYTHING, "spikes": False},
    "no growth": {**EVERYTHING, "grows": False},
    "falling to nothing": {**EVERYTHING, "noise": "constant", "growth": -12.0},
    "company alone": {"company": POOLS},
    "memory alone": {"memory": HOURLY},
}


def stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def normals(spec: FleetSpec, index: int, purposes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Noise (rows, metrics) and what came before it (2, metrics)."""
    noise, of_metric, start = purposes
    rows = spec.grid.size
    columns, begins = [stream(spec.seed, index, noise).standard_normal((rows, 4))], []
    begins.append(stream(spec.seed, index, start).standard_normal((2, 4)))
    for name in spec.metrics.further:
        letters = int.from_bytes(name.encode())
        columns.append(stream(spec.seed, index, of_metric, letters).standard_normal((rows, 1)))
        begins.append(stream(spec.seed, index, start, letters).standard_normal((2, 1)))
    return np.hstack(columns), np.hstack(begins)


def noise_of(spec: FleetSpec, server: int, pool: int) -> np.ndarray:
    """The law of memory and company, by SciPy's filter: (metrics, rows)."""
    profile, step = spec.archetypes["web"], 24 / spec.grid.rows_per_day
    white, start = normals(spec, server, OWN)
    if pool >= 0:
        alike = spec.fleet.company.alike if spec.fleet.company else 0.0
        shared = normals(spec, pool, POOL)
        white = math.sqrt(alike) * shared[0] + math.sqrt(1 - alike) * white
        start = math.sqrt(alike) * shared[1] + math.sqrt(1 - alike) * start
    factor = innovation_factor(profile, step, spec.metrics.latent)
    e, (u1, u2) = factor @ white.T, start @ factor.T
    found = np.empty_like(e)
    for m, name in enumerate(spec.metrics.latent):
        made = Filter.of(profile.memory, name, step)
        found[m] = made.now * e[m]
        (l1, l2), before = made.decays, [0.0, 0.0]
        b11, b12, b22 = 1 / (1 - l1 * l1), 1 / (1 - l1 * l2), 1 / (1 - l2 * l2)
        before[0] = math.sqrt(b11) * u1[m]
        before[1] = b12 / math.sqrt(b11) * u1[m] + math.sqrt(max(b22 - b12**2 / b11, 0)) * u2[m]
        for weight, decay, y in zip(made.later, made.decays, before, strict=True):
            found[m] += weight * lfilter([1.0], [1.0, -decay], e[m], zi=[decay * y])[0]
    return np.asarray(found)


def expected(spec: FleetSpec, server: int) -> dict[str, np.ndarray]:
    """The law of one server's values."""
    profile, table = spec.archetypes["web"], spec.metrics
    person = individuals_of(spec, "web", server, server + 1)
    load = Loads.of(spec, "web").of_server(int(person.region[0]), person.strength[0], int(person.shift[0]))
    growth = np.maximum(0, 1 + person.rate[0] / 100 * spec.calendar().months) if spec.growth else np.ones(len(load))
    z = dict(zip(table.latent, noise_of(spec, server, int(person.pool[0])), strict=True))
    spike = stream(spec.seed, server, SPIKES).random(len(load)) < (profile.spike_probability if spec.spikes else 0)
    apart = stream(spec.seed, server, NET_OUT).standard_normal(len(load))
    found = {}
    for column in table.columns:
        metric = table.metric_of(column.name)
        name, base, sd = metric.name, getattr(profile.base, metric.name), getattr(profile.sd, metric.name)
        level, a = person.level[name][0], profile.skew.get(metric.name, 0.0)
        mu = base * level * (load if metric.load else 1) * (growth if metric.growth else 1)
        noise = z[name]
        if column.name == "net_out_p95":
            noise = profile.in_out * noise + math.sqrt(1 - profile.in_out**2) * apart
        c = math.sqrt(math.exp(a * a) - 1)
        shaped = (np.exp(a * noise - a * a / 2) - 1) / c if a else noise
        if profile.noise == "proportional":
            cv = sd / base * person.noise[0]
            s = mu * (min(cv, 0.95 * c) if a else cv)
        else:
            s = sd * level * person.noise[0]
        x = (mu + s * shaped) * np.where(spike, table.spike_factor(name, profile.spike_magnitude), 1.0)
        found[column.name] = np.round(np.clip(column.scale * x, 0, column.high), 2)
    return found


@pytest.mark.parametrize("granularity", ["daily", "hourly", "5min"])
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_every_value_is_that_of_the_law_written_out(changes: dict[str, Any], granularity: str) -> None:
    spec = living_spec(granularity, {"daily": 900, "hourly": 400, "5min": 30}[granularity], servers=6, **changes)
    found = drawn(spec)
    for server in range(6):
        for name, values in expected(spec, server).items():
            # The exponential's error may carry a value over a rounding's edge; a value of thousands by more.
            np.testing.assert_allclose(found[name][server], values, rtol=2e-5, atol=0.0101, err_msg=name)
            assert np.mean(np.abs(found[name][server] - values) > 0.005) < 2e-3, name


@pytest.mark.parametrize(
    "changes", [{"company": Company(8, 0.0, 0.5)}, {"memory": Memory((1, 9), {})}, {"cycle": "flat"}]
)
def test_a_switch_that_says_nothing_draws_what_was_always_drawn(changes: dict[str, Any]) -> None:
    seasonality = STILL if "cycle" in changes else None
    spec = living_spec("hourly", 60, servers=3, seasonality=seasonality, **changes)
    assert spec.living("web")
    found, plain = drawn(spec), np.empty((5, spec.grid.size))
    for server in range(3):
        server_metrics(spec.baseline("web"), spec.seed, server, dict(zip(BUILT_IN.names, plain, strict=True)))
        for name, values in zip(BUILT_IN.names, plain, strict=True):
            np.testing.assert_allclose(found[name][server], values, atol=0.0101)
            assert np.mean(found[name][server] != values) < 1e-3


@given(data=st.data())
@settings(max_examples=30)
def test_no_cut_of_servers_or_time_changes_a_bit(data: st.DataObject) -> None:
    draw = data.draw
    switches = {name: value for name, value in ALIVE.items() if draw(st.booleans(), label=name)}
    company = draw(st.sampled_from([None, POOLS, Company(3, 1.0, 0.5)]))
    granularity, days = draw(st.sampled_from([("hourly", 500), ("5min", 60), ("daily", 40)]))
    common: dict[str, Any] = {"company": company, "further": draw(st.booleans(), label="further"), **switches}
    spec = living_spec(granularity, days, servers=5, **common)
    if not spec.living("web"):
        return
    whole = drawn(spec)
    start = draw(st.integers(0, 4))
    servers = range(start, draw(st.integers(start + 1, 5)))
    first = draw(st.integers(0, spec.grid.size - 1))
    stop = draw(st.integers(first + 1, spec.grid.size))
    part = drawn(spec, servers, first, stop)
    shorter = drawn(living_spec(granularity, max(1, days // 3), servers=5, **common), servers)
    for name, values in whole.items():
        assert part[name].tobytes() == values[servers.start : servers.stop, first:stop].tobytes(), name
        rows = shorter[name].shape[1]
        assert shorter[name].tobytes() == values[servers.start : servers.stop, :rows].tobytes(), name


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    return {name for name in before if before[name].tobytes() != after[name].tobytes()}


def test_each_switch_leaves_the_streams_of_the_others_alone() -> None:
    traffic, sent = {"net_in_p95", "net_out_p95"}, {"net_out_p95"}
    found = drawn(living_spec(**EVERYTHING))
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"in_out": 0.5}, sent),
        ({"in_out": 1.0}, sent),
        ({"skew": {**SKEW, "mem": 0.3}}, {"mem_p95"}),
        ({"skew": {"cpu": 1.3, "mem": 0.8, "disk": 1.4}}, traffic),
        ({"level_spread": {**ALIVE["level_spread"], "net": 0.0}}, traffic),
        ({"growth_spread": 0.1}, {"cpu_p95", "mem_p95", "disk_p95"}),
        ({"strength": 0.3}, set(BUILT_IN.names) - {"disk_p95"}),
        ({"spikes": False}, set(BUILT_IN.names) - {"disk_p95"}),
    ]
    for changes, touched in cases:
        assert changed(found, drawn(living_spec(**{**EVERYTHING, **changes}))) == touched, changes


def test_company_leaves_servers_on_their_own_as_they_were() -> None:
    pools = living_spec(**EVERYTHING)
    alone = np.flatnonzero(pools.fleet.pools(42, 0, 12) < 0)
    assert 0 < len(alone) < 12
    with_pools, without = drawn(pools), drawn(living_spec(**{**EVERYTHING, "company": None}))
    for name, values in without.items():
        same = (with_pools[name] == values).all(axis=1)
        np.testing.assert_array_equal(np.flatnonzero(same), alone)


def test_a_further_metric_changes_nothing_of_the_others() -> None:
    found = drawn(living_spec(**EVERYTHING, further=True))
    assert changed(drawn(living_spec(**EVERYTHING)), found) == set()
    assert np.std(found["iops_p95"]) > 100


MIDDLE: dict[str, Any] = {
    "base": replace(living_spec().archetypes["web"].base, cpu=50, mem=50, disk=50, net=500),
    "sd": replace(living_spec().archetypes["web"].sd, cpu=5, mem=5, disk=5, net=50),
    "seasonality": STILL,
    "grows": False,
    "spikes": False,
    "memory": HOURLY,
}
"""Noise in the middle of a wide range, where it shows as it is: nothing is clipped."""


def shown(found: dict[str, np.ndarray]) -> np.ndarray:
    """Noise with mean 0 and variance 1, (columns, servers, rows)."""
    mean, sd = np.array([50, 50, 50, 500, 300]), np.array([5, 5, 5, 50, 30])
    return np.asarray((np.array(list(found.values())) - mean[:, None, None]) / sd[:, None, None])


@pytest.mark.parametrize("granularity", ["hourly", "1min"])
def test_the_first_rows_are_as_any_others(granularity: str) -> None:
    spec = living_spec(granularity, 1, servers=1600, **MIDDLE)
    z = shown(drawn(spec, stop=24))
    error = 4.5 / np.sqrt(1600)
    expected_matrix = correlation_matrix(spec.archetypes["web"].correlation)
    for row in (0, 1, 23):
        np.testing.assert_allclose(np.corrcoef(z[:4, :, row]), expected_matrix, atol=error)
        np.testing.assert_allclose(z[:, :, row].var(axis=1), 1.0, atol=error * 1.5)
    step = 24 / spec.grid.rows_per_day
    for m, (w1, w2) in enumerate(SHARES.values()):
        together = np.mean(z[m, :, 0] * z[m, :, 23])
        lag = 23 * step
        assert together == pytest.approx(w1 * np.exp(-lag / 5) + w2 * np.exp(-lag / 120), abs=error * 1.4)


def test_members_of_a_pool_are_as_alike_as_they_are_said_to_be_and_no_others() -> None:
    spec = living_spec("hourly", 2, servers=2400, company=Company(2, 0.5, 0.8), in_out=0.6, **MIDDLE)
    z = shown(drawn(spec))
    pools = spec.fleet.pools(42, 0, 2400)[::2]
    first, second = z[:, ::2, :], z[:, 1::2, :]
    pooled, error = pools >= 0, 4.5 / np.sqrt(550)
    at_once = np.mean(first[:, pooled] * second[:, pooled], axis=1)[:, 30]
    np.testing.assert_allclose(at_once, [0.8, 0.8, 0.8, 0.8, 0.8 * 0.36], atol=error)
    later = np.mean(first[:, pooled, 30] * second[:, pooled, 42], axis=1)
    rho = np.array([a * np.exp(-12 / 5) + b * np.exp(-12 / 120) for a, b in SHARES.values()])
    np.testing.assert_allclose(later[:4], 0.8 * rho, atol=error)
    apart = np.mean(first[:, ~pooled] * second[:, ~pooled], axis=1)[:, 30]
    np.testing.assert_allclose(apart, 0.0, atol=error)
    own = np.corrcoef(z[3, :, 40], z[4, :, 40])[0, 1]
    assert own == pytest.approx(0.6, abs=4.5 * 0.64 / np.sqrt(2400))


def test_proportional_noise_goes_with_the_mean_and_constant_noise_does_not() -> None:
    numbers: dict[str, Any] = {**MIDDLE, "memory": None, "skew": {"cpu": 0.5}, "level_spread": {"cpu": 0.3}}
    for noise, slope in (("proportional", 1.0), ("constant", 0.0)):
        spec = living_spec("hourly", 600, servers=1, **{**numbers, "seasonality": WORK, "noise": noise})
        cpu = drawn(spec)["cpu_p95"][0].reshape(600, 24)
        weekday = spec.calendar().columns["is_weekend"].reshape(600, 24)[:, 0] == 0
        day, night = cpu[weekday, 9:18], cpu[weekday, :9]
        assert np.log(day.std() / night.std()) / np.log(1.3) == pytest.approx(slope, abs=0.25)


@pytest.mark.parametrize("granularity", ["hourly", "daily"])
def test_skewed_noise_never_comes_down_to_zero_however_noisy_a_server(granularity: str) -> None:
    spec = living_spec(granularity, 400, servers=8, **{**EVERYTHING, "noise_spread": 2.0, "growth_spread": 0.0})
    found = drawn(spec)
    assert found["mem_p95"].min() > 0
    assert found["disk_p95"].min() > 0


def test_a_mean_of_zero_has_no_proportional_noise() -> None:
    base = replace(living_spec().archetypes["web"].base, disk=0.0)
    for skew in (SKEW, {}):
        found = drawn(living_spec(**{**EVERYTHING, "base": base, "skew": skew}))
        assert (found["disk_p95"] == 0).all()
        assert np.isfinite(found["cpu_p95"]).all()
