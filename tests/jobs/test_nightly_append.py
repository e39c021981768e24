from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

import dask_synth
from tests.jobs.conftest import Job


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    span = {"time.start_date": yesterday - dt.timedelta(days=120), "time.end_date": yesterday - dt.timedelta(days=2)}
    path = tmp_path / "fleet"
    dask_synth.generate(dask_synth.load_config(None, {"fleet.servers": 10, "output.path": str(path), **span}))
    return path


def test_it_appends_through_yesterday_and_is_quiet_afterwards(job: Job, fleet: Path) -> None:
    start = dask_synth.open_dataset(fleet).manifest.time[0].date()
    before = dt.datetime.now(dt.UTC).date()
    done = job("nightly_append.py", fleet)
    assert done.returncode == 0, done.stderr
    last = dask_synth.open_dataset(fleet).manifest.time[1].date()
    # A test that runs over midnight sees either day.
    assert last + dt.timedelta(days=1) in {before, dt.datetime.now(dt.UTC).date()}
    rows = 10 * ((last - start).days + 1)
    assert f"through {last}, {rows - 1190} rows added, {rows:,} in all, 0 of " in done.stdout

    (fleet / "validation.json").unlink()
    again = job("nightly_append.py", fleet, "--until", last)
    assert again.returncode == 0, again.stderr
    assert f"0 rows added, {rows:,} in all" in again.stdout
    assert (fleet / "validation.json").exists()


def test_what_it_appends_is_what_one_longer_run_makes(fresh_job: Job, fleet: Path) -> None:
    start, end = dask_synth.open_dataset(fleet).manifest.time
    until = end.date() + dt.timedelta(days=40)
    assert fresh_job("nightly_append.py", fleet, "--until", until).returncode == 0
    longer = {"fleet.servers": 10, "time.start_date": start.date(), "time.end_date": until}
    expected = dask_synth.fleet_frame(dask_synth.load_config(None, longer)).compute()
    order = ["server_id", "timestamp"]
    pd.testing.assert_frame_equal(
        pd.read_parquet(fleet / "metrics")[list(expected)].sort_values(order, ignore_index=True),
        expected.sort_values(order, ignore_index=True),
        check_dtype=False,
        check_categorical=False,
    )


def test_a_dataset_that_is_not_valid_wakes_somebody(job: Job, fleet: Path) -> None:
    part = next(fleet.glob("metrics/server_type=web/*.parquet"))
    frame = pd.read_parquet(part)
    frame["cpu_p95"] = (frame["cpu_p95"] / 2).round(2)
    frame.to_parquet(part, index=False)
    done = job("nightly_append.py", fleet)
    assert done.returncode == 1
    assert "web cpu_p95" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_there_is_wrong_input(job: Job, tmp_path: Path) -> None:
    done = job("nightly_append.py", tmp_path / "fleet")
    assert done.returncode == 2
    assert done.stderr.startswith("OutputError: there is no dataset at ")
    assert job("nightly_append.py", tmp_path, "--until", "tomorrow").returncode == 2
