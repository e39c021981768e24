from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster

import dask_synth
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
    assert done.stdout.splitlines()[-1].startswith(f"{said['inside']} of 66 inside; {said['apply']} apply")
    assert len(done.stdout.splitlines()) == 3 + 66
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


def test_workers_need_nothing_of_the_job_s(job: Job, hourly: Path, tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        said = figures(job, hourly, tmp_path, "--scheduler", cluster.scheduler_address)
    assert said["table"] == figures(job, hourly, tmp_path)["table"]


def test_wrong_input(job: Job, hourly: Path, tmp_path: Path) -> None:
    for words, message in (
        ((tmp_path / "none",), "there is no dataset"),
        (
            (hourly, "--start", "2022-04-05"),
            "has 14 days in whole weeks from Monday 2022-04-11 on; the figures need 28",
        ),
        ((hourly, "--start", "soon"), "soon"),
    ):
        done = job("fidelity.py", *words)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
