"""The notebooks run from a clean kernel at a small size, and are kept without what a run leaves in them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.integration.surroundings import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("site")]

NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
every = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


@every
def test_it_is_kept_without_outputs(notebook: Path) -> None:
    content = json.loads(notebook.read_text())
    nbformat.validate(content)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert all(cell["metadata"] == {} for cell in content["cells"])
    assert set(content["metadata"]) == {"kernelspec", "language_info"}


@every
def test_it_explains_itself_and_defines_no_functions(notebook: Path) -> None:
    cells = nbformat.read(notebook, as_version=4).cells
    assert cells[0].source.startswith("# ")
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert not [line for line in lines if line.lstrip().startswith(("def ", "class ", "from dask_synth"))]


@every
# Jupyter's own clients warn of sockets and event loops; what the notebook warns of shows in its output.
@pytest.mark.filterwarnings("default")
def test_it_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SYNTH_NOTEBOOK_SERVERS", "20")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # more wait for each other, at full load, over matrices this small
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("AWS_ENDPOINT_URL", "DASK_SYNTH_NOTEBOOK_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    content = nbformat.read(notebook, as_version=4)
    NotebookClient(content, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = [output for cell in content.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
    shown = "\n".join(_text(output) for output in outputs)
    for expected in SHOWN[notebook.stem]:
        assert expected in shown
    assert not list(tmp_path.rglob("manifest.json")), "it leaves its dataset behind"
    monkeypatch.syspath_prepend(ROOT / "docs")
    importlib.import_module("generated.notebooks").keep(notebook, content)  # for the site, which would run it again


SHOWN = {
    "01_first_fleet": ["10,227 rows", "29,220 rows", "server_type=database"],
    "02_proof": ["passed: True", "web mem_p95", "changed: same size, other content"],
    "03_forecast_capacity": [
        "if days were independent",
        "1 of 3 database servers are full already",
        "trend + calendar",
    ],
    "04_to_a_cluster": ["tcp://127.0.0.1:", "/status", "175,200 rows", "the same bytes", "no endpoint is set"],
}


def _text(output: dict[str, Any]) -> str:
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))
