from __future__ import annotations

from pathlib import Path

import pytest

import dask_synth
from tests.jobs.conftest import Job


def test_it_makes_loads_asks_and_draws(fresh_job: Job, tmp_path: Path) -> None:
    done = fresh_job("baseline.py", "--servers", 20, "--output", tmp_path / "fleet")
    assert done.returncode == 0, done.stderr
    first, *table, picture, page = done.stdout.splitlines()
    assert first.startswith("29,220 rows, ")
    assert first.endswith(" 0 failed")
    config = dask_synth.load_config(overrides={"fleet.servers": 20})
    frame = dask_synth.fleet_frame(config).compute()
    means = frame.groupby(["server_type", "is_weekend"], observed=True)[["cpu_p95", "mem_p95"]].mean()
    printed = [float(number) for line in table[2:] for number in line.split()[-2:]]
    assert printed == pytest.approx(means.to_numpy().ravel().tolist(), abs=0.0501)
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert "<html" in Path(page).read_text()


def test_a_dataset_that_is_there_stays(job: Job, tmp_path: Path) -> None:
    for code, *more in ((0,), (2,), (0, "--overwrite")):
        done = job("baseline.py", "--servers", 3, "--output", tmp_path / "fleet", *more)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert ("holds a finished dataset" in done.stderr) == (code == 2)
