"""Whole datasets on Dask: files, frames, the command line."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client

import dask_synth
from dask_synth.dataset import Dataset
from dask_synth.pipeline.plan import spec_of
from dask_synth.proof.validate import proved
from dask_synth.proof.verdict import Verdict
from dask_synth.theory.theory import Theory

pytestmark = pytest.mark.integration

FLEET = {"fleet.servers": 20, "time.years": 1, "output.rows_per_partition": 1500, "output.formats": ["parquet"]}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as client:
        yield client


@pytest.fixture
def dataset(tmp_path: Path, client: Client) -> Dataset:
    return dask_synth.generate(dask_synth.load_config(None, {**FLEET, "output.path": str(tmp_path / "data")}), client)


def test_a_dataset_as_it_landed_passes_and_keeps_its_verdict(dataset: Dataset, client: Client) -> None:
    verdict = dask_synth.validate(dataset, client)
    assert verdict.passed
    assert Verdict.model_validate_json((dataset.path / "validation.json").read_bytes()) == verdict
    assert dataset.verify(client) == []


def test_the_same_statistics_come_without_a_client(dataset: Dataset, client: Client) -> None:
    with_client, without = (dask_synth.validate(dataset.path, c, write=False) for c in (client, None))
    assert [check.observed for check in with_client.checks] == [check.observed for check in without.checks]
    assert not (dataset.path / "validation.json").exists()


def test_a_theory_that_was_worked_out_already_is_taken_and_one_of_another_fleet_is_not(dataset: Dataset) -> None:
    theories = [Theory.of(spec_of(dask_synth.load_config(None, {**FLEET, "seed": seed}))) for seed in (42, 43)]
    for theory, taken in zip(theories, (True, False), strict=True):
        ahead: Future[Theory] = Future()
        ahead.set_result(theory)
        found = proved(dataset, write=False, theory=ahead)
        assert (found.theory is theory) is taken
        assert found.verdict.passed


def test_a_frame_of_any_layout_passes(dataset: Dataset, client: Client) -> None:
    config = dask_synth.load_config(None, FLEET)
    rows = dask_synth.fleet_frame(config).compute()
    for frame in (
        dask_synth.fleet_frame(config),
        dd.from_pandas(rows.sort_values("timestamp"), npartitions=7, sort=False),
    ):
        verdict = dask_synth.validate_frame(frame, config, client)
        assert [c.name for c in verdict.failures] in ([], ["structure.order"])
    in_order = rows.sort_values(["server_id", "timestamp"])
    months = [part.reset_index(drop=True) for _, part in in_order.groupby(in_order["month"])]
    assert dask_synth.validate_frame(dd.from_map(lambda i: months[i], range(12)), config, client).passed


def test_one_changed_value_is_found_in_the_file_and_in_the_rows(dataset: Dataset, client: Client) -> None:
    part = dataset.parts()[0]
    table = pq.ParquetFile(part).read()
    values = table.column("cpu_p95").to_pylist()
    values[17] = 100.01
    pq.write_table(table.set_column(table.column_names.index("cpu_p95"), "cpu_p95", pa.array(values)), part)
    failures = {check.name for check in dask_synth.validate(dataset, client).failures}
    assert {"structure.files", "structure.range.cpu_p95"} <= failures


def test_servers_parquet_is_held_against_the_plan(dataset: Dataset, client: Client) -> None:
    path = dataset.path / "servers.parquet"
    table = pq.read_table(path).to_pandas()
    table.loc[3, "profile_weekend"] = 0.9
    table.to_parquet(path)
    checks = {check.name: check for check in dask_synth.validate(dataset, client).failures}
    assert "profile_weekend" in checks["structure.servers_file"].message


def test_an_appended_dataset_passes(dataset: Dataset, client: Client) -> None:
    appended = dask_synth.append(dataset.path, pd.Timestamp("2023-03-31").date(), client)
    assert dask_synth.validate(appended, client).passed


def test_the_command_line_tells_valid_from_invalid(dataset: Dataset) -> None:
    command = [sys.executable, "-m", "dask_synth", "validate", str(dataset.path), "--scheduler", "threads:2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("valid: all")
    part = dataset.parts()[0]
    part.unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{part.name}: missing" in done.stdout
