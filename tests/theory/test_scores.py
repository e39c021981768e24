"""Scores of ranks: their moments, and their covariance against what is known by other ways."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from dask_synth.theory.scores import LOCATION, SCALE, Score


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5, 0.83, 0.96, 1.0])
def test_covariance_of_ranks_is_spearman_s(correlation: float) -> None:
    """Of two normals' ranks it is 2 / pi asin(r / 2), a third of Spearman's correlation."""
    assert LOCATION.covariance(np.array([correlation]))[0] == pytest.approx(
        2 / np.pi * np.arcsin(correlation / 2), abs=1e-8
    )


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.8])
def test_covariance_of_counts_is_a_quadrant_s_share(share: float, correlation: float) -> None:
    edge, matrix = ndtri(share), [[1, correlation], [correlation, 1]]
    exact = multivariate_normal.cdf([edge, edge], [0, 0], matrix) - share**2
    assert Score.below(share).covariance(np.array([correlation]))[0] == pytest.approx(exact, rel=3e-3)


def test_what_is_left_out_makes_the_covariance_no_smaller() -> None:
    edge = ndtri(0.05)
    exact = multivariate_normal.cdf([edge, edge], [0, 0], [[1, 0.96], [0.96, 1]]) - 0.05**2
    assert exact <= Score.below(0.05).covariance(np.array([0.96]))[0] <= 1.1 * exact


def test_moments_of_the_scores() -> None:
    rank = (np.arange(1_000_000) + 0.5) / 1_000_000
    for score, value in ((LOCATION, 2 * rank - 1), (SCALE, 6 * rank**2 - 6 * rank + 1)):
        assert score.variance == pytest.approx(np.mean(value**2), abs=1e-9)
        assert score.skewness == pytest.approx(np.mean(value**3) / np.mean(value**2) ** 1.5, abs=1e-6)
