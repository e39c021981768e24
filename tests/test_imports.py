from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import dask_synth

ROOT = Path(dask_synth.__file__).parent.parent

WIRING = {
    "dask_synth.pipeline.append",
    "dask_synth.pipeline.backends",
    "dask_synth.pipeline.jobqueue",
    "dask_synth.pipeline.kubernetes",
    "dask_synth.pipeline.preflight",
    "dask_synth.pipeline.resources",
    "dask_synth.pipeline.frame",
    "dask_synth.pipeline.parts",
    "dask_synth.pipeline.run",
    "dask_synth.pipeline.scheduler",
    "dask_synth.pipeline.submit",
    "dask_synth.pipeline.watch",
    "dask_synth.pipeline.task",
    "dask_synth.progress",
}
"""The modules that may know Dask; `quality`, whose reductions run on it, is the one room besides."""

MODULES = ["dask_synth", *(found.name for found in pkgutil.walk_packages(dask_synth.__path__, "dask_synth."))]
PURE = [name for name in MODULES if name not in WIRING and not name.startswith("dask_synth.quality")]

LOOK = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    found[name] = sorted(module for module in sys.modules if module.split(".")[0] in ("dask", "distributed"))
    for module in found[name]:
        del sys.modules[module]
print(json.dumps([found, sorted(sys.modules)]))
"""


def fresh_interpreter(*modules: str) -> tuple[dict[str, list[str]], list[str]]:
    """Import modules one after the other; return what of Dask came with each, and all that is loaded."""
    command = [sys.executable, "-c", LOOK, *modules]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found, loaded = json.loads(result.stdout)
    return found, loaded


@pytest.fixture(scope="module")
def dask_modules_by_import() -> dict[str, list[str]]:
    return fresh_interpreter(*PURE)[0]


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_never_imports_dask(module: str, dask_modules_by_import: dict[str, list[str]]) -> None:
    assert dask_modules_by_import[module] == []


def test_the_look_sees_dask_where_it_is() -> None:
    found, _ = fresh_interpreter("dask_synth.model.metrics", "dask_synth.pipeline.frame")
    assert found["dask_synth.model.metrics"] == []
    assert "dask" in found["dask_synth.pipeline.frame"]


def test_the_modules_that_may_know_dask_are_still_there() -> None:
    assert set(MODULES) >= WIRING


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("dask_synth.schema", {"schema"}),
        ("dask_synth.model", {"model", "schema"}),
        ("dask_synth.theory", {"theory", "model"}),
        ("dask_synth.storage", {"storage", "schema", "errors"}),
    ],
)
def test_imports_point_inward(room: str, allowed: set[str]) -> None:
    _, loaded = fresh_interpreter(*(name for name in MODULES if name == room or name.startswith(f"{room}.")))
    rooms = {name.split(".")[1] for name in loaded if name.startswith("dask_synth.")}
    assert rooms <= allowed


def test_the_model_needs_neither_arrow_nor_files() -> None:
    _, loaded = fresh_interpreter("dask_synth.model.metrics", "dask_synth.model.fleet", "dask_synth.model.seeds")
    assert not {"pydantic", "yaml", "click", "fsspec"} & set(loaded)


def test_every_public_name_is_there() -> None:
    for name in dask_synth.__all__:
        assert getattr(dask_synth, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fleet_fram'"):
        dask_synth.fleet_fram  # noqa: B018
