"""The matrix and the factor of further metrics: what is named holds, the rest follows, nothing before them moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model.archetypes import PROFILES
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.correlation import Correlation, cholesky_factor, correlation_matrix
from dask_synth.model.numbers import numbers_type

LATENT = (*BUILT_IN.latent, "iops", "gpu")


def correlation(archetype: str = "web", **named: float) -> Correlation:
    known = PROFILES[archetype].correlation
    found: Correlation = numbers_type(Correlation, tuple(named))(**vars(known), **named)
    return found


@pytest.mark.parametrize("archetype", PROFILES)
def test_the_rows_of_the_built_in_metrics_stay_as_they_are_to_the_bit(archetype: str) -> None:
    alone = cholesky_factor(PROFILES[archetype].correlation)
    factor = cholesky_factor(correlation(archetype, cpu_iops=0.3, net_gpu=0.2, iops_gpu=-0.1), LATENT)
    np.testing.assert_array_equal(factor[:4, :4], alone)
    np.testing.assert_array_equal(factor, np.tril(factor))


def test_what_is_not_named_follows_from_what_is() -> None:
    matrix = correlation_matrix(correlation(cpu_iops=0.6), LATENT)
    np.testing.assert_allclose(matrix[4], [0.6, 0.6 * 0.5, 0.6 * 0.1, 0.6 * 0.8, 1, 0], atol=1e-15)
    np.testing.assert_array_equal(matrix[5], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(cholesky_factor(correlation(cpu_iops=0.6), LATENT)[4], [0.6, 0, 0, 0, 0.8, 0])


def test_a_pair_that_is_named_0_has_none() -> None:
    matrix = correlation_matrix(correlation(cpu_iops=0.4, net_iops=0.0), LATENT)
    assert (matrix[4, 0], matrix[4, 3]) == (0.4, 0.0)


def test_a_pair_may_be_named_in_either_order() -> None:
    one, other = correlation(cpu_iops=0.3, iops_gpu=0.2), correlation(iops_cpu=0.3, gpu_iops=0.2)
    np.testing.assert_array_equal(correlation_matrix(one, LATENT), correlation_matrix(other, LATENT))


def test_a_metric_is_the_same_wherever_it_stands_unless_it_is_named_with_those_before() -> None:
    named = correlation(cpu_iops=0.6, mem_gpu=0.5, disk_gpu=0.1)
    there = cholesky_factor(named, LATENT)
    swapped = cholesky_factor(named, (*BUILT_IN.latent, "gpu", "iops"))
    np.testing.assert_array_equal(swapped[[0, 1, 2, 3, 5, 4]][:, [0, 1, 2, 3, 5, 4]], there)
    alone = cholesky_factor(named, (*BUILT_IN.latent, "gpu"))
    np.testing.assert_array_equal(alone[4], there[5][[0, 1, 2, 3, 5]])


pairs = [f"{a}_{b}" for a in (*BUILT_IN.latent, "iops") for b in ("iops", "gpu") if a != b]


@given(st.sampled_from(list(PROFILES)), st.dictionaries(st.sampled_from(pairs), st.floats(-0.99, 0.99)))
def test_any_factor_gives_the_matrix_with_what_is_named_or_it_is_refused(
    archetype: str, named: dict[str, float]
) -> None:
    given = correlation(archetype, **named)
    try:
        factor = cholesky_factor(given, LATENT)
    except ValueError as error:
        assert "not positive definite" in str(error)
        assert len(named) > 1
        return
    matrix = correlation_matrix(given, LATENT)
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-9)
    for pair, value in named.items():
        a, b = (LATENT.index(name) for name in pair.split("_"))
        assert matrix[a, b] == matrix[b, a] == value


def test_pairs_that_cannot_be_together_are_refused_with_their_names() -> None:
    with pytest.raises(ValueError, match=r"with cpu_iops 0\.9, net_iops -0\.9 is not positive definite"):
        cholesky_factor(correlation(cpu_iops=0.9, net_iops=-0.9), LATENT)
