from __future__ import annotations

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
from tests.integration.forks import Running, forks
from tests.integration.surroundings import HOURLY_200, environment

Command = Callable[..., subprocess.CompletedProcess[str]]
COMMAND_SECONDS = 240


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            if not item.get_closest_marker("soak"):
                item.add_marker("integration")
            # Killed processes leave sockets behind; what the rest of the suite forbids is the subject here.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def command() -> Command:
    """Run the command line in a process of its own that finds everything imported."""

    def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        ended = start(*words, cwd=cwd).wait(COMMAND_SECONDS)
        return subprocess.CompletedProcess(list(map(str, words)), ended.code, ended.out, ended.err)

    return run


def start(*words: object, cwd: Path | None = None) -> Running:
    """Start what ``command`` runs."""
    return forks().start(words, cwd or Path.cwd(), is_watched=False)


@pytest.fixture(scope="session")
def fresh_command() -> Command:
    """Run ``python -m dask_synth``, from the very start: seconds of imports."""

    def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "dask_synth", *map(str, words)]
        env = environment()
        return subprocess.run(line, capture_output=True, text=True, cwd=cwd, env=env, timeout=COMMAND_SECONDS)

    return run


@pytest.fixture(scope="session")
def threads() -> Iterator[Client]:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            yield client


HOURLY_48 = ("--config", HOURLY_200, "--servers", 48, "--set", "output.rows_per_partition=110000")
"""hourly_200 with a quarter of its servers, in 18 parts."""


def hourly_200(path: Path, **changes: Any) -> RunConfig:
    return dask_synth.load_config(HOURLY_200, {"output.path": str(path), **changes})


def hourly_48(path: Path) -> RunConfig:
    return hourly_200(path, **{"fleet.servers": 48, "output.rows_per_partition": 110_000})


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, threads: Client) -> Dataset:
    """HOURLY_48, made by nobody's interference: what every disturbed run must equal."""
    return dask_synth.generate(hourly_48(tmp_path_factory.mktemp("undisturbed") / "fleet"), threads)


def digests(dataset: Dataset) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in dataset.manifest.files}


def files(path: Path) -> set[str]:
    """Return every file but those that are made of a committed dataset afterwards."""
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - set(DERIVED)
