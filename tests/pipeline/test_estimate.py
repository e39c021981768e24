"""What a dry run says of sizes, against the files of real runs of many sizes and shapes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import dask_synth
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline import estimate
from dask_synth.pipeline.chunk import chunk_table
from dask_synth.pipeline.estimate import estimated_sizes
from dask_synth.pipeline.plan import Chunk, RunPlan
from tests.further import WITH_BOTH

NEAR = 0.15

FLAT: dict[str, Any] = {
    "fleet.mix": {"web": 1.0},
    "archetypes.web.sd": {"cpu": 0.05, "mem": 0.05, "disk": 0.05, "net": 0.05},
    **{f"seasonality.{name}": False for name in ("weekly", "business_hours", "quarter_end")},
    "seasonality.holidays": [],
    "growth": False,
    "spikes": False,
}

SMALL: dict[str, dict[str, Any]] = {
    "1 server for a day": {"fleet.servers": 1, "time.end_date": "2022-01-01"},
    "10 servers for 5 days": {"fleet.servers": 10, "time.end_date": "2022-01-05"},
    "10 servers daily": {"fleet.servers": 10},
    "10 servers daily, Parquet": {"fleet.servers": 10, "output.formats": ["parquet"]},
    "10 servers daily, CSV": {"fleet.servers": 10, "output.formats": ["csv"]},
    "metrics of one's own": {**WITH_BOTH, "fleet.servers": 10, "time.years": 1},
    "small parts": {"output.rows_per_partition": 3000, "output.formats": ["parquet"]},
}
LARGE: dict[str, dict[str, Any]] = {
    "baseline": {},
    "more servers than are sampled": {"fleet.servers": 20_000, "time.end_date": "2022-01-01"},
    "5 servers for a month of minutes": {
        "fleet.servers": 5,
        "time.granularity": "1min",
        "time.end_date": "2022-01-31",
    },
    "hourly_200": {"fleet.servers": 200, "time.granularity": "hourly"},
    "large parts": {
        "fleet.servers": 60,
        "time.granularity": "hourly",
        "output.rows_per_partition": 5_000_000,
        "output.formats": ["parquet"],
    },
    "next to no noise": {"fleet.servers": 30, "time.granularity": "hourly", **FLAT},
}


def sizes_of(config: dask_synth.RunConfig) -> dict[str, int]:
    """Make a dataset, and add up its files by what a dry run calls them."""
    sizes: Counter[str] = Counter()
    for entry in dask_synth.generate(config).manifest.files:
        name = entry.path.rpartition("/")[2]
        sizes["servers" if name == "servers.parquet" else "csv" if name.endswith(".gz") else "parquet"] += entry.bytes
    return dict(sizes)


def assert_near(settings: dict[str, Any], path: Path) -> None:
    config = dask_synth.load_config(None, {**settings, "output.path": str(path / "fleet")})
    told = estimated_sizes(RunPlan.of(config))
    made = sizes_of(config)
    assert told.keys() == made.keys() == {*config.output.formats, "servers"}
    for name, size in made.items():
        assert told[name] == pytest.approx(size, rel=NEAR), name


@pytest.mark.parametrize("shape", SMALL)
def test_small_runs_are_as_large_as_planned(shape: str, tmp_path: Path) -> None:
    assert_near(SMALL[shape], tmp_path)


@pytest.mark.integration
@pytest.mark.parametrize("shape", LARGE)
def test_large_runs_are_as_large_as_planned(shape: str, tmp_path: Path) -> None:
    assert_near(LARGE[shape], tmp_path)


@pytest.mark.parametrize(
    ("servers", "granularity", "end", "bytes_a_row"),
    [(100_000, "1min", "2025-12-31", 9.5), (100_000, "daily", "2022-01-31", 10.5)],
)
def test_a_run_of_any_size_is_planned_from_a_few_rows(
    servers: int, granularity: str, end: str, bytes_a_row: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []

    def counted(spec: FleetSpec, chunk: Chunk) -> pa.Table:
        table = chunk_table(spec, chunk)
        made.append((chunk.servers, len(table)))
        return table

    monkeypatch.setattr(estimate, "chunk_table", counted)
    settings = {"fleet.servers": servers, "time.granularity": granularity, "time.end_date": end}
    plan = RunPlan.of(dask_synth.load_config(None, settings))
    assert estimated_sizes(plan)["parquet"] / plan.rows == pytest.approx(bytes_a_row, rel=NEAR)
    assert len(made) == 4
    assert max(rows for _, rows in made) < 1.1 * estimate.SAMPLE_ROWS


def test_of_many_servers_with_few_rows_a_few_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "SAMPLE_SERVERS", 40)
    made: list[int] = []

    def counted(spec: FleetSpec, chunk: Chunk) -> pa.Table:
        made.append(chunk.servers)
        return chunk_table(spec, chunk)

    monkeypatch.setattr(estimate, "chunk_table", counted)
    estimated_sizes(RunPlan.of(dask_synth.load_config(None, {"fleet.servers": 500, "time.end_date": "2022-01-02"})))
    assert made == [40, 40, 40, 40]
