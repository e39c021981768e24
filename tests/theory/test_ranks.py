"""Ranks are uniform: whatever the shape, the bounds, the rounding and the spikes."""

import numpy as np
import numpy.typing as npt
import pytest

from dask_synth.theory.ranks import Noise, evenly, shape
from dask_synth.theory.scores import TOP

Floats = npt.NDArray[np.float64]

ROWS = 400_000
NOISES = {
    "busy": (Noise(0.8, 0.0, 1.3, 100.0, 0.002, 4.5), 3.6),
    "as fine as a hundredth": (Noise(0.06, 0.0, 1.3, 100.0, 0.002, 4.5), 0.3),
    "often full": (Noise(0.5, 0.0, 0.4, 100.0, 0.05, 2.0), 90.0),
    "often idle": (Noise(0.0, 15.0, 0.0, 100.0, 0.03, 1.8), 5.0),
    "nothing but noise": (Noise(0.0, 15.0, 0.0, 100.0, 0.0, 1.0), 0.0),
    "nothing at all": (Noise(0.5, 0.0, 0.0, 100.0, 0.0, 1.0), 0.0),
}


def drawing(server: int, column: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return list(evenly(server, 5, rows))[column]


def drawn(
    noise: Noise, mean: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(7)
    x = mean + (noise.relative * mean + noise.constant) * shape(rng.standard_normal(len(mean)), noise.skew)
    x[rng.random(len(mean)) < noise.chance] *= noise.factor
    return np.asarray(np.round(np.clip(x, 0.0, noise.high), 2))


@pytest.mark.parametrize("name", NOISES)
def test_ranks_are_uniform(name: str) -> None:
    noise, level = NOISES[name]
    rows = np.arange(ROWS)
    mean = level * (1 + 0.3 * np.sin(rows / 5))
    rank = noise.ranks(drawn(noise, mean), mean, drawing(3, 1, rows))[0].astype(float)
    assert set(np.unique(rank % 2)) == {1.0}
    assert np.abs(rank).max() < TOP
    assert rank.mean() / TOP == pytest.approx(0.0, abs=4.5 * np.sqrt(1 / 3 / ROWS))
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = (rank < TOP * (2 * share - 1)).mean()
        assert below == pytest.approx(share, abs=4.5 * np.sqrt(share * (1 - share) / ROWS)), share


@pytest.mark.parametrize(("off", "least"), [(1.02, 5), (0.98, 5)])
def test_a_mean_that_is_off_shows(off: float, least: float) -> None:
    noise, level = NOISES["busy"]
    mean = np.full(ROWS, level)
    rank, _ = noise.ranks(drawn(noise, mean * off), mean, drawing(3, 1, np.arange(ROWS)))
    assert np.sign(off - 1) * rank.mean() / TOP > least * np.sqrt(1 / 3 / ROWS)


def test_what_ranks_are_drawn_by_is_even_everywhere() -> None:
    rows = np.arange(24 * 365)
    for server in (0, 7, 199):
        even = drawing(server, 2, rows)
        for hour in (0, 9, 23):
            assert np.sort(even[hour::24]) == pytest.approx((np.arange(365) + 0.5) / 365, abs=0.02)


def test_sides_show_where_neither_bound_nor_rounding_hides_them() -> None:
    noise = Noise(0.5, 0.0, 0.0, 100.0, 0.0, 1.0)
    assert noise.clear(np.array([0.1, 20.0, 99.9, 120.0])).tolist() == [False, True, True, False]
