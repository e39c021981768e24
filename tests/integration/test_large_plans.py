"""Twenty thousand chunks: the memory of the command grows by a receipt a chunk, and by nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dask_synth
from tests.integration.surroundings import BARE, environment

TINY = ("--start-date", "2025-01-01", "--end-date", "2025-01-02", "--format", "parquet")
KILOBYTES_PER_CHUNK = 16


def peak_kilobytes(path: Path, chunks: int) -> tuple[int, float]:
    """Make a fleet of one server a chunk; return the peak memory of the process and its seconds."""
    words = [*TINY, *BARE, "--servers", chunks, "--set", "output.rows_per_partition=1", "--output", path]
    start, peak = time.monotonic(), 0
    running = subprocess.Popen([sys.executable, "-m", "dask_synth", *map(str, words)], env=environment())
    # Not getrusage: it counts what this process had when it forked.
    while running.poll() is None:
        peak = max([peak, *map(int, re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{running.pid}/status").read_text()))])
        time.sleep(0.1)
    assert running.returncode == 0
    assert peak
    return peak, time.monotonic() - start


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("default")
def test_twenty_thousand_chunks(tmp_path: Path) -> None:
    few, _ = peak_kilobytes(tmp_path / "few", 2_000)
    many, seconds = peak_kilobytes(tmp_path / "many", 20_000)
    dataset = dask_synth.open_dataset(tmp_path / "many")
    assert len(dataset.parts()) == 20_000
    assert dataset.manifest.rows == 40_000
    print(f"\n20,000 chunks: {seconds:.0f} s, peak {many / 1024:.0f} MiB; 2,000 chunks: {few / 1024:.0f} MiB")
    assert many - few < KILOBYTES_PER_CHUNK * 18_000
