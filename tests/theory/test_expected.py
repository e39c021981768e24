"""What values are on average, against sums over a fine grid of the noise."""

import numpy as np
import pytest

from dask_synth.theory.expected import LEVELS, expected_table, expected_values
from dask_synth.theory.ranks import Noise, shape

NOISES = {
    "lopsided, in proportion": Noise(0.8, 0.0, 1.3, 100.0, 0.01, 4.5),
    "lopsided, its floor below 0": Noise(1.4, 0.0, 0.9, 100.0, 0.0, 1.0),
    "even, in proportion": Noise(0.95, 0.0, 0.0, 100.0, 0.02, 2.0),
    "lopsided, constant": Noise(0.0, 30.0, 0.8, 1000.0, 0.05, 1.5),
    "even, constant": Noise(0.0, 12.0, 0.0, 600.0, 0.1, 0.5),
}
MEANS = np.array([0.5, 5.0, 30.0, 80.0, 99.0, 140.0])


def summed(noise: Noise, mean: float) -> float:
    """Return E[y] by the midpoint rule over the normal's own probabilities."""
    z = np.linspace(-9, 9, 400_001)
    weight = np.exp(-(z**2) / 2)
    value = mean + (noise.relative * mean + noise.constant) * shape(z, noise.skew)
    clipped = [np.clip(value * factor, 0, noise.high) @ weight / weight.sum() for factor in (1.0, noise.factor)]
    return float((1 - noise.chance) * clipped[0] + noise.chance * clipped[1])


@pytest.mark.parametrize("name", NOISES)
def test_an_average_is_the_sum_over_the_noise(name: str) -> None:
    noise = NOISES[name]
    found = expected_values([noise], MEANS[None])[0]
    np.testing.assert_allclose(found, [summed(noise, mean) for mean in MEANS], rtol=2e-5)


def test_columns_are_worked_out_together_as_alone() -> None:
    together = expected_values(list(NOISES.values()), np.tile(MEANS, (len(NOISES), 1)))
    alone = [expected_values([noise], MEANS[None])[0] for noise in NOISES.values()]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_a_table_is_close_to_the_closed_form_and_holds_one_mean_too() -> None:
    noises = list(NOISES.values())
    least, most = np.full(len(noises), 2.0), np.array([120.0, 120.0, 120.0, 2.0, 900.0])
    table = expected_table(noises, least, most)
    exact = expected_values(noises, np.linspace(least, most, LEVELS, axis=1))
    high = np.array([[noise.high] for noise in noises])
    error = np.abs((table - exact) / high).max(axis=1)
    assert error[:-1].max() < 0.003
    assert error[-1] < 0.01  # whose means run through 75 deviations, over both bounds
    assert np.ptp(table[3]) == 0
