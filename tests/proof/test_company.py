"""Errors of what days share, against days that are drawn ten thousand times."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from dask_synth.proof.checks.company import _product_of, _square_of

DRAWS, DAYS = 20_000, 60


def days(decay: float, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    innovations = np.sqrt(1 - decay**2) * np.random.default_rng(seed).standard_normal((DRAWS, DAYS))
    innovations[:, 0] /= np.sqrt(1 - decay**2)
    return np.asarray(lfilter([1], [1, -decay], innovations))


@pytest.mark.parametrize(("one", "two"), [(0.0, 0.0), (0.8, 0.6), (0.9, 0.9)])
def test_products_of_two_archetypes_days(one: float, two: float) -> None:
    mean = (days(one, 1) * days(two, 2)).mean(axis=1)
    error, freedom = _product_of(one ** np.arange(40.0), two ** np.arange(40.0), DAYS)
    assert error == pytest.approx(mean.std(), rel=0.03)
    # The tails are as heavy as a t's with this freedom, or less: beyond them lie no more than shall.
    for level in (1e-2, 1e-3):
        beyond = (np.abs(mean / error) > stats.t.isf(level / 2, freedom)).mean()
        assert 0.2 * level < beyond < level + 4 * np.sqrt(level / DRAWS), level


@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_squares_of_an_archetypes_days(decay: float) -> None:
    square = (days(decay, 3) ** 2).mean(axis=1)
    error, skewness = _square_of(decay ** np.arange(40.0), DAYS)
    assert error == pytest.approx(square.std(), rel=0.05)
    assert skewness == pytest.approx(stats.skew(square), rel=0.15)
