from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dask_synth.model.archetypes import PROFILES, Correlation, cholesky_factor, correlation_matrix
from tests import reference


def test_the_built_in_profiles_stand_in_the_order_of_a_fleets_blocks() -> None:
    assert list(PROFILES) == ["web", "application", "database", "batch"]


@pytest.mark.parametrize("name", reference.TABLE)
def test_a_profile_holds_the_numbers_of_the_designs_table(name: str) -> None:
    profile, expected = PROFILES[name], reference.TABLE[name]
    assert astuple(profile.base) == expected.base
    assert astuple(profile.sd) == expected.sd
    assert astuple(profile.correlation) == (*expected.correlation, 0.1, 0.2, 0.3)
    assert (profile.business_hours, profile.weekend) == (expected.business_hours, expected.weekend)
    assert (profile.spike_probability, profile.spike_magnitude) == (
        expected.spike_probability,
        expected.spike_magnitude,
    )
    assert profile.growth == expected.growth


def test_the_correlation_matrix_puts_each_pair_in_its_place() -> None:
    matrix = correlation_matrix(Correlation(0.12, 0.14, 0.23, 0.13, 0.24, 0.34))
    expected = [[1, 0.12, 0.13, 0.14], [0.12, 1, 0.23, 0.24], [0.13, 0.23, 1, 0.34], [0.14, 0.24, 0.34, 1]]
    np.testing.assert_array_equal(matrix, expected)


def test_the_factor_of_web_has_the_rows_that_the_design_gives() -> None:
    expected = [[1.0, 0, 0, 0], [0.5, 0.8660, 0, 0], [0.1, 0.1732, 0.9798, 0], [0.8, -0.2309, 0.2654, 0.4861]]
    np.testing.assert_allclose(cholesky_factor(PROFILES["web"].correlation), expected, atol=0.00005)


@pytest.mark.parametrize("name", reference.TABLE)
def test_a_factor_equals_the_hand_written_algorithm_to_12_decimals(name: str) -> None:
    factor = cholesky_factor(PROFILES[name].correlation)
    np.testing.assert_allclose(factor, reference.cholesky(reference.matrix(reference.TABLE[name])), atol=2e-12)
    np.testing.assert_array_equal(factor, np.round(factor, 12))


coefficients = st.floats(-0.99, 0.99)


@given(st.builds(Correlation, *[coefficients] * 6))
def test_a_factor_times_its_transpose_is_the_matrix_or_it_is_refused(correlation: Correlation) -> None:
    matrix = correlation_matrix(correlation)
    smallest = np.linalg.eigvalsh(matrix)[0]
    assume(abs(smallest) > 1e-6)
    if smallest > 0:
        factor = cholesky_factor(correlation)
        np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-11)
        np.testing.assert_array_equal(factor, np.tril(factor))
    else:
        with pytest.raises(ValueError, match=f"smallest eigenvalue is {smallest:.4f}"):
            cholesky_factor(correlation)


@pytest.mark.parametrize("correlation", [Correlation(1.0, 0, 0, 0, 0, 0), Correlation(0.9, -0.9, 0.9, 0.9, 0.9, 0.9)])
def test_a_matrix_on_or_beyond_the_edge_is_refused(correlation: Correlation) -> None:
    with pytest.raises(ValueError, match="not positive definite"):
        cholesky_factor(correlation)
