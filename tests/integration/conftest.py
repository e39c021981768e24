from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

import dask_synth
from dask_synth.config.run import RunConfig
from dask_synth.dataset import Dataset
from dask_synth.storage.names import DERIVED

ROOT = Path(__file__).parents[2]
HOURLY_200 = ROOT / "config" / "hourly_200.yaml"

BARE = ("--no-validate", "--no-report")
"""For tests that are about neither."""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("soak"):
            item.add_marker("integration")
            # Killed processes leave sockets behind; what the rest of the suite forbids is the subject here.
            item.add_marker(pytest.mark.filterwarnings("default"))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def command() -> Command:
    """Run the real command line in a process of its own."""

    def run(*words: object, cwd: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "dask_synth", *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, cwd=cwd, env=environment(), timeout=240, **options)

    return run


@pytest.fixture(scope="session")
def threads() -> Iterator[Client]:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            yield client


def hourly_200(path: Path, **changes: Any) -> RunConfig:
    return dask_synth.load_config(HOURLY_200, {"output.path": str(path), **changes})


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, threads: Client) -> Dataset:
    """hourly_200, made by nobody's interference: what every disturbed run must equal."""
    return dask_synth.generate(hourly_200(tmp_path_factory.mktemp("undisturbed") / "fleet"), threads)


def digests(dataset: Dataset) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in dataset.manifest.files}


def files(path: Path) -> set[str]:
    """Return every file but those that are made of a committed dataset afterwards."""
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - set(DERIVED)
