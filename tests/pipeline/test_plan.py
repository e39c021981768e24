from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.config.layers import load_config
from dask_synth.pipeline.estimate import estimated_bytes
from dask_synth.pipeline.plan import Chunk, RunPlan


@pytest.mark.parametrize(
    ("servers", "granularity", "rows"), [(120, "daily", 175_320), (200, "hourly", 7_012_800), (1, "1min", 2_103_840)]
)
def test_rows_are_servers_times_timestamps(servers: int, granularity: str, rows: int) -> None:
    plan = RunPlan.of(load_config(None, {"fleet.servers": servers, "time.granularity": granularity}))
    assert plan.rows == rows


def test_chunks_cut_each_archetypes_servers_by_rows_per_partition(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan({"output.rows_per_partition": 91 * 3 + 90})
    assert plan.chunks == (
        Chunk(0, "web", 0, 3),
        Chunk(1, "web", 3, 6),
        Chunk(2, "web", 6, 7),
        Chunk(3, "application", 7, 10),
        Chunk(4, "application", 10, 13),
        Chunk(5, "application", 13, 15),
        Chunk(6, "database", 15, 18),
        Chunk(7, "batch", 18, 20),
    )


def test_a_chunk_holds_at_least_one_server(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan({"output.rows_per_partition": 1})
    assert [chunk.servers for chunk in plan.chunks] == [1] * 20


@given(servers=st.integers(1, 400), rows=st.integers(1, 40_000))
def test_chunks_hold_every_server_once_and_stay_within_rows_per_partition(servers: int, rows: int) -> None:
    plan = RunPlan.of(load_config(None, {"fleet.servers": servers, "output.rows_per_partition": rows}))
    made = [server for chunk in plan.chunks for server in range(chunk.start, chunk.stop)]
    assert made == list(range(servers))
    assert [chunk.index for chunk in plan.chunks] == list(range(len(plan.chunks)))
    assert all(chunk.servers == 1 or chunk.servers * 1461 <= rows for chunk in plan.chunks)
    types = {block.archetype: range(block.start, block.stop) for block in plan.spec.fleet.blocks()}
    assert all(
        chunk.start in types[chunk.archetype] and chunk.stop - 1 in types[chunk.archetype] for chunk in plan.chunks
    )


def test_the_run_id_follows_what_decides_the_bytes_and_not_where_they_land(small_plan: Callable[..., RunPlan]) -> None:
    same = small_plan().run_id
    assert small_plan({"output.path": "elsewhere"}).run_id == same
    others = [
        small_plan(change).run_id
        for change in (
            {"seed": 43},
            {"fleet.servers": 21},
            {"time.end_date": "2024-03-30"},
            {"growth": False},
            {"archetypes.web.base.cpu": 46},
            {"output.rows_per_partition": 10_000},
        )
    ]
    assert len({same, *others}) == 7
    assert len(same) == 16


def test_the_specification_takes_the_models_part_of_the_configuration(small_plan: Callable[..., RunPlan]) -> None:
    spec = small_plan({"growth": False, "spikes": False, "seed": 7, "seasonality.weekly": False}).spec
    assert (spec.seed, spec.growth, spec.spikes, spec.seasonality.weekly) == (7, False, False, False)
    assert (spec.grid.start, spec.grid.end) == (dt.date(2024, 1, 1), dt.date(2024, 3, 31))
    assert list(spec.archetypes) == ["web", "application", "database", "batch"]
    assert spec.baseline("web").spike_probability == 0
    assert set(spec.baseline("web").mean["disk"]) == {20.0}


def test_a_plan_estimates_the_formats_that_are_asked_for(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan({"output.formats": ["csv"]})
    assert plan.rows == 1820
    assert list(estimated_bytes(plan)) == ["csv"]
