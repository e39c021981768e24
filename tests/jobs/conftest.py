from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.forks import forks
from tests.integration.surroundings import ROOT, environment

Job = Callable[..., subprocess.CompletedProcess[str]]
JOB_SECONDS = 120


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("integration")
            # Dask leaves a socket of its dashboard to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def job() -> Job:
    """Run a job in a process of its own that finds everything imported."""

    def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
        call = "tests.integration.forkserver:script", str(ROOT / "jobs" / name), list(map(str, words))
        ended = forks().call(*call, folder=Path.cwd(), is_watched=False).wait(JOB_SECONDS)
        return subprocess.CompletedProcess(list(map(str, words)), ended.code, ended.out, ended.err)

    return run


@pytest.fixture(scope="session")
def fresh_job() -> Job:
    """Run a job as a user does, from the very start."""

    def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / "jobs" / name), *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=JOB_SECONDS)

    return run
