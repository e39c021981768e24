"""Settings of Dask that keep it from working, and terminals of few letters: one message, nothing begun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SMALL = ("--servers", "3", "--end-date", "2022-01-05", "--no-report", "--output", "fleet")


def run(folder: Path, settings: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder, with these environment variables besides."""
    command = [sys.executable, "-m", "dask_synth", *words]
    return subprocess.run(command, cwd=folder, env=os.environ | dict(settings), capture_output=True, check=False)


def broken_yaml(folder: Path) -> dict[str, str]:
    (folder / "dask").mkdir()
    (folder / "dask" / "broken.yaml").write_text("distributed: [\n", encoding="utf-8")
    return {"DASK_CONFIG": str(folder / "dask")}


SETTINGS: Mapping[str, tuple[Callable[[Path], dict[str, str]], str]] = {
    "query planning": (lambda _: {"DASK_DATAFRAME__QUERY_PLANNING": "False"}, "dataframe.query-planning"),
    "temporary files": (lambda _: {"DASK_TEMPORARY_DIRECTORY": "/proc/nowhere"}, "temporary-directory"),
    "broken YAML": (broken_yaml, "Dask's configuration"),
}


@pytest.mark.parametrize("what", SETTINGS)
@pytest.mark.parametrize("scheduler", ["local", "processes:1"])
def test_a_setting_that_dask_cannot_work_with_is_one_message(tmp_path: Path, what: str, scheduler: str) -> None:
    settings, key = SETTINGS[what]
    done = run(tmp_path, settings(tmp_path), *SMALL, "--scheduler", scheduler)
    words = done.stderr.decode()
    assert done.returncode == 2, words
    assert key in words
    assert "Traceback" not in words
    assert not (tmp_path / "fleet").exists()


@pytest.mark.parametrize("scheduler", ["local", "processes:1"])
def test_a_folder_for_temporary_files_that_is_not_there_yet_is_made(tmp_path: Path, scheduler: str) -> None:
    settings = {"DASK_TEMPORARY_DIRECTORY": str(tmp_path / "not" / "yet")}
    done = run(tmp_path, settings, *SMALL, "--scheduler", scheduler)
    assert done.returncode == 0, done.stderr.decode()


def test_where_the_workers_are_elsewhere_their_temporary_files_are_their_own(tmp_path: Path) -> None:
    settings = {"DASK_TEMPORARY_DIRECTORY": "/proc/nowhere", "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:9"}
    done = run(tmp_path, settings, *SMALL, "--wait", "1")
    assert done.returncode == 2
    assert "no scheduler answers" in done.stderr.decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_few_letters_shows_escapes(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "fleet.yaml").write_text('fleet:\n  regions: ["Zürich", "東京"]\n', encoding="utf-8")
    few = {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    made = ("--servers", "3", "--end-date", "2022-01-05", "--config", "fleet.yaml", "--output", "東")
    for words in (("config", "--config", "fleet.yaml"), made, ("verify", "東"), ("validate", "東")):
        done = run(tmp_path, few, *words)
        assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "東" / "manifest.json").exists()
