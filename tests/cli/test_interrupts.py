from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

START = """
import logging, os, signal, sys, time
import distributed
from dask_synth.cli.interrupts import check, stopping
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
class Finalized:
    def __del__(self):
        interrupt()
with stopping(lambda: print("cleaned"), lambda: "Interrupted: nothing was committed."):
"""


def ended(block: str) -> subprocess.CompletedProcess[str]:
    lines = "".join(f"    {line}\n" for line in block.splitlines())
    root = Path(__file__).parents[2]
    line = [sys.executable, "-c", START + lines + "print('went on')"]
    return subprocess.run(line, capture_output=True, text=True, cwd=root, timeout=30, check=False)


@pytest.mark.parametrize(
    "block",
    [
        "interrupt()",
        "Finalized()",
        "Finalized(); check(); print('worked on')",
        "try: interrupt()\nfinally: logging.getLogger('tornado.application').error('Traceback')",
    ],
    ids=["in the block", "dropped by a finalizer", "looked for", "what the event loop says of it"],
)
def test_a_signal_ends_the_block_with_true_words_and_no_others(block: str) -> None:
    done = ended(block)
    assert (done.returncode, done.stdout) == (3, "cleaned\n")
    assert done.stderr == "Interrupted: nothing was committed.\n"


def test_a_second_signal_ends_at_once_and_says_nothing() -> None:
    done = ended("try: interrupt()\nfinally: interrupt()")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
