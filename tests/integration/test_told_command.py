"""What a failed run says to type is what was typed, and goes on."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import dask_synth
from tests.integration.surroundings import BARE, environment

BIN = Path(sys.executable).parent
SMALL = ("--servers", "8", "--granularity", "hourly", "--years", "1", "--format", "parquet", *BARE)


@pytest.mark.parametrize("program", ["dask-synth", "dask synth", "python -m dask_synth"])
def test_the_told_command_begins_as_the_typed_one_and_finishes(program: str, tmp_path: Path) -> None:
    paths = environment() | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    line = f"{program} {shlex.join(SMALL)} --output {shlex.quote(str(tmp_path / 'fleet'))}"

    def run(command: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "-c", command]
        return subprocess.run(words, capture_output=True, text=True, env=paths, cwd=tmp_path, timeout=120, check=False)

    # In blocks of 1 KiB: less than a part.
    failed = run(f"ulimit -f 30; exec {line}")
    assert failed.returncode == 3, failed.stderr
    told = failed.stderr.rstrip().splitlines()[-1].strip()
    assert told == f"{line} --resume"
    done = run(told)
    assert done.returncode == 0, done.stderr
    assert dask_synth.open_dataset(tmp_path / "fleet").verify() == []
