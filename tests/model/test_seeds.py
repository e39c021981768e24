from __future__ import annotations

import numpy as np
import pytest

from dask_synth.model.seeds import FLEET, Purpose, generator


@pytest.mark.parametrize(("purpose", "child"), [(Purpose.NOISE, 0), (Purpose.SPIKES, 1)])
def test_a_server_draws_from_the_children_of_its_own_seed_sequence(purpose: Purpose, child: int) -> None:
    children = np.random.SeedSequence(42, spawn_key=(7,)).spawn(2)
    expected = np.random.Generator(np.random.SFC64(children[child])).random(5)
    np.testing.assert_array_equal(generator(42, purpose, 7).random(5), expected)


def test_the_fleet_has_a_stream_of_its_own() -> None:
    expected = np.random.Generator(np.random.SFC64(np.random.SeedSequence(42, spawn_key=(2**32 - 1, 2)))).random(5)
    np.testing.assert_array_equal(generator(42, Purpose.METADATA).random(5), expected)


def test_purposes_keep_their_numbers_since_data_hang_on_them() -> None:
    assert (Purpose.NOISE, Purpose.SPIKES, Purpose.METADATA) == (0, 1, 2)


def test_a_stream_starts_anew_each_time() -> None:
    assert generator(1, Purpose.NOISE, 3).random() == generator(1, Purpose.NOISE, 3).random()


def test_seed_server_and_purpose_each_change_the_stream() -> None:
    identities = [
        (seed, purpose, server)
        for seed in (0, 1, 42, 2**32, 2**64 - 1)
        for purpose in Purpose
        for server in (0, 1, 2, 10_000, FLEET)
    ]
    firsts = {generator(*identity).random() for identity in identities}
    assert len(firsts) == len(identities)


def test_streams_of_neighbours_are_uncorrelated() -> None:
    noise = np.array([generator(42, Purpose.NOISE, server).standard_normal(20_000) for server in range(6)])
    off_diagonal = np.corrcoef(noise)[np.triu_indices(6, 1)]
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(20_000)


def global_state() -> tuple[list[int], int]:
    """Return the words of NumPy's global generator, and how many of them were used: most draws move that alone."""
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return state["key"].tolist(), state["pos"]


def test_nothing_touches_the_global_random_state() -> None:
    before = global_state()
    generator(42, Purpose.NOISE, 0).random(10)
    assert global_state() == before
