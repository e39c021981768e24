from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.jobs.conftest import Job


def test_it_measures_each_number_of_workers_in_turn(fresh_job: Job, tmp_path: Path) -> None:
    csv, plot = tmp_path / "scaling.csv", tmp_path / "scaling.png"
    done = fresh_job(
        "scaling.py",
        *("--servers", 4, "--granularity", "daily", "--runs", 2, "--workers", 1, 2),
        "--csv",
        csv,
        "--plot",
        plot,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(csv)
    assert table[["round", "workers"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert set(table.rows) == {4 * 1461}
    assert table.speedup[::2].tolist() == [1.0, 1.0]
    assert table.speedup[3] == pytest.approx(table.rows_per_second[3] / table.rows_per_second[2])
    assert ((table.busy > 0) & (table.busy < 1)).all()
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert done.stdout.splitlines()[-1] == str(plot)
