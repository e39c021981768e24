from __future__ import annotations

import subprocess
import sys

import pytest

from dask_synth.clusters.heap import keep_freed_memory

# Touches 8 MiB again and again, and prints how many pages the kernel had to make for it.
FAULTS = """
import resource, sys
import numpy as np
from dask_synth.clusters.heap import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(1 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_used_again_instead_of_asked_for_anew() -> None:
    # glibc learns by itself from the first large free; the nanny's setting keeps it from that.
    environment = {"MALLOC_TRIM_THRESHOLD_": "65536"}
    faults = {
        word: int(subprocess.check_output([sys.executable, "-c", FAULTS, word], env=environment))
        for word in ("default", "keep")
    }
    assert faults["keep"] < faults["default"] / 10
