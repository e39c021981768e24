from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from dask_synth.model.metrics import BLOCK_ROWS
from dask_synth.model.scan import Scan

DECAYS = (1e-6, 0.001, 0.3, 0.818730753078, 0.991701292639, 0.9999, 1 - 1.67e-7)


def scanned(scan: Scan, innovations: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    out = np.full(innovations.shape, np.nan)
    last = scan.run(innovations, before, out)
    return out * scan.times(np.ones(before.shape), innovations.shape[1]), last


def filtered(decay: float, innovations: np.ndarray, before: np.ndarray) -> np.ndarray:
    columns = np.moveaxis(innovations, 1, 2).reshape(-1, innovations.shape[1])
    started = decay * before.reshape(-1, 1)
    found, _ = lfilter([1.0], [1.0, -decay], columns, zi=started)
    return np.moveaxis(found.reshape(len(innovations), 2, -1), 2, 1)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rows", [1, 15, 16, 17, 1461, 4097, BLOCK_ROWS])
def test_it_is_the_recursion(decay: float, rows: int) -> None:
    rng = np.random.default_rng(rows)
    innovations, before = rng.standard_normal((3, rows, 2)), rng.standard_normal((3, 2)) / (1 - decay) ** 0.5
    found, last = scanned(Scan.of(decay), innovations, before)
    expected = filtered(decay, innovations, before)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(last, found[:, -1])


def test_one_block_follows_the_other() -> None:
    scan, rng = Scan.of(0.991701292639), np.random.default_rng(1)
    innovations, state = rng.standard_normal((1, 3 * BLOCK_ROWS, 2)), np.zeros((1, 2))
    expected = filtered(scan.decay, innovations, state)
    for start in range(0, 3 * BLOCK_ROWS, BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        found, state = scanned(scan, innovations[:, rows], state)
        np.testing.assert_allclose(found, expected[:, rows], rtol=0, atol=1e-9)


@pytest.mark.parametrize("decay", DECAYS)
@given(rows=st.integers(1, BLOCK_ROWS))
def test_a_shorter_run_begins_with_the_same_bits(decay: float, rows: int) -> None:
    scan, rng = Scan.of(decay), np.random.default_rng(2)
    innovations, before = rng.standard_normal((2, BLOCK_ROWS, 2)), rng.standard_normal((2, 2))
    whole, _ = scanned(scan, innovations, before)
    part, _ = scanned(scan, innovations[:, :rows], before)
    assert part.tobytes() == np.ascontiguousarray(whole[:, :rows]).tobytes()


def test_a_metric_does_not_feel_the_one_that_it_rides_with() -> None:
    scan, rng = Scan.of(0.9), np.random.default_rng(3)
    innovations, before = rng.standard_normal((2, 5000, 2)), rng.standard_normal((2, 2))
    found, _ = scanned(scan, innovations, before)
    swapped, _ = scanned(scan, innovations[::-1, :, ::-1].copy(), before[::-1, ::-1])
    assert swapped[::-1, :, ::-1].tobytes() == found.tobytes()


@pytest.mark.parametrize(
    ("decay", "piece"), [(1e-6, 16), (0.5, 256), (0.818730753078, 1024), (0.96, 4096), (0.97, 8192), (0.9999, 8192)]
)
def test_pieces_are_as_long_as_powers_allow(decay: float, piece: int) -> None:
    scan = Scan.of(decay)
    assert scan.piece == piece
    assert scan.up.max() <= np.exp(300)
    np.testing.assert_allclose(scan.up * scan.down, 1.0, rtol=1e-11)
    if piece < BLOCK_ROWS:
        assert decay**piece < 1e-65, "what a piece hands on must have been forgotten at the end of the next"
