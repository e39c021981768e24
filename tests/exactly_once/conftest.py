from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dask_synth.config.run import RunConfig
from dask_synth.pipeline.plan import RunPlan
from dask_synth.storage.formats import FORMATS
from dask_synth.storage.manifest import FileEntry, Manifest, Plan
from dask_synth.storage.store import LocalStore

Files = dict[str, bytes]


def record(replaces: str | None = None, **changes: Any) -> Plan:
    return RunPlan.of(RunConfig(**changes)).record(replaces)


def parts_of(plan: Plan) -> list[str]:
    return [FORMATS["parquet"].part(*of, plan.suffix) for of in (("web", 0), ("batch", 1))] + ["servers.parquet"]


def begin(root: Path, plan: Plan) -> Path:
    """Leave at a place what a run has before its commit."""
    store = LocalStore(root)
    store.put("plan.json", plan.to_json())
    for name in (*parts_of(plan), FORMATS["csv"].part("web", 0, plan.suffix)):
        store.put(name, name.encode())
    return root


def finish(root: Path, plan: Plan) -> Manifest:
    """Leave at a place a small committed dataset, and what its run needs no more."""
    begin(root, plan)
    entries = tuple(
        FileEntry.of(name, name.encode(), rows=1, servers=(0, 0), time=None, run_id=plan.run_id)
        for name in parts_of(plan)
    )
    now = dt.datetime.now(dt.UTC)
    known = {"started": now, "created": now, "time": (now, now), "config": plan.config, "versions": plan.versions}
    manifest = Manifest(
        run_id=plan.run_id, replaces=plan.replaces, rows=1, servers=1, files=entries, categories={}, **known
    )
    LocalStore(root).put("manifest.json", manifest.to_json())
    return manifest


@pytest.fixture
def whole() -> Callable[[Path], Files]:
    """Read all files below a folder."""
    return lambda root: {name: (root / name).read_bytes() for name in LocalStore(root).names()}
