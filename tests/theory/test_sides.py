"""Products of sides of the median, against drawing them."""

import numpy as np
import pytest

from dask_synth.theory.ranks import Noise, shape
from dask_synth.theory.sides import Medians, apart, product, together, typical

DRAWS = 1_000_000
NOISES = {
    "lopsided": (Noise(0.8, 0.0, 1.3, 1e9, 0.02, 4.5), np.full(3, 3.6)),
    "normal": (Noise(0.3, 0.0, 0.0, 1e9, 0.0, 1.0), np.full(3, 50.0)),
    "constant": (Noise(0.0, 15.0, 0.0, 1e9, 0.03, 1.8), np.linspace(30, 90, 64)),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("one_row", [False, True])
def test_products_come_to_what_is_drawn(name: str, *, one_row: bool) -> None:
    noise, mean = NOISES[name]
    rng, correlation = np.random.default_rng(1), 0.7
    z = rng.standard_normal((2, DRAWS))
    z[1] = correlation * z[0] + np.sqrt(1 - correlation**2) * z[1]
    spikes = rng.random((2, DRAWS)) < noise.chance
    spikes[1] = spikes[0] if one_row else spikes[1]
    at = np.tile(mean, DRAWS // len(mean) + 1)[:DRAWS]
    x = at + (noise.relative * at + noise.constant) * np.stack([shape(one, noise.skew) for one in z])
    x[spikes] *= noise.factor
    levels, where = np.unique(at, return_inverse=True)
    side = np.sign(x - np.array([np.median(x[:, at == level]) for level in levels])[where])
    medians = Medians.of([noise], typical(noise, mean)[None])
    expected = (together if one_row else apart)(medians, medians, correlation)[0]
    assert (side[0] * side[1]).mean() == pytest.approx(expected, abs=4 / np.sqrt(DRAWS))


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.3, 0.96])
def test_at_the_middle_it_is_sheppard_s(correlation: float) -> None:
    zero = np.zeros(1)
    assert product(zero, zero, correlation)[0] == pytest.approx(2 / np.pi * np.arcsin(correlation), abs=1e-9)
