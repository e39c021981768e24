"""Sums of ranks are the same however rows are cut into partitions, and do without rows that are missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from dask_synth.measure.planned import Planned
from dask_synth.measure.ranks import RankSums
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.model.life import Company
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import Chunk
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import judge
from dask_synth.theory.scores import TOP
from dask_synth.theory.theory import Theory
from tests.living import ALIVE, PLACES, POOLS, living_spec

SERVERS = 9
SPEC = living_spec("hourly", 12, servers=SERVERS, company=POOLS, places=PLACES, **ALIVE)
PLANNED = Planned.of(SPEC)
EXACT = ("rows", "ranks", "squares", "hour_rows", "hour_ranks", "classes", "free_days", "week", "first")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return chunk_frame(Chunk(0, "web", 0, SERVERS), SPEC)


@pytest.fixture(scope="module")
def whole(frame: pd.DataFrame) -> Measured:
    return measure_rows(frame, PLANNED)


def measured(parts: Sequence[pd.DataFrame]) -> Measured:
    return added(measure_rows(part, PLANNED) for part in parts)


def assert_same_sums(found: RankSums, whole: RankSums) -> None:
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
    np.testing.assert_allclose(found.blur, whole.blur, rtol=1e-4)


def test_sums_count_every_row(whole: Measured) -> None:
    ranks = whole.ranks["web"]
    rows = SERVERS * SPEC.grid.size
    assert ranks.rows.sum() == ranks.hour_rows.sum() == rows
    assert (ranks.classes.sum(axis=1) == rows).all()
    np.testing.assert_array_equal(ranks.hour_ranks.sum(axis=1), ranks.ranks.sum(axis=(1, 2)))
    # Ranks are odd numbers from 1 - TOP on, so that their mean square is known but for what chance does.
    assert ranks.squares.sum(axis=(1, 2)) / rows / (TOP**2 / 3) == pytest.approx(1.0, abs=0.3)
    np.testing.assert_array_equal(whole.ranked.ranks[:, :5].sum(axis=0), ranks.ranks.sum(axis=(1, 2)))


def test_parts_by_server(frame: pd.DataFrame, whole: Measured) -> None:
    size = SPEC.grid.size
    found = measured([frame.iloc[: 2 * size], frame.iloc[5 * size :], frame.iloc[2 * size : 5 * size]])
    assert_same_sums(found.ranks["web"], whole.ranks["web"])
    np.testing.assert_array_equal(found.ranked.index, np.arange(SERVERS))
    np.testing.assert_array_equal(found.ranked.ranks, whole.ranked.ranks)
    # A neighbour in another part is nobody's neighbour; all else is each server's own.
    own = ~np.isin(np.arange(whole.ranked.sides.shape[2]), np.arange(whole.ranked.sides.shape[2])[-5:])
    np.testing.assert_allclose(found.ranked.sides[:, :, own], whole.ranked.sides[:, :, own], rtol=1e-12)


def test_parts_by_time(frame: pd.DataFrame, whole: Measured) -> None:
    late = (frame["timestamp"] >= "2023-12-25 07:00").to_numpy()
    found = measured([frame[late], frame[~late]])
    assert_same_sums(found.ranks["web"], whole.ranks["web"])
    np.testing.assert_array_equal(found.ranked.ranks, whole.ranked.ranks)
    np.testing.assert_array_equal(found.ranked.rows, whole.ranked.rows)


def test_rows_in_any_order(frame: pd.DataFrame, whole: Measured) -> None:
    found = measured([frame.sample(frac=1.0, random_state=3)])
    assert_same_sums(found.ranks["web"], whole.ranks["web"])
    np.testing.assert_array_equal(found.ranked.ranks, whole.ranked.ranks)
    np.testing.assert_allclose(found.ranked.sides, whole.ranked.sides, rtol=1e-12)


def test_missing_rows_and_nulls_are_left_out(frame: pd.DataFrame, whole: Measured) -> None:
    lacking = frame.copy()
    lacking.loc[lacking.index[10:40], "mem_p95"] = np.nan
    lacking = lacking.drop(index=lacking.index[100:300])
    found = measured([lacking])
    assert found.ranks["web"].rows.sum() == len(frame) - 230
    assert found.ranked.rows[0] == SPEC.grid.size - 30 - 188 and found.ranked.rows[1] == SPEC.grid.size - 12
    np.testing.assert_array_equal(found.ranked.ranks[2:], whole.ranked.ranks[2:])
    verdict = judge(Evidence(found, PLANNED, Theory.of(SPEC)), "lacking", 0.0)
    names = {check.name for check in verdict.failures}
    assert "structure.null.mem_p95" in names
    assert not {name for name in names if not name.startswith("structure.")}
    assert not {name for name in names if name.startswith("structure.check.")}


def test_neighbours_of_a_pool_are_expected_to_go_together(whole: Measured) -> None:
    pools = SPEC.fleet.pools(SPEC.seed, 0, SERVERS)
    same = np.append(False, (pools[1:] == pools[:-1]) & (pools[1:] >= 0))
    expected, count = whole.ranked.sides[:, 1, -5:], whole.ranked.sides[:, 2, -5:]
    assert same.any() and not same.all()
    clear = count[same] > 0
    assert clear.mean() > 0.4
    assert (expected[same][clear] > 0.4 * count[same][clear]).all()
    assert (np.abs(expected[~same]) <= 0.05 * count[~same]).all()


def test_alike_of_none_is_no_company() -> None:
    spec = living_spec("hourly", 3, servers=4, company=Company(size=2, pools=1.0, alike=0.0), **ALIVE)
    found = measure_rows(chunk_frame(Chunk(0, "web", 0, 4), spec), Planned.of(spec))
    assert np.abs(found.ranked.sides[:, 1, -5:]).max() < 1.0
