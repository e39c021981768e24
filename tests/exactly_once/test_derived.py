from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dask_synth.dataset import Dataset
from dask_synth.errors import ReplacedError
from dask_synth.exactly_once.derived import keep
from dask_synth.exactly_once.lock import hold
from tests.exactly_once.conftest import finish, record


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "fleet", finish(tmp_path / "fleet", record()))


def test_a_verdict_is_kept_beside_the_manifest(dataset: Dataset) -> None:
    assert keep(dataset, {"validation.json": b"{}"}) is None
    assert (dataset.path / "validation.json").read_bytes() == b"{}"
    assert not (dataset.path / ".dask-synth-lock").exists()


def test_the_verdict_of_one_dataset_is_not_put_into_another(dataset: Dataset) -> None:
    finish(dataset.path, record(seed=7))
    with pytest.raises(ReplacedError, match="was replaced while it was read; open it again"):
        keep(dataset, {"validation.json": b"{}"})
    assert not (dataset.path / "validation.json").exists()


def test_nothing_is_put_where_a_run_is_at_work(dataset: Dataset) -> None:
    with hold(dataset.path):
        assert "being written by process" in str(keep(dataset, {"validation.json": b"{}"}))
    assert not (dataset.path / "validation.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's eyes")
def test_a_dataset_of_another_user_is_told_and_not_written() -> None:
    code = "import sys; from pathlib import Path; from dask_synth.dataset import open_dataset as o\n"
    code += (
        "from dask_synth.exactly_once.derived import keep; print(keep(o(Path(sys.argv[1])), {'validation.json': b''}))"
    )
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code]
    with TemporaryDirectory() as folder:  # not below tmp_path, which pytest closes to others
        Path(folder).chmod(0o755)
        finish(Path(folder) / "fleet", record())
        line = [*words, f"{folder}/fleet"]
        done = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.stdout == "Permission denied\n", done.stderr
