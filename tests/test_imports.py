from __future__ import annotations

import ast
import graphlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dask_synth
from dask_synth.clusters import kinds

ROOT = Path(dask_synth.__file__).parent.parent

WIRING = {
    "dask_synth.cli.progress",
    "dask_synth.clusters.connect",
    *(f"dask_synth.clusters.kinds.{kind.name}" for kind in pkgutil.iter_modules(kinds.__path__)),
    "dask_synth.clusters.local",
    "dask_synth.clusters.preflight",
    "dask_synth.clusters.resources",
    "dask_synth.clusters.watch",
    "dask_synth.measure.one_pass",
    "dask_synth.pipeline.append",
    "dask_synth.pipeline.frame",
    "dask_synth.pipeline.parts",
    "dask_synth.pipeline.run",
    "dask_synth.pipeline.submit",
    "dask_synth.pipeline.task",
    "dask_synth.proof.validate",
    "dask_synth.reporting.report",
}
"""The modules that may know Dask."""

ROOMS = (
    {"__main__"},
    {"cli"},
    {"dataset"},
    {"reporting"},
    {"proof"},
    {"pipeline", "measure"},
    {"clusters"},
    {"exactly_once"},
    {"config"},
    {"storage"},
    {"theory"},
    {"model"},
    {"schema", "errors"},
)
"""From the top down: what stands in one line may know all that stands below it, and nothing else."""

MODULES = ["dask_synth", *(found.name for found in pkgutil.walk_packages(dask_synth.__path__, "dask_synth."))]
PURE = [name for name in MODULES if name not in WIRING]

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


def imports_of(module: str) -> set[str]:
    """Return the modules of ours that a module imports anywhere: at its top, in functions, for types alone."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            found |= {
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source for alias in node.names
            }
    return {name for name in found if name.split(".")[0] == "dask_synth"}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


IMPORTS = {module: imports_of(module) for module in MODULES if module != "dask_synth"}


def test_every_module_stands_in_a_room() -> None:
    assert {room_of(module) for module in IMPORTS} == set().union(*ROOMS)


@pytest.mark.parametrize("module", IMPORTS)
def test_imports_point_down(module: str) -> None:
    level = next(i for i, rooms in enumerate(ROOMS) if room_of(module) in rooms)
    below = {room_of(module)}.union(*ROOMS[level + 1 :])
    # The package itself is asked for its version and its folder; what else it has stands above.
    asked = {room_of(name) for name in IMPORTS[module] if name != "dask_synth"}
    assert asked <= below


@pytest.mark.parametrize("module", [module for module in IMPORTS if "dask_synth" in IMPORTS[module]])
def test_only_the_top_asks_the_package_for_what_it_offers(module: str) -> None:
    text = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    asked = set(re.findall(r"(?<![\w.])dask_synth\.(\w+)", re.sub(r'""".*?"""', "", text, flags=re.DOTALL)))
    names = asked & {*dask_synth.__all__, "__file__"}
    assert room_of(module) == "cli" or names <= {"__version__", "__file__"}


def test_there_are_no_circles() -> None:
    graph = {module: {name for name in names if name != "dask_synth"} for module, names in IMPORTS.items()}
    assert len(tuple(graphlib.TopologicalSorter(graph).static_order())) == len(IMPORTS)


def test_the_model_needs_neither_arrow_nor_files() -> None:
    _, loaded = fresh_interpreter("dask_synth.model.metrics", "dask_synth.model.fleet", "dask_synth.model.seeds")
    assert not {"pydantic", "yaml", "click", "fsspec"} & set(loaded)


def test_a_dataset_is_proved_without_dask_dataframe_which_takes_a_third_of_a_second() -> None:
    found, _ = fresh_interpreter("dask_synth.proof.validate")
    assert "dask.delayed" in found["dask_synth.proof.validate"]
    assert "dask.dataframe" not in found["dask_synth.proof.validate"]


def test_every_public_name_is_there() -> None:
    for name in dask_synth.__all__:
        assert getattr(dask_synth, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fleet_fram'"):
        dask_synth.fleet_fram  # noqa: B018
