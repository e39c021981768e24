"""The rows of six configurations stay as they were in 0.1, to the bit.

A digest that changes means that everyone's datasets change; NumPy alone may do that, between its releases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

import dask_synth

OWN = {
    "base": {"cpu": 2, "mem": 99, "disk": 60, "net": 900},
    "sd": {"cpu": 4, "mem": 3, "disk": 0.5, "net": 300},
    "correlation": {"cpu_mem": -0.4, "cpu_net": 0.6, "mem_disk": 0, "cpu_disk": 0},
    "business_hours": 0.3,
    "weekend": 3,
    "spike_probability": 0.4,
    "spike_magnitude": 0.2,
    "growth": -12,
}
HOLIDAYS = [
    {"name": "Christmas Day", "factor": 0.1},
    {"first": "12-27", "last": "01-02", "factor": 0.4},
    {"date": "2000-01-15", "factor": 2.5},
]

CASES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "baseline": ({}, "95930c667c38abec921f8c77d0cf1cc32793498d641b747b5c74281f9831f17e"),
    "hourly": (
        {"fleet.servers": 20, "time.granularity": "hourly", "time.years": 2, "seed": 7},
        "c59e100d17d4d53014ccea260bb7fa1b502ba7c56b407a1b6d678decc55238ab",
    ),
    "1min, more than a block": (
        {"fleet.servers": 5, "time.granularity": "1min", "time.end_date": "2022-01-20", "seed": 2**64 - 1},
        "5befd2a9ce93c195c228dcb8025577f2b83e6144d166e693c08210518127e895",
    ),
    "30min, other seasons": (
        {
            "fleet.servers": 9,
            "time.granularity": "30min",
            "time.start_date": "1999-11-20",
            "time.end_date": "2000-03-05",
            "seasonality.business_hours": False,
            "seasonality.holidays": HOLIDAYS,
            "growth": False,
        },
        "5795ca0d5cc26bf1ca4425b877731ef9e034660d529ce598bac0413c75baca94",
    ),
    "an archetype of one's own": (
        {
            "fleet.servers": 30,
            "fleet.mix": {"cache": 0.4, "web": 0.6},
            "fleet.regions": {"Mars": 3, "Moon": 1},
            "fleet.business_units": ["a, b", "ü"],
            "archetypes.cache": OWN,
            "time.granularity": "15min",
            "time.end_date": "2022-02-10",
        },
        "ad83be852084963db1fcddc3ff39bb3385a8690d5416885e56045e163f0c232b",
    ),
    "no spikes, many servers": (
        {
            "fleet.servers": 1500,
            "spikes": False,
            "time.end_date": "2022-04-02",
            "output.rows_per_partition": 5000,
            "seed": 0,
        },
        "39ce50c74eac50f95e3f8cc5ad0f187c9e48e55b2db585cb809ba41d1b959821",
    ),
}
"""Name -> what differs from the baseline, and the digest of the rows."""


def digest(frame: pd.DataFrame) -> str:
    """Hash the columns, one after the other, without what pandas and Arrow add of their own."""
    hashed = hashlib.sha256()
    for name in frame:
        column = frame[name]
        if column.dtype.kind == "M":
            column = column.astype("datetime64[us]").astype("int64")
        is_text = column.dtype.kind not in "fi"
        values = "\n".join(column).encode() if is_text else column.to_numpy().tobytes()
        hashed.update(f"{name} {'text' if is_text else column.to_numpy().dtype.str} {len(column)}\n".encode() + values)
    return hashed.hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_rows_stay_as_they_are(name: str) -> None:
    changes, expected = CASES[name]
    frame = dask_synth.fleet_frame(dask_synth.load_config(None, changes)).compute(scheduler="sync")
    assert digest(frame) == expected
