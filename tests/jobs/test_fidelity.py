from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster, Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

import dask_synth
from tests.integration.surroundings import ROOT
from tests.jobs.conftest import Job


def made(path: Path, end: str, granularity: str = "hourly", formats: tuple[str, ...] = ("parquet",)) -> Path:
    fleet = {"fleet.servers": 12, "time.start_date": "2022-01-01", "time.end_date": end}
    output = {"output.path": str(path), "output.formats": list(formats)}
    dask_synth.generate(dask_synth.load_config(None, {**fleet, **output, "time.granularity": granularity}))
    return path


@pytest.fixture(scope="module")
def hourly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("hourly") / "fleet", "2022-04-30")


def figures(job: Job, path: Path, tmp_path: Path, *words: object) -> dict[str, Any]:
    file = tmp_path / f"{path.name}.json"
    done = job("fidelity.py", path, "--json", file, "--scheduler", "threads:1", *words)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(file.read_text())
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{said['inside']} of 66 inside, {said['rows_whole']} of 24 rows whole"
    assert lines[-2].endswith(f"; {said['apply']} figures apply to this dataset")
    assert len(lines) == 4 + ("fine" in said) + 66
    return said


def test_the_figures_are_those_of_the_rows(job: Job, hourly: Path, tmp_path: Path) -> None:
    said = figures(job, hourly, tmp_path)
    assert (said["start"], said["days"], said["figures"]) == ("2022-01-03", 91, 66)
    table = {one["figure"]: one for one in said["table"]}
    frame = pd.read_parquet(hourly / "metrics")
    frame = frame[(frame.timestamp >= "2022-01-03") & (frame.timestamp < "2022-04-04")]
    wide = {
        name: frame.pivot_table(index="timestamp", columns="server_id", values=name) for name in ("cpu_p95", "mem_p95")
    }
    cpu, mem = wide["cpu_p95"], wide["mem_p95"]
    days = cpu.groupby(pd.DatetimeIndex(cpu.index).floor("D")).quantile(0.95)
    pairs = cpu.corr().to_numpy()[np.triu_indices(12, 1)]
    expected = {
        "h_corr_cpu_mem": cpu.corrwith(mem).median(),
        "h_pair_any": np.median(pairs),
        "h_logmean_sd": np.log(cpu.mean()).std(),
        "d_cv_cpu": (days.std(ddof=0) / days.mean()).median(),
        "d_skew_cpu": (((days - days.mean()) ** 3).mean() / days.std(ddof=0) ** 3).median(),
        "d_full": (days >= 99.5).to_numpy().mean(),
        "p90p10_overall": days.mean().quantile(0.9) / days.mean().quantile(0.1),
    }
    assert {name: table[name]["value"] for name in expected} == pytest.approx(expected)
    assert table["f_over"]["value"] is None
    assert "5 minutes" in table["f_over"]["note"]
    assert "no two near-equal servers" in table["h_pair_near"]["note"]
    assert said["apply"] == sum(one["inside"] is not None for one in said["table"])
    assert said["inside"] == sum(one["inside"] is True for one in said["table"]) < said["apply"]


def test_another_start(job: Job, hourly: Path, tmp_path: Path) -> None:
    said = figures(job, hourly, tmp_path, "--start", "2022-02-01")
    assert (said["start"], said["days"]) == ("2022-02-07", 77)
    notes = {one["figure"]: one["note"] for one in said["table"]}
    assert notes["d_month_cpu"] == "needs 91 days from a Monday"


def test_an_appended_dataset_and_text_say_the_same(job: Job, hourly: Path, tmp_path: Path) -> None:
    grown = made(tmp_path / "grown", "2022-02-10")
    dask_synth.append(grown, "2022-04-30")
    text = made(tmp_path / "text", "2022-04-30", formats=("csv",))
    expected, *others = (
        {one["figure"]: one["value"] for one in figures(job, path, tmp_path)["table"] if one["value"] is not None}
        for path in (hourly, grown, text)
    )
    for other in others:  # servers come in another order, which leaves the last bits to chance
        assert other == pytest.approx(expected, rel=1e-9)


def test_a_daily_dataset_has_27_figures(job: Job, tmp_path: Path) -> None:
    said = figures(job, made(tmp_path / "daily", "2022-12-31", "daily"), tmp_path)
    # Of these one may have no such days.
    assert said["apply"] in {26, 27}
    notes = {one["figure"]: one["note"] for one in said["table"]}
    assert notes["h_acf1_cpu"] == "needs hourly samples"
    assert notes["d_ratio_cpu"] == "needs samples within the day"


def test_figures_of_5_minutes_come_of_a_dataset_of_their_own(job: Job, hourly: Path, tmp_path: Path) -> None:
    """They are those that it has alone; all others, and their notes, stay the first one's."""
    fleet = {"fleet.servers": 2, "time.start_date": "2022-03-07", "time.end_date": "2022-04-03"}
    output = {"output.path": str(tmp_path / "fine"), "output.formats": ["parquet"]}
    dask_synth.generate(dask_synth.load_config(None, {**fleet, **output, "time.granularity": "5min"}))
    said, alone = figures(job, hourly, tmp_path), figures(job, tmp_path / "fine", tmp_path)
    both = figures(job, hourly, tmp_path, "--fine", tmp_path / "fine")
    assert both["fine"] == {"dataset": str(tmp_path / "fine"), "start": "2022-03-07", "days": 28}
    assert (both["start"], both["days"]) == ("2022-01-03", 91)
    expected = [
        of if of["figure"].startswith("f_") else one for one, of in zip(said["table"], alone["table"], strict=True)
    ]
    assert both["table"] == expected
    found = [one["figure"] for one in both["table"] if one["figure"].startswith("f_") and one["value"] is not None]
    assert "f_over" in found
    assert both["apply"] == said["apply"] + len(found)
    assert not [one["figure"] for one in both["table"] if "5 minutes" in one["note"]]


@pytest.fixture(params=["a scheduler that has these modules", "one that has not"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    """Be a cluster of others, whose scheduler is in this process: Dask pickles by name what such a process knows."""
    for name in [name for name in sys.modules if name.startswith("fidelity")]:
        monkeypatch.delitem(sys.modules, name)
    if "has these" in request.param:
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(ROOT / "jobs"))
            importlib.import_module("fidelity_fleet")
    assert str(ROOT / "jobs") not in sys.path
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        yield cluster


def test_workers_need_nothing_of_the_job_s(job: Job, hourly: Path, tmp_path: Path, cluster: LocalCluster) -> None:
    said = figures(job, hourly, tmp_path, "--scheduler", cluster.scheduler_address, "--patience", 60)
    assert said["table"] == figures(job, hourly, tmp_path)["table"]


class NoMoreWorkers(SchedulerPlugin):
    """Once there are tasks, workers go, and none comes back."""

    def update_graph(self, scheduler: Scheduler, **graph: Any) -> None:
        scheduler.loop.add_callback(scheduler.retire_workers, list(scheduler.workers), remove=True, close_workers=True)


def test_a_cluster_without_workers_is_not_waited_for_without_end(job: Job, hourly: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        cluster.scheduler.add_plugin(NoMoreWorkers())
        done = job("fidelity.py", hourly, "--scheduler", cluster.scheduler_address, "--patience", 4)
    assert done.returncode == 3
    assert "no worker ended a task for 4 s" in done.stderr
    assert "tasks are left" in done.stderr
    assert "Traceback" not in done.stderr


def test_rows_in_memory_have_the_same_figures(job: Job, hourly: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "jobs"))
        fleet: Any = importlib.import_module("fidelity_fleet")
    seen = fleet.figures_of(pd.read_parquet(hourly / "metrics"))
    for one in figures(job, hourly, tmp_path)["table"]:
        if one["value"] is not None:
            assert seen[one["figure"]] == pytest.approx(one["value"], rel=1e-9), one["figure"]


def test_wrong_input(job: Job, hourly: Path, tmp_path: Path) -> None:
    for words, message in (
        ((tmp_path / "none",), "there is no dataset"),
        (
            (hourly, "--start", "2022-04-05"),
            "has 14 days in whole weeks from Monday 2022-04-11 on; the figures need 28",
        ),
        ((hourly, "--fine", hourly), "has samples every 60 minutes; it takes 5min or finer"),
        ((hourly, "--fine", tmp_path / "none"), "there is no dataset"),
        ((hourly, "--start", "soon"), "soon"),
        ((hourly, "--patience", "0"), "0 is not a number of seconds above 0"),
    ):
        done = job("fidelity.py", *words)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
