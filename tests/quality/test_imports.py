"""Statistics and checks are NumPy and pandas: whoever looks at a verdict does not wait for Dask."""

import subprocess
import sys

import pytest

PURE = (
    "statistics",
    "partition",
    "faults",
    "reference",
    "evidence",
    "observed",
    "trial",
    "checks",
    "structure",
    "files",
    "table",
)


@pytest.mark.parametrize("module", PURE)
def test_no_dask(module: str) -> None:
    code = f"import sys, dask_synth.quality.{module}; print([m for m in sys.modules if m.split('.')[0] == 'dask'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
