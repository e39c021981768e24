from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from dask_synth.model.shape import affine, capped, exponential

SKEWS = (1e-5, 0.01, 0.3, 0.5, 0.8, 1.0, 1.3, 1.6)


def exp(x: np.ndarray) -> np.ndarray:
    out = np.full(x.shape, np.nan)
    exponential(x.copy() / 2, 2.0, out)
    return out


def test_the_exponential_is_as_near_as_it_says() -> None:
    x = np.random.default_rng(1).standard_normal(200_000) * 1.3
    error = exp(x) / np.exp(x) - 1
    assert np.sqrt(np.mean(error**2)) == pytest.approx(6e-8, rel=0.35)
    assert np.abs(exp(x).mean() / np.exp(x).mean() - 1) < 3e-7
    assert exp(np.array([0.0]))[0] == 1.0
    assert exp(np.array([6.8]))[0] / math.exp(6.8) - 1 == pytest.approx(-7e-6, rel=0.1)


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=50))
def test_the_exponential_is_above_zero_and_rises(numbers: list[float]) -> None:
    x = np.sort(np.array(numbers))
    found = exp(x)
    assert (found > 0).all()
    assert (np.diff(found) >= -1e-12 * found[1:]).all()


def g(skew: float, z: np.ndarray) -> np.ndarray:
    factor, summand = affine(skew)
    return factor * exp(skew * z) + summand


@pytest.mark.parametrize("skew", SKEWS)
def test_noise_has_mean_0_variance_1_and_the_skewness_of_its_name(skew: float) -> None:
    def moment(power: int) -> float:
        def weighted(z: float) -> float:
            return float(g(skew, np.array([z]))[0] ** power * stats.norm.pdf(z))

        return float(integrate.quad(weighted, -10, 12, limit=400)[0])

    assert moment(1) == pytest.approx(0, abs=2e-6)
    assert moment(2) == pytest.approx(1, rel=2e-5)
    w = math.exp(skew * skew)
    # What a log-normal has; its tail beyond 12 deviations is not integrated.
    assert moment(3) == pytest.approx((w + 2) * math.sqrt(w - 1), rel=2e-3, abs=1e-6)


def test_the_named_skews_have_the_skewness_that_the_documentation_says() -> None:
    found = {skew: (math.exp(skew**2) + 2) * math.sqrt(math.expm1(skew**2)) for skew in (0.5, 1.0)}
    assert found == {0.5: pytest.approx(1.8, abs=0.06), 1.0: pytest.approx(6.2, abs=0.05)}


def test_no_skew_is_the_normal_itself() -> None:
    assert affine(0.0) == (1.0, 0.0)
    assert affine(9e-7) == (1.0, 0.0)
    z = np.linspace(-4, 4, 9)
    np.testing.assert_allclose(g(1e-5, z), z, atol=1e-4)


@pytest.mark.parametrize("skew", SKEWS)
def test_the_floor_of_capped_noise_stays_above_zero(skew: float) -> None:
    lowest = g(skew, np.array([-40.0]))[0]
    c = math.sqrt(math.expm1(skew**2))
    assert lowest >= -1 / c - 1e-9
    assert capped(50.0, skew) == pytest.approx(0.95 * c, rel=1e-6)
    assert 1 - capped(50.0, skew) / c == pytest.approx(0.05, abs=1e-6)
    assert capped(0.1 * c, skew) == 0.1 * c
    assert capped(50.0, 0.0) == 50.0
