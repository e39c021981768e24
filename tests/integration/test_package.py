"""What is released: an sdist, and the wheel made of it, without the repository beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import dask_synth
from tests.integration.surroundings import ROOT

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    line = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(line, capture_output=True, text=True, timeout=240)
    assert built.returncode == 0, built.stdout + built.stderr
    assert len(list(folder.glob("*.tar.gz"))) == 1
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_program_needs_and_no_more(wheel: Path) -> None:
    assert wheel.name == f"dask_synth-{dask_synth.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"dask_synth", f"dask_synth-{dask_synth.__version__}.dist-info"}
    for needed in (
        "py.typed",
        "config_files/baseline.yaml",
        "config_files/hourly_200.yaml",
        "reporting/page.html.j2",
        "reporting/picker.js",
    ):
        assert f"dask_synth/{needed}" in names


def test_the_wheel_alone_does_the_main_job(wheel: Path, tmp_path: Path) -> None:
    alone, room = tmp_path / "alone", tmp_path / "room"
    room.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(alone), str(wheel)]
    subprocess.run(pip, check=True, timeout=120)
    # Dependencies come from this environment; .pth files on PYTHONPATH, and so the checkout, do not count.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    path = f"{alone}:{sysconfig.get_paths()['purelib']}"

    def python(*words: object) -> subprocess.CompletedProcess[str]:
        line = [str(tmp_path / "venv" / "bin" / "python"), *map(str, words)]
        env = os.environ | {"PYTHONPATH": path, "HOME": str(tmp_path)}
        return subprocess.run(line, capture_output=True, text=True, cwd=room, env=env, timeout=240)

    assert python("-c", "import dask_synth; print(dask_synth.__file__)").stdout.startswith(str(alone))
    done = python("-m", "dask_synth", "--config", "baseline")
    assert done.returncode == 0, done.stderr
    made, verdict, *drawn = done.stdout.splitlines()
    assert made.startswith("175,320 rows in 6 files")
    assert verdict.startswith("valid: all ")
    assert [Path(line).name for line in drawn] == ["overview.png", "report.html"]
