from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dask_synth.pipeline.chunk import chunk_table
from dask_synth.pipeline.plan import RunPlan
from dask_synth.schema import CATEGORICAL, NAMES, empty_frame
from dask_synth.storage.csv import encode_csv, encode_header
from dask_synth.storage.parquet import encode_parquet

ODD = ["plain", "with, comma", 'with "quotes"', "ünïcode"]


@pytest.fixture(scope="module")
def plan(small_plan: Callable[..., RunPlan]) -> RunPlan:
    return small_plan({"output.rows_per_partition": 500, "fleet.regions": ODD})


@pytest.fixture(scope="module")
def csv_file(plan: RunPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("csv") / "whole.csv.gz"
    parts = [encode_csv(chunk_table(plan.spec, chunk)) for chunk in plan.chunks]
    path.write_bytes(encode_header() + b"".join(parts))
    return path


def test_there_is_one_header_and_one_line_a_row(csv_file: Path, plan: RunPlan) -> None:
    lines = gzip.decompress(csv_file.read_bytes()).decode().splitlines()
    assert lines[0] == ",".join(NAMES)
    assert len(lines) == plan.rows + 1
    assert sum(line.startswith("timestamp,") for line in lines) == 1


def test_a_part_has_no_header(plan: RunPlan) -> None:
    first = gzip.decompress(encode_csv(chunk_table(plan.spec, plan.chunks[0]))).decode().partition("\n")[0]
    assert first.startswith('2024-01-01 00:00:00,"server_000",')


def test_every_value_is_the_one_that_parquet_holds(csv_file: Path, plan: RunPlan) -> None:
    parquet = pd.concat(
        pq.read_table(pa.BufferReader(encode_parquet(chunk_table(plan.spec, chunk), "")))
        .to_pandas()
        .assign(server_type=chunk.archetype)
        for chunk in plan.chunks
    )[list(NAMES)]
    types = empty_frame(plan.spec.fleet.categories()).dtypes
    csv = pd.read_csv(csv_file, parse_dates=["timestamp"], dtype=types.drop("timestamp").to_dict())
    text = dict.fromkeys(CATEGORICAL, "str")
    expected = parquet.astype(text).reset_index(drop=True)
    found = csv.astype(text | {"timestamp": "datetime64[us]"})
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert set(found["region"]) == set(ODD)


def test_the_same_table_gives_the_same_bytes(plan: RunPlan) -> None:
    encoded = [encode_csv(chunk_table(plan.spec, plan.chunks[1])) for _ in range(2)]
    assert encoded[0] == encoded[1]
    assert encode_header() == encode_header()


def test_a_member_keeps_no_time_of_its_making(plan: RunPlan) -> None:
    member = encode_csv(chunk_table(plan.spec, plan.chunks[0]))
    assert member[:2] == b"\x1f\x8b"
    assert member[4:8] == encode_header()[4:8] == bytes(4)
