"""Moments of clipped normals, alone and in pairs, against draws, textbooks and each other."""

from __future__ import annotations

import numpy as np
import pytest

from dask_synth.theory.censored import Censored, about, censored_moments, joint_about, joint_moments

ALLOWED = 4.5


def at(value: float) -> np.ndarray:
    return np.array([value])


@pytest.mark.parametrize("centre", [0.0, 40.0, 100.0])
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
def test_moments_of_a_clipped_normal_agree_with_a_simulation(
    mean: float, sd: float, high: float, centre: float
) -> None:
    z = np.random.default_rng(1).standard_normal(500_000)
    draws = np.clip(mean + sd * z, 0, high) - centre
    found = censored_moments(at(mean), sd, high, at(centre), 6)[:, 0]
    for k in range(7):
        error = (draws**k).std() / np.sqrt(len(draws))
        assert abs((draws**k).mean() - found[k]) <= ALLOWED * error + 1e-9 * high**k, k


@pytest.mark.parametrize("sd", [0.01, 0.03])
def test_rounding_is_in_the_moments_down_to_its_own_step(sd: float) -> None:
    z = np.random.default_rng(3).standard_normal(500_000)
    draws = np.round(50 + sd * z, 2) - 50
    found = censored_moments(at(50.0), sd, 100.0, at(50.0), 6)[:, 0]
    for k in (2, 4, 6):
        assert (draws**k).mean() == pytest.approx(found[k], rel=0.03)
    assert found[2] > 1.005 * sd**2 or sd > 0.02


@pytest.mark.parametrize("sd", [0.012, 0.05])
@pytest.mark.parametrize("mean", [0.0, 0.01, 99.99, 100.0])
def test_rounding_next_to_a_bound_is_in_the_moments(mean: float, sd: float) -> None:
    z = np.random.default_rng(4).standard_normal(4_000_000)
    draws = np.round(np.clip(mean + sd * z, 0, 100), 2) - round(mean)
    found = censored_moments(at(mean), sd, 100.0, at(float(round(mean))), 3)[:, 0]
    for k in (1, 2):
        error = (draws**k).std() / np.sqrt(draws.size)
        assert abs((draws**k).mean() - found[k]) < ALLOWED * error + 0.002 * abs(found[k]), k


def test_nothing_cancels_where_the_deviation_is_small_beside_the_mean() -> None:
    found = censored_moments(at(900.0), 0.02, 1000.0, at(900.0), 6, step=0.0)[:, 0]
    assert found[[2, 4, 6]] == pytest.approx([0.02**2, 3 * 0.02**4, 15 * 0.02**6], rel=1e-9)


def test_moments_that_are_known_by_hand() -> None:
    half = censored_moments(at(0.0), 1.0, 1e9, at(0.0), 1, step=0.0)
    assert half[1, 0] == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-12)
    gone = censored_moments(np.array([1e6, -1e6]), 2.0, 100.0, np.zeros(2), 2)
    assert gone[1].tolist() == pytest.approx([100.0, 0.0])
    wide = Censored(at(0.5), 1e6, 1.0).moments(at(0.0), 4)
    assert wide[1:] == pytest.approx(0.5, abs=1e-5)


def test_a_centre_can_be_moved() -> None:
    moments = censored_moments(at(60.0), 9.0, 100.0, at(55.0), 6)
    assert about(moments, 55.0 - 20.0, 6) == pytest.approx(censored_moments(at(60.0), 9.0, 100.0, at(20.0), 6)[6])


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9, 0.99, 1.0])
def test_joint_moments_of_uncensored_normals_are_the_textbook_ones(correlation: float) -> None:
    sides = Censored(at(50.0), 5.0, 100.0), Censored(at(450.0), 40.0, 1000.0)
    joint = joint_moments(sides, (at(50.0), at(450.0)), correlation, 4)
    assert joint[1, 1] == pytest.approx(correlation * 200, abs=1e-6)
    assert joint[2, 2] == pytest.approx((1 + 2 * correlation**2) * 200**2)
    alone = [side.moments(side.mean, 4) for side in sides]
    every = {**joint, **{(k, 0): alone[0][k] for k in range(5)}, **{(0, k): alone[1][k] for k in range(5)}}
    assert joint_about(every, (50.0, 450.0), 1, 1) == pytest.approx(50 * 450 + correlation * 200)


def test_joint_moments_of_clipped_normals_agree_with_a_simulation() -> None:
    z = np.random.default_rng(5).standard_normal((2, 2_000_000))
    sides = Censored(at(85.0), 20.0, 100.0), Censored(at(20.0), 25.0, 100.0)
    joint = joint_moments(sides, (at(85.0), at(20.0)), -0.6, 4)
    first = np.clip(85 + 20 * z[0], 0, 100) - 85
    second = np.clip(20 + 25 * (-0.6 * z[0] + 0.8 * z[1]), 0, 100) - 20
    for (a, b), found in joint.items():
        draws = first**a * second**b
        assert abs(draws.mean() - found[0]) < ALLOWED * draws.std() / np.sqrt(draws.size), (a, b)
