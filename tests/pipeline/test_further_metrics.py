"""A dataset with metrics of one's own: the columns in their place, in both formats, whatever the chunks."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dask.base import tokenize
from distributed.protocol.pickle import dumps, loads
from hypothesis import given, settings
from hypothesis import strategies as st

import dask_synth
from dask_synth.config.layers import load_config
from dask_synth.config.run import RunConfig
from dask_synth.pipeline.chunk import chunk_frame, chunk_table, columns_of, servers_table
from dask_synth.pipeline.frame import fleet_frame
from dask_synth.pipeline.plan import RunPlan
from dask_synth.pipeline.recorded import recorded_config
from dask_synth.schema import NAMES, Columns, empty_frame
from dask_synth.storage.csv import encode_csv, encode_header
from dask_synth.storage.identity import identifying, run_identity
from dask_synth.storage.manifest import Manifest
from dask_synth.storage.parquet import encode_parquet
from tests.further import ALL, GPU, IOPS, WITH_BOTH, archetypes

BEHIND = NAMES.index("net_out_p95") + 1
COLUMNS = (*NAMES[:BEHIND], "iops_p95", "gpu_p95", *NAMES[BEHIND:])

Plans = Callable[..., RunPlan]
Configs = Callable[..., RunConfig]


def whole(plan: RunPlan) -> pd.DataFrame:
    return pd.concat([chunk_frame(chunk, plan.spec) for chunk in plan.chunks], ignore_index=True)


def test_the_columns_stand_behind_the_metrics_in_the_order_of_the_section(small_plan: Plans) -> None:
    plan = small_plan(WITH_BOTH)
    table = chunk_table(plan.spec, plan.chunks[0])
    assert tuple(table.column_names) == COLUMNS == columns_of(plan.spec).names
    frame = chunk_frame(plan.chunks[0], plan.spec)
    pd.testing.assert_series_equal(
        frame.dtypes, empty_frame(plan.spec.fleet.categories(), columns_of(plan.spec)).dtypes
    )
    assert frame.dtypes["iops_p95"] == frame.dtypes["gpu_p95"] == "float64"
    swapped = small_plan({**WITH_BOTH, "metrics": {"gpu": GPU, "iops": IOPS}})
    assert columns_of(swapped.spec).metrics[-2:] == ("gpu_p95", "iops_p95")


def test_the_other_columns_are_those_of_the_fleet_without(small_plan: Plans) -> None:
    alone, beside = whole(small_plan()), whole(small_plan(WITH_BOTH))
    pd.testing.assert_frame_equal(beside[list(NAMES)], alone, check_exact=True)


@pytest.mark.parametrize("rows_per_partition", [50, 500, 10**8])
def test_the_rows_do_not_depend_on_how_they_are_cut(rows_per_partition: int, small_plan: Plans) -> None:
    cut = small_plan({**WITH_BOTH, "output.rows_per_partition": rows_per_partition})
    pd.testing.assert_frame_equal(whole(cut), whole(small_plan(WITH_BOTH)), check_exact=True)


def test_a_run_to_an_earlier_end_is_the_beginning_of_a_longer_one(small_plan: Plans) -> None:
    short = whole(small_plan({**WITH_BOTH, "time.end_date": "2024-02-10"}))
    head = whole(small_plan(WITH_BOTH)).groupby("server_id", observed=True).head(41).reset_index(drop=True)
    pd.testing.assert_frame_equal(head, short, check_exact=True)


def test_a_lazy_frame_is_the_chunks(small_config: Configs, small_plan: Plans) -> None:
    changes = {**WITH_BOTH, "output.rows_per_partition": 500}
    lazy = fleet_frame(small_config(changes))
    assert tuple(lazy.columns) == COLUMNS
    found = lazy.compute(scheduler="synchronous")
    pd.testing.assert_series_equal(found.dtypes, lazy._meta.dtypes)
    np.testing.assert_array_equal(found["iops_p95"], whole(small_plan(changes))["iops_p95"])


def test_a_task_is_named_by_the_numbers_and_takes_nothing_of_their_types(small_plan: Plans) -> None:
    spec = small_plan(WITH_BOTH).spec
    token = tokenize(spec)
    assert tokenize(pickle.loads(pickle.dumps(spec))) == token
    assert tokenize(small_plan({**WITH_BOTH, "archetypes.web.base.gpu": 31}).spec) != token
    # The types are made anew for each set of pairs, upon those that there are.
    assert small_plan({**WITH_BOTH, "archetypes.web.correlation.disk_gpu": 0.1}).spec != spec
    assert loads(dumps(spec)) == spec


def test_a_parquet_file_documents_them(small_plan: Plans) -> None:
    plan = small_plan(WITH_BOTH)
    data = encode_parquet(chunk_table(plan.spec, plan.chunks[0]), "run")
    schema = pq.read_schema(pa.BufferReader(data)).remove_metadata()
    assert schema == pa.schema([field for field in columns_of(plan.spec).arrow if field.name != "server_type"])
    pd.testing.assert_frame_equal(
        pq.read_table(pa.BufferReader(data)).to_pandas(),
        chunk_frame(plan.chunks[0], plan.spec).drop(columns="server_type"),
        check_exact=True,
    )


@pytest.mark.integration
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("formats", [["parquet"], ["csv"], ["parquet", "csv"]])
def test_what_is_written_reads_back_and_goes_on(formats: list[str], small_config: Configs, tmp_path: Path) -> None:
    changes = {**WITH_BOTH, "output.formats": formats, "output.rows_per_partition": 500}
    folder = {"output.path": str(tmp_path / "out")}
    dask_synth.generate(small_config({**changes, **folder, "time.end_date": "2024-02-10"}))
    dataset = dask_synth.append(tmp_path / "out", "2024-03-31")
    expected = fleet_frame(small_config(changes)).compute(scheduler="synchronous")
    keys = ["server_id", "timestamp"]
    expected = expected.sort_values(keys, ignore_index=True)
    found = dask_synth.open_dataset(dataset.path).frame().compute().sort_values(keys, ignore_index=True)
    assert tuple(found.columns) == COLUMNS == dataset.columns.names
    pd.testing.assert_frame_equal(found, expected.astype({name: found[name].dtype for name in keys}), check_exact=True)
    assert dataset.columns == columns_of(RunPlan.of(recorded_config(dataset.path, dataset.manifest)).spec)
    for text in dataset.texts():
        lines = gzip.decompress(text.read_bytes()).decode().splitlines()
        assert [line for line in lines if line.startswith("timestamp")] == [",".join(COLUMNS)]


@pytest.mark.integration
@pytest.mark.filterwarnings("default")
def test_a_column_of_whole_numbers_is_still_one_of_floats(small_config: Configs, tmp_path: Path) -> None:
    still = {"idle": {"high": 5, "column": "idle"}}
    numbers = archetypes(ALL, base={"idle": 1e6}, sd={"idle": 0.001})
    config = small_config(
        {"metrics": still, "archetypes": numbers, "output.path": str(tmp_path / "out"), "output.formats": ["csv"]}
    )
    frame = dask_synth.generate(config).frame().compute()
    assert frame.dtypes["idle"] == "float64"
    assert set(frame["idle"]) == {5.0}


def test_the_table_of_servers_has_the_numbers_and_what_follows_from_them(small_plan: Plans) -> None:
    servers = servers_table(small_plan({**WITH_BOTH, "archetypes.web.base.gpu": 7}).spec).to_pandas()
    web = servers[servers["server_type"] == "web"].iloc[0]
    assert (web["profile_base_iops"], web["profile_sd_gpu"], web["profile_base_gpu"]) == (900, 5, 7)
    assert web["profile_correlation_cpu_iops"] == 0.6
    assert web["profile_correlation_net_iops"] == pytest.approx(0.48)
    assert servers.notna().all(axis=None)


@pytest.mark.parametrize("name", ["daily", "hourly"])
def test_the_table_of_servers_is_the_one_that_was_written_before(name: str) -> None:
    dataset = dask_synth.open_dataset(Path(__file__).parents[1] / "data" / "model_1" / name)
    spec = RunPlan.of(recorded_config(dataset.path, dataset.manifest)).spec
    written = pq.read_table(dataset.servers)
    assert servers_table(spec).cast(written.schema).equals(written)


def test_without_metrics_of_its_own_a_run_is_who_it_was(small_config: Configs) -> None:
    config = small_config().model_dump(mode="json")
    assert config["metrics"] == {}
    before = {key: value for key, value in config.items() if key != "metrics"}
    assert "metrics" not in identifying(config)
    assert run_identity(config) == run_identity(before)


@pytest.mark.parametrize("name", ["daily", "hourly"])
def test_a_manifest_of_before_names_the_same_run(name: str) -> None:
    path = Path(__file__).parents[1] / "data" / "model_1" / name / "manifest.json"
    manifest = Manifest.from_json(path.read_bytes())
    again = recorded_config(path.parent, manifest)
    assert "metrics" not in manifest.config
    assert again.metrics == {}
    assert identifying(again.model_dump(mode="json")) == identifying(manifest.config)
    assert Columns() == dask_synth.open_dataset(path.parent).columns


def test_each_word_about_a_metric_and_their_order_are_part_of_the_run(small_plan: Plans) -> None:
    swapped = {**WITH_BOTH, "metrics": {"gpu": GPU, "iops": IOPS}}
    changes: list[Mapping[str, Any]] = [
        {},
        WITH_BOTH,
        swapped,
        {**WITH_BOTH, "metrics.iops.high": 10000},
        {**WITH_BOTH, "metrics.gpu.growth": False},
        {**WITH_BOTH, "archetypes.web.base.iops": 901},
    ]
    assert len({small_plan(one).run_id for one in changes}) == len(changes)


names = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True).filter(lambda name: name not in ("cpu", "mem", "disk"))
rows = st.fixed_dictionaries(
    {"high": st.integers(1, 1_000_000)},
    optional={
        "load": st.booleans(),
        "growth": st.booleans(),
        "spike": st.floats(0, 20),
        "unit": st.text("abc/%", max_size=5),
    },
)


@settings(max_examples=40)
@given(st.data())
def test_any_section_gives_values_in_their_bounds_with_2_decimals(data: st.DataObject) -> None:
    metrics = data.draw(st.dictionaries(names.map(lambda name: f"m{name}"), rows, min_size=1, max_size=5))
    level, spread = st.floats(0, 1e9), st.floats(1e-9, 1e9)
    numbers = {part: {name: data.draw(of) for name in metrics} for part, of in (("base", level), ("sd", spread))}
    pairs = {f"cpu_{name}": data.draw(st.floats(-0.9, 0.9)) for name in metrics}
    web = {"web": {**numbers, "correlation": pairs}}
    config = load_config(
        None,
        {
            "fleet.servers": 2,
            "fleet.mix": {"web": 1.0},
            "time.end_date": "2022-01-20",
            "metrics": metrics,
            "archetypes": web,
        },
    )
    plan = RunPlan.of(config)
    frame = chunk_frame(plan.chunks[0], plan.spec)
    assert list(frame)[BEHIND : BEHIND + len(metrics)] == [f"{name}_p95" for name in metrics]
    for name, row in metrics.items():
        values = frame[f"{name}_p95"].to_numpy()
        assert np.isfinite(values).all()
        assert 0 <= values.min() <= values.max() <= row["high"]
        np.testing.assert_array_equal(values, np.round(values, 2))
    lines = gzip.decompress(encode_header(columns_of(plan.spec).names)).decode().rstrip("\n").split(",")
    assert lines == list(frame)
    assert len(gzip.decompress(encode_csv(chunk_table(plan.spec, plan.chunks[0]))).splitlines()) == 40
