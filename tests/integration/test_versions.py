"""The wheel under each Python that is supported, and with the oldest libraries that it says it takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import dask_synth
from tests.integration.conftest import ROOT, digests, environment
from tests.integration.test_package import wheel  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200), pytest.mark.filterwarnings("default")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def interpreter(version: str) -> Path | None:
    """Return a Python of this minor version: on the PATH, or where pyenv puts them."""
    elsewhere = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    found = [shutil.which(f"python{version}"), *map(str, elsewhere)]
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in filter(None, found):
        answer = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return Path(python)
    return None


def oldest() -> Iterator[str]:
    """Yield a pin to the lowest version of each library that the package needs."""
    for requirement in PROJECT["dependencies"]:
        match = re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?>=([0-9.]+)", requirement)
        assert match, requirement
        name, version = match.groups()
        yield f"{name}=={version}"


def installed(version: str, folder: Path, *what: object) -> Path:
    """Return the Python of a new environment in which `what` is installed."""
    if not (python := interpreter(version)):
        pytest.skip(f"there is no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    subprocess.run(list(map(str, pip)), check=True, timeout=900, capture_output=True)
    return folder / "bin" / "python"


def baseline(python: Path, room: Path) -> dask_synth.Dataset:
    """Make the baseline away from the checkout."""
    room.mkdir()
    variables = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    words: list[str | Path] = [python, "-m", "dask_synth", "--config", "baseline"]
    done = subprocess.run(words, cwd=room, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "valid: all" in done.stdout
    return dask_synth.open_dataset(room / "output")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dask_synth.Dataset:
    return dask_synth.generate(
        dask_synth.load_config("baseline", {"output.path": str(tmp_path_factory.mktemp("here") / "output")})
    )


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_each_python_makes_the_same_bytes(version: str, wheel: Path, tmp_path: Path, here: dask_synth.Dataset) -> None:  # noqa: F811
    pins = [f"{name}=={found}" for name, found in here.manifest.versions.items() if name != "model"]
    made = baseline(installed(version, tmp_path / "venv", wheel, *pins), tmp_path / "room")
    assert digests(made) == digests(here)


def test_the_oldest_libraries_make_the_same_rows_and_pass_the_tests(
    wheel: Path,  # noqa: F811
    tmp_path: Path,
    here: dask_synth.Dataset,
) -> None:
    (tmp_path / "oldest.txt").write_text("\n".join(oldest()))
    python = installed("3.11", tmp_path / "venv", "-c", tmp_path / "oldest.txt", f"dask-synth[test] @ {wheel.as_uri()}")
    made = baseline(python, tmp_path / "room")
    pd.testing.assert_frame_equal(made.frame().compute(), here.frame().compute())
    # Warnings count elsewhere: old libraries warn of newer ones beside them.
    suite = [python, "-m", "pytest", "-q", "-o", "filterwarnings=default", "-m", "not integration and not soak"]
    done = subprocess.run(list(map(str, suite)), cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
