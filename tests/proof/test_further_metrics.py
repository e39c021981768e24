"""Metrics of one's own are proved and drawn like the others: clean datasets pass, what is wrong is found by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dask_synth
from dask_synth.config.run import RunConfig
from dask_synth.measure.picture import bins_of
from tests.further import ALL, WITH_BOTH, archetypes

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

FLEET = {
    **WITH_BOTH,
    "fleet.servers": 20,
    "time.end_date": "2022-06-30",
    "time.granularity": "hourly",
    "output.rows_per_partition": 20_000,
}


def config(**changes: Any) -> RunConfig:
    return dask_synth.load_config(None, FLEET | {key.replace("__", "."): value for key, value in changes.items()})


@pytest.mark.parametrize("formats", [["parquet"], ["csv"]])
def test_a_clean_dataset_is_valid_and_its_report_shows_them(formats: list[str], tmp_path: Path) -> None:
    dataset = dask_synth.generate(config(output__path=str(tmp_path / "data"), output__formats=formats))
    for share in (1.0, 0.0):
        verdict = dask_synth.validate(dataset, recompute=share)
        assert verdict.passed, verdict.failures
    about = {check.metric for check in verdict.checks}
    assert {"iops_p95", "gpu_p95", "cpu_p95"} <= about
    _, page = dask_synth.report(dataset.path)
    text = page.read_text(encoding="utf-8")
    assert "iops" in text
    assert "gpu" in text


FAULTS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "another base": ({"archetypes.web.base.iops": 930}, "iops_p95"),
    "another deviation": ({"archetypes.web.sd.gpu": 5.5}, "gpu_p95"),
    "no correlation": ({"archetypes.batch.correlation.cpu_iops": 0.0}, "iops_p95"),
    "load where there is none": ({"metrics.gpu.load": True}, "gpu_p95"),
    "no load": ({"metrics.iops.load": False}, "iops_p95"),
    "growth where there is none": ({"metrics.iops.growth": True}, "iops_p95"),
    "no growth": ({"metrics.gpu.growth": False}, "gpu_p95"),
    "spikes where there are none": ({"metrics.gpu.spike": 0.9}, "gpu_p95"),
    "a lower bound": ({"metrics.iops.high": 1500}, "iops_p95"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_one_is_found_by_statistics_alone(name: str) -> None:
    changes, column = FAULTS[name]
    wrong = dask_synth.fleet_frame(dask_synth.load_config(None, FLEET | dict(changes)))
    verdict = dask_synth.validate_frame(wrong, config(), recompute=0)
    assert verdict.failures
    # Correlations are told with both of their columns.
    assert not [check.name for check in verdict.failures if column not in str(check.metric)]


def test_a_value_that_is_not_the_models_is_found_by_drawing_it_anew() -> None:
    frame = dask_synth.fleet_frame(config()).compute()
    frame.iloc[1234, list(frame.columns).index("gpu_p95")] = 31.41
    verdict = dask_synth.validate_frame(dd.from_pandas(frame, npartitions=1, sort=False), config())
    (check,) = verdict.failures
    assert check.name == "recompute.rows"
    assert "gpu_p95" in check.message


def test_a_column_that_is_missing_or_is_in_another_place_is_told() -> None:
    frame = dask_synth.fleet_frame(config())
    names = list(frame.columns)
    missing = dask_synth.validate_frame(frame[[name for name in names if name != "gpu_p95"]], config(), recompute=0)
    assert "gpu_p95 is missing" in next(check for check in missing.failures if check.name == "structure.types").message
    swapped = [*names[:7], "gpu_p95", "iops_p95", *names[9:]]
    moved = dask_synth.validate_frame(frame[swapped], config(), recompute=0)
    (types,) = [check for check in moved.failures if check.name == "structure.types"]
    assert "the columns are not in the documented order" in types.message
    without = dask_synth.load_config(None, {key: value for key, value in FLEET.items() if "." in key})
    strange = dask_synth.validate_frame(frame, without, recompute=0)
    (types,) = strange.failures
    assert "iops_p95 is unknown" in types.message


@given(st.integers(1, 1_000_000), st.lists(st.integers(0, 100), min_size=1))
def test_values_next_to_the_edges_of_a_histogram_lie_on_their_side(high: int, percents: list[int]) -> None:
    edges = np.unique([[percent * high + step for step in (-1, 0, 1)] for percent in percents])
    whole = edges[(edges >= 0) & (edges <= high * 100)]
    np.testing.assert_array_equal(bins_of(float(high), whole.astype(np.float64)), whole * 10_000 // (high * 100))


def test_an_archetype_of_ones_own_is_proved_with_them(tmp_path: Path) -> None:
    web = config().model_dump()["archetypes"]["web"]
    own = {**archetypes(ALL), "node": {**web, "base": {**web["base"], "iops": 19_000}}}
    node = config(archetypes=own, fleet__mix={"node": 1.0}, output__path=str(tmp_path / "data"))
    assert dask_synth.validate(dask_synth.generate(node)).passed


def test_a_column_that_is_always_its_bound_is_valid_in_csv_alone_too(tmp_path: Path) -> None:
    idle = {"metrics": {"idle": {"high": 5}}, "archetypes": archetypes(ALL, base={"idle": 1e6}, sd={"idle": 0.001})}
    same = config(**idle, output__path=str(tmp_path / "data"), output__formats=["csv"])
    verdict = dask_synth.validate(dask_synth.generate(same))
    assert verdict.passed, verdict.failures
