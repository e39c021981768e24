from __future__ import annotations

from pathlib import Path

import pytest
from distributed import LocalCluster

import dask_synth
from dask_synth.errors import RunError
from tests.jobs.conftest import Job

SMALL = ("--servers", 20, "--granularity", "daily", "--years", 1)


def digests(path: Path) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in dask_synth.open_dataset(path).manifest.files}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("expected") / "fleet"
    fleet = {"fleet.servers": 20, "time.years": 1}
    output = {"output.path": str(path), "output.formats": ["parquet"]}
    return {entry.path: entry.sha256 for entry in dask_synth.generate(_config({**fleet, **output})).manifest.files}


def _config(overrides: dict[str, object]) -> dask_synth.RunConfig:
    return dask_synth.load_config(None, overrides)


@pytest.mark.parametrize("scheduler", ["threads:1", "processes:2"])
def test_a_cluster_of_its_own(fresh_job: Job, tmp_path: Path, expected: dict[str, str], scheduler: str) -> None:
    done = fresh_job("large_fleet.py", *SMALL, "--scheduler", scheduler, "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    assert "dashboard http://127.0.0.1:" in done.stdout
    assert "7,300 rows, 5 files" in done.stdout
    assert "0 files damaged; 0 of " in done.stdout
    assert digests(tmp_path / "fleet") == expected


def test_a_cluster_that_is_there_stays(job: Job, tmp_path: Path, expected: dict[str, str]) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        done = job("large_fleet.py", *SMALL, "--scheduler", address, "--output", tmp_path / "fleet")
        assert done.returncode == 0, done.stderr
        assert len(cluster.scheduler_info["workers"]) == 1
    assert digests(tmp_path / "fleet") == expected


def test_the_same_again_goes_on(job: Job, tmp_path: Path, expected: dict[str, str]) -> None:
    path = tmp_path / "fleet"
    config = _config({"fleet.servers": 20, "time.years": 1, "output.path": str(path), "output.formats": ["parquet"]})

    def stop(receipt: object) -> None:
        raise InterruptedError

    with pytest.raises(RunError):  # an OSError is the output's
        dask_synth.generate(config, on_receipt=stop)
    assert (path / "plan.json").exists()
    before = {part: part.stat().st_ino for part in path.glob("metrics/*/*.parquet")}
    done = job("large_fleet.py", *SMALL, "--scheduler", "threads:1", "--output", path)
    assert done.returncode == 0, done.stderr
    stayed = [part for part, inode in before.items() if part.stat().st_ino == inode]
    assert stayed, "the part that had been written down as landed was made again"
    assert digests(path) == expected
    again = job("large_fleet.py", *SMALL, "--scheduler", "threads:1", "--output", path)
    assert again.returncode == 0, again.stderr
    assert "0 parts in" in again.stdout


def test_a_damaged_file_is_found(job: Job, tmp_path: Path, expected: dict[str, str]) -> None:
    words = ("large_fleet.py", *SMALL, "--scheduler", "threads:1", "--output", tmp_path / "fleet")
    assert job(*words).returncode == 0
    part = next((tmp_path / "fleet").glob("metrics/server_type=batch/*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    done = job(*words)
    assert done.returncode == 1
    assert f"metrics/server_type=batch/{part.name}: changed: same size, other content" in done.stdout
    assert "1 files damaged" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--scheduler", "tcp://192.0.2.1:8786"), 2, "not encrypted"),
        (("--servers", 0), 2, "fleet.servers"),
        (("--scheduler", "nowhere"), 2, "nowhere"),
    ],
    ids=["an open wire", "no servers", "no scheduler"],
)
def test_wrong_input(job: Job, tmp_path: Path, words: tuple[object, ...], code: int, message: str) -> None:
    done = job("large_fleet.py", *SMALL, *words, "--output", tmp_path / "fleet")
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "fleet").exists()
