from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import settings

from dask_synth.config.layers import load_config
from dask_synth.config.run import RunConfig
from dask_synth.config.sources import ENV_PREFIX
from dask_synth.pipeline.plan import RunPlan
from tests.bench import Bench

settings.register_profile("fast", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("fast")

SMALL: Mapping[str, Any] = {"fleet.servers": 20, "time.start_date": "2024-01-01", "time.end_date": "2024-03-31"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep an ``xdist_group`` in one process under pytest 9.2, too.

    pytest-xdist 3.8 tells its scheduler the group at the end of a test's id, in a field that pytest 9.2 does not read:
    github.com/pytest-dev/pytest-xdist/issues/1386
    """
    for item in items if config.getoption("loadgroup", False) else ():
        if (told := getattr(item, "_nodeid", item.nodeid)) != item.nodeid:
            item._id = type(item._id).parse(told)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    # What a command line in this process has set: a test may follow any other, in as many processes as there are.
    monkeypatch.setattr("dask_synth.cli.logs._form.json", False)


@pytest.fixture(scope="session")
def small_config() -> Callable[..., RunConfig]:
    """Make the configuration of 20 servers over the 91 days of early 2024, with changes by dotted key."""

    def make(changes: Mapping[str, Any] | None = None) -> RunConfig:
        return load_config(None, {**SMALL, **(changes or {})})

    return make


@pytest.fixture(scope="session")
def small_plan(small_config: Callable[..., RunConfig]) -> Callable[..., RunPlan]:
    def make(changes: Mapping[str, Any] | None = None) -> RunPlan:
        return RunPlan.of(small_config(changes))

    return make


@pytest.fixture(scope="session")
def bench() -> Callable[..., Bench]:
    """Make a fleet in memory with its theory, by changes of the configuration."""
    return Bench
