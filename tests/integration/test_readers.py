"""What others read: the Parquet folder and the CSV.gz file, as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pytest
from distributed import Client

import dask_synth
from dask_synth.schema import METRICS, NAMES
from dask_synth.storage.names import CSV_NAME

ROWS = 120 * 1461


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory, threads: Client) -> dask_synth.Dataset:
    path = tmp_path_factory.mktemp("readers") / "fleet"
    return dask_synth.generate(dask_synth.load_config(None, {"output.path": str(path)}), threads)


@pytest.fixture(scope="module")
def csv(baseline: dask_synth.Dataset) -> Path:
    return baseline.path / CSV_NAME


def test_dask_reads_metrics(baseline: dask_synth.Dataset) -> None:
    frame = dd.read_parquet(baseline.metrics)
    assert len(frame) == ROWS
    assert set(frame.columns) == set(NAMES)
    assert frame.dtypes["timestamp"] == "datetime64[us]"
    assert all(frame.dtypes[metric] == "float64" for metric in METRICS)
    assert str(frame.dtypes["region"]) == str(frame.dtypes["server_type"]) == "category"
    assert frame.dtypes["year"] == "int16"
    assert frame.dtypes["is_eoq"] == "int8"


def test_our_own_frame_has_documented_order_and_types(baseline: dask_synth.Dataset) -> None:
    frame = baseline.frame()
    assert tuple(frame.columns) == NAMES
    first = frame.get_partition(0).compute()
    assert list(first.region.cat.categories) == ["US-East", "US-West", "EU", "Asia"]
    assert list(first.server_type.cat.categories) == ["web", "application", "database", "batch"]
    assert frame.server_type.value_counts().compute().to_dict() == {
        "web": 42 * 1461,
        "application": 48 * 1461,
        "database": 18 * 1461,
        "batch": 12 * 1461,
    }


def test_pandas_reads_metrics(baseline: dask_synth.Dataset) -> None:
    frame = pd.read_parquet(baseline.metrics)
    assert len(frame) == ROWS
    assert set(frame.columns) == set(NAMES)
    assert str(frame.dtypes["timestamp"]) == "datetime64[us]"
    assert str(frame.dtypes["criticality"]) == "category"
    assert str(frame.dtypes["server_id"]) == "str"


def test_polars_reads_metrics(baseline: dask_synth.Dataset) -> None:
    frame = pl.read_parquet(baseline.metrics)
    assert frame.height == ROWS
    assert frame.schema["timestamp"] == pl.Datetime("us")
    assert frame.schema["cpu_p95"] == pl.Float64
    assert frame.schema["server_id"] == pl.String
    assert frame.schema["month"] == pl.Int8
    assert frame["server_type"].n_unique() == 4


def test_duckdb_reads_metrics(baseline: dask_synth.Dataset) -> None:
    query = f"from read_parquet('{baseline.metrics}/**/*.parquet', hive_partitioning = true)"
    types = {name: kind for name, kind, *_ in duckdb.execute(f"describe {query}").fetchall()}
    assert types["timestamp"] == "TIMESTAMP"
    assert types["cpu_p95"] == "DOUBLE"
    assert types["server_type"] == "VARCHAR"
    counts = dict(duckdb.execute(f"select server_type, count(*) {query} group by all").fetchall())
    assert counts == {"web": 42 * 1461, "application": 48 * 1461, "database": 18 * 1461, "batch": 12 * 1461}


def test_pandas_reads_the_csv_as_the_same_values(baseline: dask_synth.Dataset, csv: Path) -> None:
    keys = ["server_id", "timestamp"]
    read = pd.read_csv(csv, parse_dates=["timestamp"]).sort_values(keys, ignore_index=True)
    written = baseline.frame().compute().sort_values(keys, ignore_index=True)
    assert tuple(read.columns) == NAMES
    for name in NAMES:
        assert (read[name].to_numpy() == written[name].astype(read[name].dtype).to_numpy()).all(), name


def test_gunzip_finds_one_header_and_every_row(csv: Path) -> None:
    text = subprocess.run(["gunzip", "-c", csv], capture_output=True, check=True).stdout
    lines = text.splitlines()
    assert len(lines) == ROWS + 1
    assert sum(line.startswith(b"timestamp,") for line in lines) == 1
    assert lines[1].startswith(b"2022-01-01 00:00:00,server_000,")


def test_dask_reads_the_csv(csv: Path) -> None:
    assert len(dd.read_csv(csv, blocksize=None)) == ROWS


def test_a_dataset_without_parquet_still_has_a_frame(tmp_path: Path, threads: Client) -> None:
    changes = {"fleet.servers": 4, "output.path": str(tmp_path / "fleet"), "output.formats": ["csv"]}
    dataset = dask_synth.generate(dask_synth.load_config(None, changes), threads)
    frame = dataset.frame().compute()
    assert len(frame) == 4 * 1461
    assert list(frame.server_type.cat.categories) == ["web", "application", "database", "batch"]


def test_servers_are_listed_once_with_their_profile(baseline: dask_synth.Dataset) -> None:
    servers = pd.read_parquet(baseline.path / "servers.parquet")
    assert servers.server_id.tolist() == [f"server_{i:03d}" for i in range(120)]
    assert (servers[servers.server_type == "database"].profile_base_mem == 70).all()
    first = baseline.frame().compute().drop_duplicates("server_id").set_index("server_id")
    for name in ("app_name", "business_unit", "criticality", "region", "server_type"):
        assert (first[name].astype(str) == servers.set_index("server_id")[name].astype(str).reindex(first.index)).all()
