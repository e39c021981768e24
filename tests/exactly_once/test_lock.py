from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dask_synth.errors import OutputError
from dask_synth.exactly_once.lock import hold
from dask_synth.storage.names import LOCK_NAME

HOLDER = """
import sys
from pathlib import Path
from dask_synth.exactly_once.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_gone_after_use(tmp_path: Path) -> None:
    with hold(tmp_path):
        assert (tmp_path / LOCK_NAME).exists()
    assert not (tmp_path / LOCK_NAME).exists()
    with hold(tmp_path):
        pass


def test_the_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(OutputError, match=f"process {os.getpid()} of .* since 20"), hold(tmp_path):
        pass


def test_a_lock_whose_process_was_killed_needs_no_hand(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=f"process {holder.pid}"), hold(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    assert (tmp_path / LOCK_NAME).exists()
    with hold(tmp_path):
        pass
