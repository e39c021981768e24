from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.surroundings import ROOT, environment

Job = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("integration")
            # Dask leaves a socket of its dashboard to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def job() -> Job:
    """Run a job as a user does: a process of its own."""

    def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(ROOT / "jobs" / name), *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, env=environment(), timeout=120)

    return run
