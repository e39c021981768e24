"""Small datasets and made-up verdicts for the report's tests."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from dask_synth.config.layers import load_config
from dask_synth.config.run import RunConfig
from dask_synth.dataset import Dataset, generate
from dask_synth.measure.layout import Layout
from dask_synth.measure.one_pass import start_pass
from dask_synth.measure.planned import Planned
from dask_synth.pipeline.plan import spec_of
from dask_synth.proof.verdict import VALIDATION_NAME, Check, Verdict
from dask_synth.reporting.report import recorded_spec
from dask_synth.reporting.summary import Summary, summary_of
from dask_synth.schema import METRICS
from dask_synth.theory.theory import Theory

SMALL: Mapping[str, Any] = {"fleet.servers": 20, "time.start_date": "2024-01-01", "time.end_date": "2024-03-31"}
LIVING: Mapping[str, Any] = {
    "fleet.servers": 48,
    "fleet.mix": {"web": 0.5, "batch": 0.5},
    "fleet.company": {"size": 6, "pools": 0.6, "alike": 0.9},
    "fleet.regions": {
        "Here": {"timezone": "America/New_York"},
        "There": {"timezone": "Europe/Berlin", "holidays": "DE"},
    },
    "archetypes": {
        name: {"noise": "proportional", "level_spread": {"cpu": 0.4, "net": 0.8}, "cycle": "office", "strength": 0.5}
        for name in ("web", "batch")
    },
    "time.granularity": "hourly",
    "time.end_date": "2024-02-25",
    "output.formats": ["parquet"],
}
"""A fleet whose servers are individuals, with pools and local time."""
HOSTILE = ["</script><script>document.title='owned'</script>", "<b>R&D</b>", "'\"{{ 7 * 7 }}${1}$x_1$"]


def small_config(path: Path, changes: Mapping[str, Any] | None = None) -> RunConfig:
    return load_config(None, {**SMALL, "output.path": str(path), **(changes or {})})


def small_dataset(path: Path, changes: Mapping[str, Any] | None = None) -> Dataset:
    options = {"processes": False, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster, Client(cluster) as client:
        return generate(small_config(path, changes), client)


def summarise_dataset(dataset: Dataset) -> Summary:
    """Return what a report shows of a dataset."""
    spec = recorded_spec(dataset)
    layout = Layout.of(spec)
    return summary_of(start_pass(dataset, None, Planned.of(spec), layout)(), Theory.of(spec), layout)


def made_up_verdict(dataset: Dataset, failing: str | None = None) -> Verdict:
    """Return a verdict with the mean of each metric in three cells, observed one standard error too high.

    The check whose name is `failing` is 52 standard errors too low instead.
    """
    theory = Theory.of(spec_of(RunConfig(**dataset.manifest.config)))
    checks = [_check("structure.rows", "structure", 1, 1, None, None, True)]
    for archetype, known in theory.archetypes.items():
        answer = known.means()
        for k, metric in enumerate(METRICS):
            for i, cell in enumerate(theory.cells):
                if cell.name not in ("all", "weekday", "weekend"):
                    continue
                name = f"mean.{archetype}.{metric}.{cell.name}"
                expected, error, _ = answer.at(k, i)
                z = -52.0 if name == failing else 1.0
                place = {"archetype": archetype, "metric": metric, "cell": cell.name}
                checks.append(_check(name, "mean", expected + z * error, expected, error, z, z == 1, **place))
        place = {"archetype": archetype, "metric": "cpu_p95~mem_p95"}
        name = f"correlation.{archetype}.cpu_p95~mem_p95"
        checks.append(_check(name, "correlation", 0.51, 0.5, 0.01, 1.0, True, **place))
    return Verdict(
        run_id=dataset.manifest.run_id,
        created=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        level=0.001,
        critical_z=4.5,
        rows=dataset.manifest.rows,
        seconds=1.25,
        checks=tuple(checks),
    )


def put_verdict(dataset: Dataset, verdict: Verdict) -> None:
    (dataset.path / VALIDATION_NAME).write_text(verdict.model_dump_json(), encoding="utf-8")


def _check(name: str, kind: Any, observed: Any, expected: Any, error: Any, z: Any, passed: bool, **place: Any) -> Check:
    message = f"{name}: {observed}, expected {expected}"
    return Check(
        name=name,
        kind=kind,
        what=name,
        observed=float(observed),
        expected=float(expected),
        standard_error=error,
        z=z,
        passed=passed,
        message=message if passed else f"{message}: is weekend_factor <0.7>?",
        **place,
    )
