"""Living rows have the same bits whatever registers a processor has: proven by switching them off."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dask_synth.model.columns import MetricTable
from dask_synth.model.life import Company
from dask_synth.model.spec import FleetSpec
from tests.living import ALIVE, PLACES, SKEW, drawn, living_spec

GRANULARITIES = {"hourly": 500, "daily": 900, "1min": 8}
DIGESTS = {
    "hourly": "5b6030e29660164c241bcef809dc66b216248990e69d8ee8048471bd22330df4",
    "daily": "f1431a43cc045943991828611cf935d9fa689f4da16d776474ca99a0b4ad254e",
    "1min": "287c22b383e4d2dc602df8989688c38f74eb7769cc8e2d02dbf3d45ef5ca8e20",
}
"""Living rows are part of the model: another digest is another MODEL_VERSION."""

LOOK = """
import json
from tests.model.test_living_bits import digests, extensions
print(json.dumps([extensions(), digests(), digests(every_bit=True)]))
"""


def fleet(granularity: str, *, every_bit: bool = False) -> FleetSpec:
    """Return a small fleet with all switches on; scaled by 2 ** 40, rounding to hundredths hides no bit."""
    life: dict[str, Any] = {**ALIVE, "skew": {**SKEW, "iops": 0.6}, "company": Company(3, 0.7, 0.9)}
    spec = living_spec(granularity, GRANULARITIES[granularity], servers=7, places=PLACES, further=True, **life)
    if not every_bit:
        return spec
    columns = (replace(column, scale=column.scale * 2.0**40, high=1e300) for column in spec.metrics.columns)
    return replace(spec, metrics=MetricTable(spec.metrics.metrics, tuple(columns)))


def digests(*, every_bit: bool = False) -> dict[str, str]:
    """Granularity -> SHA-256 of the rows."""
    found = {}
    for granularity in GRANULARITIES:
        hashed = hashlib.sha256()
        for column in drawn(fleet(granularity, every_bit=every_bit)).values():
            hashed.update(column.astype("<f8").tobytes())
        found[granularity] = hashed.hexdigest()
    return found


def extensions() -> list[str]:
    """Return what this processor has that NumPy chooses by at run time, the widest last."""
    return list(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))


def test_the_rows_of_a_living_fleet_are_those_that_they_always_were() -> None:
    assert digests() == DIGESTS


@pytest.mark.integration
@pytest.mark.parametrize("kept", [0, 1])
def test_without_wide_registers_the_rows_are_the_same(kept: int) -> None:
    off = extensions()[kept:]
    if not off:
        pytest.skip("this processor has no more than NumPy always uses")
    chosen = {"NPY_DISABLE_CPU_FEATURES": " ".join(off)}
    if platform.machine() in ("x86_64", "AMD64"):
        # The oldest kernel that OpenBLAS has for 64 bits: it chooses by itself, and is to have no part in this.
        chosen["OPENBLAS_CORETYPE"] = "Prescott"
    result = subprocess.run(
        [sys.executable, "-c", LOOK], env={**os.environ, **chosen}, capture_output=True, text=True, check=True
    )
    left, rows, bits = json.loads(result.stdout)
    assert left == extensions()[:kept], "the features must have been off for this to say anything"
    assert rows == DIGESTS
    assert bits == digests(every_bit=True)
