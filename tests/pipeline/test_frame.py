from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
import pytest

from dask_synth import fleet_frame
from dask_synth.config.run import RunConfig
from dask_synth.pipeline import chunk as chunk_module
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import RunPlan

CUT = {"output.rows_per_partition": 500}


def test_there_is_one_partition_a_chunk(
    small_config: Callable[..., RunConfig], small_plan: Callable[..., RunPlan]
) -> None:
    assert fleet_frame(small_config(CUT)).npartitions == len(small_plan(CUT).chunks) == 6


def test_what_is_computed_has_exactly_the_types_of_the_meta(small_config: Callable[..., RunConfig]) -> None:
    ddf = fleet_frame(small_config(CUT))
    pd.testing.assert_series_equal(ddf.compute(scheduler="synchronous").dtypes, ddf._meta.dtypes)
    for partition in ddf.partitions:
        pd.testing.assert_series_equal(partition.compute(scheduler="synchronous").dtypes, ddf._meta.dtypes)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_it_computes_to_the_chunks_one_after_the_other(
    scheduler: str, small_config: Callable[..., RunConfig], small_plan: Callable[..., RunPlan]
) -> None:
    plan = small_plan(CUT)
    expected = pd.concat([chunk_frame(chunk, plan.spec) for chunk in plan.chunks])
    found = fleet_frame(small_config(CUT)).compute(scheduler=scheduler)
    # Dask has a string type of its own for text.
    text = {name: found[name].dtype for name in ("server_id", "app_name")}
    pd.testing.assert_frame_equal(found, expected.astype(text), check_exact=True)


def test_nothing_is_made_before_it_is_asked_for(
    small_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("made too early")

    monkeypatch.setattr(chunk_module, "Draw", refuse)
    ddf = fleet_frame(small_config())
    mean = ddf["cpu_p95"].mean()
    with pytest.raises(RuntimeError, match="made too early"):
        mean.compute(scheduler="synchronous")


def test_it_can_be_reduced_joined_and_grouped_without_writing(
    small_config: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ddf = fleet_frame(small_config(CUT))
    whole = ddf.compute(scheduler="synchronous")
    grouped = ddf.groupby("server_type", observed=False)["cpu_p95"].mean().compute(scheduler="synchronous")
    expected = whole.groupby("server_type", observed=False)["cpu_p95"].mean()
    pd.testing.assert_series_equal(grouped.reindex(expected.index), expected)
    owners = pd.DataFrame({"server_id": ["server_000", "server_019"], "owner": ["a", "b"]})
    joined = ddf.merge(dd.from_pandas(owners, npartitions=1), on="server_id").compute(scheduler="synchronous")
    assert joined["owner"].value_counts().to_dict() == {"a": 91, "b": 91}
    assert list(tmp_path.iterdir()) == []


def test_tasks_carry_a_name_that_reads_well(small_config: Callable[..., RunConfig]) -> None:
    names = {str(key[0] if isinstance(key, tuple) else key) for key in fleet_frame(small_config()).optimize().dask}
    assert all(name.startswith("generate") for name in names)


def test_the_graph_grows_with_the_chunks_and_not_with_the_rows(small_config: Callable[..., RunConfig]) -> None:
    small = fleet_frame(small_config())
    large = fleet_frame(small_config({"time.granularity": "15min", "output.rows_per_partition": 500_000 * 96}))
    assert len(small.optimize().dask) == len(large.optimize().dask)
    finer = fleet_frame(small_config(CUT))
    assert len(finer.optimize().dask) > len(small.optimize().dask)
