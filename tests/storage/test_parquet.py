from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from dask_synth.pipeline.chunk import chunk_frame, chunk_table
from dask_synth.pipeline.plan import RunPlan
from dask_synth.schema import CATEGORICAL, NAMES, SCHEMA
from dask_synth.storage.formats import FORMATS
from dask_synth.storage.parquet import RUN_ID_KEY, encode_parquet


@pytest.fixture(scope="module")
def plan(small_plan: Callable[..., RunPlan]) -> RunPlan:
    return small_plan({"output.rows_per_partition": 500})


@pytest.fixture(scope="module")
def data(plan: RunPlan) -> pa.Buffer:
    return encode_parquet(chunk_table(plan.spec, plan.chunks[0]), "run")


@pytest.fixture(scope="module")
def metrics(plan: RunPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    for chunk in plan.chunks:
        path = root / FORMATS["parquet"].part(chunk.archetype, chunk.index, "0123abcd")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_parquet(chunk_table(plan.spec, chunk), plan.run_id))
    return root / "metrics"


def test_a_file_holds_the_documented_schema_without_the_hive_key(data: pa.Buffer) -> None:
    expected = pa.schema([field for field in SCHEMA if field.name != "server_type"])
    assert pq.read_schema(pa.BufferReader(data)).remove_metadata() == expected


def test_text_is_text_in_the_file_itself(data: pa.Buffer) -> None:
    physical = pq.ParquetFile(pa.BufferReader(data)).schema
    for name in ("server_id", "app_name", "business_unit", "criticality", "region"):
        column = next(physical.column(i) for i in range(len(physical)) if physical.column(i).name == name)
        assert (column.physical_type, str(column.logical_type)) == ("BYTE_ARRAY", "String")


def test_the_same_table_gives_the_same_bytes(data: pa.Buffer, plan: RunPlan) -> None:
    again = encode_parquet(chunk_table(plan.spec, plan.chunks[0]), "run")
    assert again.equals(data)
    assert not encode_parquet(chunk_table(plan.spec, plan.chunks[1]), "run").equals(data)


def test_the_footer_names_the_run(data: pa.Buffer) -> None:
    assert pq.read_metadata(pa.BufferReader(data)).metadata[RUN_ID_KEY.encode()] == b"run"


def test_a_file_reads_back_as_the_rows_it_was_made_of(data: pa.Buffer, plan: RunPlan) -> None:
    expected = chunk_frame(plan.chunks[0], plan.spec).drop(columns="server_type")
    found = pq.read_table(pa.BufferReader(data)).to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_every_file_holds_the_full_list_of_categories(small_plan: Callable[..., RunPlan]) -> None:
    plan = small_plan({"output.rows_per_partition": 1})
    for chunk in plan.chunks[:4]:
        found = pq.read_table(pa.BufferReader(encode_parquet(chunk_table(plan.spec, chunk), ""))).to_pandas()
        for name, values in plan.spec.fleet.categories().items():
            assert name == "server_type" or found[name].cat.categories.tolist() == values


def test_columns_are_compressed_with_statistics(data: pa.Buffer) -> None:
    group = pq.read_metadata(pa.BufferReader(data)).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["timestamp"].statistics.min == pd.Timestamp("2024-01-01").to_pydatetime()
    assert columns["server_id"].statistics.max == "server_004"


def test_pandas_reads_the_folder_as_one_fleet(metrics: Path, plan: RunPlan) -> None:
    found = pd.read_parquet(metrics)
    assert len(found) == plan.rows == 1820
    assert set(found) == set(NAMES)
    counts = found["server_type"].astype(str).value_counts().to_dict()
    assert counts == {"web": 7 * 91, "application": 8 * 91, "database": 3 * 91, "batch": 2 * 91}
    found = found.astype(dict.fromkeys(CATEGORICAL, "str")).sort_values(["server_id", "timestamp"])
    expected = pd.concat([chunk_frame(chunk, plan.spec) for chunk in plan.chunks])
    expected = expected.astype(dict.fromkeys(CATEGORICAL, "str"))
    pd.testing.assert_frame_equal(
        found[list(NAMES)].reset_index(drop=True), expected.reset_index(drop=True), check_exact=True
    )


def test_the_hive_layout_prunes_by_type(metrics: Path) -> None:
    dataset = ds.dataset(metrics, partitioning="hive")
    batch = [fragment.path for fragment in dataset.get_fragments(ds.field("server_type") == "batch")]
    assert [Path(path).parts[-2:] for path in batch] == [("server_type=batch", "part-00005-0123abcd.parquet")]
