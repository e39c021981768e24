from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from dask_synth.model.archetypes import PROFILES, ArchetypeProfile
from dask_synth.model.calendar import GRANULARITIES
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.correlation import Correlation, correlation_matrix
from dask_synth.model.life import Memory
from dask_synth.model.memory import (
    Filter,
    autocorrelation,
    decays,
    innovation_correlation,
    innovation_factor,
    noise_correlation,
    stationary,
)
from dask_synth.model.numbers import numbers_type

STEPS = {name: minutes / 60 for name, minutes in GRANULARITIES.items()}
HOURLY = Memory((5, 120), {"cpu": (0.44, 0.47), "mem": (0.42, 0.38), "disk": (0.38, 0.06), "net": (0.58, 0.20)})
BATCH = replace(HOURLY, shares={**HOURLY.shares, "cpu": (0.20, 0.78)})
DAILY = Memory((36, 360), {"cpu": (0.72, 0.22), "mem": (0.62, 0.25), "disk": (0.60, 0.15), "net": (0.60, 0.18)})
ODD = Memory((0.5, 24), {"cpu": (0.4, 0.6), "mem": (0.0, 0.7), "disk": (1.0, 0.0), "net": (0.0, 0.0)})
MEMORIES = {"hourly": HOURLY, "batch": BATCH, "daily": DAILY, "odd": ODD}
REAL = Correlation(0.70, 0.65, 0.45, 0.35, 0.45, 0.35)
LAGS = np.array([0, 1, 2, 3, 5, 12, 24, 168, 1000, 20_000])


def remembering(memory: Memory | None, correlation: Correlation = REAL) -> ArchetypeProfile:
    return replace(PROFILES["web"], memory=memory, correlation=correlation)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
@pytest.mark.parametrize("metric", BUILT_IN.latent)
def test_a_filter_has_the_autocorrelation_of_its_profile(memory: Memory, metric: str, step: float) -> None:
    made = Filter.of(memory, metric, step)
    shares, hours = memory.shares[metric], memory.hours
    expected = shares[0] * np.exp(-LAGS * step / hours[0]) + shares[1] * np.exp(-LAGS * step / hours[1])
    expected[0] = 1.0
    np.testing.assert_allclose(made.overlap(made, LAGS), expected, rtol=0, atol=2e-8)
    # Against the decays as they are rounded, which is the law: what is left is the rounding of the weights.
    np.testing.assert_allclose(
        made.overlap(made, LAGS), autocorrelation(memory, metric, LAGS, step), rtol=0, atol=3e-10
    )


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_weights_are_those_of_a_recursion_that_can_be_run(step: float) -> None:
    # The response to one innovation, by SciPy's filter, and its overlaps with itself: the autocovariance once more.
    made = Filter.of(HOURLY, "cpu", step)
    length = int(4000 / step) + 2000
    pulse = np.zeros(length)
    pulse[0] = 1.0
    response = made.now * pulse
    for weight, decay in zip(made.later, made.decays, strict=True):
        response += weight * lfilter([1.0], [1.0, -decay], pulse)
    lags = LAGS[:8]
    found = [float(response[: length - lag] @ response[lag:]) for lag in lags]
    np.testing.assert_allclose(found, autocorrelation(HOURLY, "cpu", lags, step), atol=1e-8)


def test_the_filter_is_the_one_whose_innovations_can_be_had_back() -> None:
    # Zeros inside the unit circle: of all filters with this autocorrelation the one with the largest first weight.
    made = Filter.of(HOURLY, "cpu", 1.0)
    first, second = made.decays
    numerator = (
        made.now * np.array([1, -first - second, first * second])
        + made.later[0] * np.array([1, -second, 0])
        + made.later[1] * np.array([1, -first, 0])
    )
    assert (np.abs(np.roots(numerator)) < 1).all()
    assert (made.now, *made.later) == tuple(round(number, 12) for number in (made.now, *made.later))


def test_what_lasts_less_than_a_step_is_white() -> None:
    short, long = decays(Memory((1, 120), {}), 24.0)
    assert short == 0.0
    assert long == pytest.approx(np.exp(-0.2), abs=1e-12)
    made = Filter.of(Memory((1, 120), {"cpu": (0.5, 0.3)}), "cpu", 24.0)
    assert made.later[0] == 0.0
    found = made.overlap(made, np.array([0, 1]))
    np.testing.assert_allclose(found, [1.0, 0.3 * np.exp(-0.2)], atol=1e-11)
    assert Filter.of(Memory((1, 1.5), {"cpu": (0.5, 0.3)}), "cpu", 24.0) == Filter()


def test_a_metric_without_shares_and_a_profile_without_memory_are_white() -> None:
    lags = np.array([0, 1, 5])
    assert Filter.of(HOURLY, "gpu", 1.0).now == 1.0
    assert Filter.of(HOURLY, "gpu", 1.0).later == (0.0, 0.0)
    assert Filter.of(None, "cpu", 1.0) == Filter()
    for memory, metric in ((None, "cpu"), (HOURLY, "gpu")):
        np.testing.assert_array_equal(autocorrelation(memory, metric, lags, 1.0), [1, 0, 0])
    np.testing.assert_array_equal(
        autocorrelation(HOURLY, "cpu", np.array([-3, 3]), 1.0)[0], autocorrelation(HOURLY, "cpu", np.array([3]), 1.0)[0]
    )


@given(
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    hours=st.tuples(st.floats(0.1, 100), st.floats(2, 100)),
    step=st.sampled_from(list(STEPS.values())),
)
def test_any_shares_and_times_have_a_filter(
    shares: tuple[float, float], hours: tuple[float, float], step: float
) -> None:
    short, long = shares[0], min(shares[1], 1 - shares[0])
    memory = Memory((hours[0], hours[0] * hours[1]), {"cpu": (short, long)})
    made, lags = Filter.of(memory, "cpu", step), LAGS[:8]
    assert np.isfinite([made.now, *made.later]).all()
    np.testing.assert_allclose(made.overlap(made, lags), autocorrelation(memory, "cpu", lags, step), rtol=0, atol=3e-8)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("memory", [HOURLY, BATCH, DAILY, None], ids=["hourly", "batch", "daily", "none"])
def test_innovations_make_the_noise_as_correlated_as_the_profile_says(memory: Memory | None, step: float) -> None:
    profile = remembering(memory)
    matrix, factor = innovation_correlation(profile, step), innovation_factor(profile, step)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-11)
    assert (np.triu(factor, 1) == 0).all()
    assert (np.diag(factor) > 0).all()
    made = [Filter.of(memory, name, step) for name in BUILT_IN.latent]
    overlap = np.array([[a.overlap(b, np.array([0]))[0] for b in made] for a in made])
    np.testing.assert_allclose(matrix * overlap, correlation_matrix(REAL), atol=1e-9)
    np.testing.assert_allclose(noise_correlation(profile, step), correlation_matrix(REAL), atol=1e-9)
    if memory is not None:
        assert 0.09 < np.linalg.eigvalsh(matrix)[0] < 0.24


def test_two_metrics_at_different_times_are_as_correlated_as_the_law_says() -> None:
    cpu, disk = Filter.of(HOURLY, "cpu", 1.0), Filter.of(HOURLY, "disk", 1.0)
    ahead = innovation_correlation(remembering(HOURLY), 1.0)[0, 2] * cpu.overlap(disk, np.array([6]))[0]
    assert ahead == pytest.approx(0.096, abs=0.001)
    finer = [Filter.of(HOURLY, name, 1 / 60) for name in ("cpu", "disk")]
    ahead = innovation_correlation(remembering(HOURLY), 1 / 60)[0, 2] * finer[0].overlap(finer[1], np.array([360]))[0]
    assert ahead == pytest.approx(0.109, abs=0.001)


def test_shares_too_unlike_for_their_correlation_are_refused() -> None:
    unlike = Memory((5, 120), {"cpu": (0.0, 1.0), "mem": (0.0, 0.0)})
    with pytest.raises(ValueError, match=r"smallest eigenvalue is -\d.*make the metrics' shares more alike, or bring"):
        innovation_correlation(remembering(unlike), 1.0)
    same = Memory((5, 120), {"cpu": (0.3, 0.3), "mem": (0.3, 0.3)})
    with pytest.raises(ValueError, match="smallest eigenvalue is -?0.0000, and it must be above 0"):
        innovation_correlation(remembering(same, replace(REAL, cpu_mem=1.0, cpu_net=0, mem_net=0)), 1.0)


def with_further(**pairs: float) -> Any:
    return numbers_type(Correlation, tuple(pairs))(**vars(REAL), **pairs)


def test_further_metrics_move_nothing_that_stands_before_them() -> None:
    memory = replace(HOURLY, shares={**HOURLY.shares, "iops": (0.2, 0.7), "gpu": (0.6, 0.1)})
    plain = innovation_factor(remembering(memory), 1.0)
    one = innovation_factor(
        remembering(memory, with_further(mem_gpu=-0.3, net_gpu=0.2)), 1.0, (*BUILT_IN.latent, "gpu")
    )
    pairs = with_further(cpu_iops=0.6, mem_gpu=-0.3, net_gpu=0.2)
    both = innovation_factor(remembering(memory, pairs), 1.0, (*BUILT_IN.latent, "iops", "gpu"))
    turned = innovation_factor(remembering(memory, pairs), 1.0, (*BUILT_IN.latent, "gpu", "iops"))
    np.testing.assert_array_equal(both[:4, :4], plain)
    np.testing.assert_array_equal(one[:4, :4], plain)
    # Between the two nothing is named: neither takes of the other's stream.
    assert both[5, 4] == turned[5, 4] == 0.0
    np.testing.assert_array_equal(both[5, [0, 1, 2, 3, 5]], one[4])
    np.testing.assert_array_equal(turned[5, [0, 1, 2, 3, 5]], both[4, :5])
    found = noise_correlation(remembering(memory, pairs), 1.0, (*BUILT_IN.latent, "iops", "gpu"))
    np.testing.assert_allclose([found[0, 4], found[1, 5], found[3, 5]], [0.6, -0.3, 0.2], atol=1e-9)


@pytest.mark.parametrize("memory", [HOURLY, DAILY, ODD], ids=["hourly", "daily", "odd"])
@pytest.mark.parametrize("step", [24.0, 1.0, 1 / 60])
def test_the_first_state_has_the_covariance_that_recursions_come_to(memory: Memory, step: float) -> None:
    short, long = decays(memory, step)
    first, both, rest = stationary((short, long))
    np.testing.assert_allclose(first**2, 1 / (1 - short**2), rtol=1e-12)
    np.testing.assert_allclose(first * both, 1 / (1 - short * long), rtol=1e-12)
    np.testing.assert_allclose(both**2 + rest**2, 1 / (1 - long**2), rtol=1e-9)
