"""The same rows, to the bit, however the work is cut and wherever it runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from distributed import Client, LocalCluster

import dask_synth
from dask_synth.clusters.connect import connect
from tests.integration.conftest import Command, digests

FLEET = {
    "fleet.servers": 20,
    "time.granularity": "hourly",
    "time.years": 1,
    "output.formats": ["parquet"],
    "output.rows_per_partition": 20_000,
}
KEYS = ["server_id", "timestamp"]


def made(path: Path, client: Client | None = None, **changes: object) -> dask_synth.Dataset:
    config = dask_synth.load_config(None, FLEET | {"output.path": str(path)} | changes)
    return dask_synth.generate(config, client)


def rows(dataset: dask_synth.Dataset) -> pd.DataFrame:
    frame: pd.DataFrame = dataset.frame().compute()
    return frame.sort_values(KEYS).reset_index(drop=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, threads: Client) -> dask_synth.Dataset:
    return made(tmp_path_factory.mktemp("reference") / "fleet", threads)


@pytest.mark.parametrize("rows_per_partition", [1, 50_000, 5_000_000])
def test_the_cut_does_not_change_a_row(
    reference: dask_synth.Dataset, tmp_path: Path, threads: Client, rows_per_partition: int
) -> None:
    other = made(tmp_path / "fleet", threads, **{"output.rows_per_partition": rows_per_partition})
    assert len(other.parts()) != len(reference.parts())
    pd.testing.assert_frame_equal(rows(other), rows(reference))


@pytest.mark.parametrize("scheduler", ["threads:1", "threads:4", "processes:1", "processes:3"])
def test_the_scheduler_does_not_change_a_byte(reference: dask_synth.Dataset, tmp_path: Path, scheduler: str) -> None:
    with connect(scheduler) as client:
        assert digests(made(tmp_path / "fleet", client)) == digests(reference)


def test_a_remote_scheduler_does_not_change_a_byte(reference: dask_synth.Dataset, tmp_path: Path) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0") as cluster:
        with connect(cluster.scheduler_address) as client:
            assert digests(made(tmp_path / "fleet", client)) == digests(reference)


def test_the_lazy_frame_holds_the_written_rows(reference: dask_synth.Dataset) -> None:
    config = dask_synth.load_config(None, FLEET)
    lazy = dask_synth.fleet_frame(config).compute(scheduler="threads").sort_values(KEYS).reset_index(drop=True)
    pd.testing.assert_frame_equal(lazy, rows(reference))


def test_a_longer_run_begins_with_the_same_rows(reference: dask_synth.Dataset, tmp_path: Path, threads: Client) -> None:
    longer = rows(made(tmp_path / "fleet", threads, **{"time.years": 2}))
    begins = longer[longer.timestamp < "2023-01-01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(begins, rows(reference))


def test_another_seed_changes_every_metric(reference: dask_synth.Dataset, tmp_path: Path, threads: Client) -> None:
    other, one = rows(made(tmp_path / "fleet", threads, seed=43)), rows(reference)
    for metric in ("cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"):
        assert (other[metric] != one[metric]).mean() > 0.9, metric


def test_two_command_line_runs_write_identical_files(command: Command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = command("--servers", 10, "--output", tmp_path / name)
        assert done.returncode == 0, done.stderr
    one, two = (dask_synth.open_dataset(tmp_path / name) for name in ("one", "two"))
    assert digests(one) == digests(two)
    assert one.manifest.run_id == two.manifest.run_id
