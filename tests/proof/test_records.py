"""Datasets that were made by earlier versions stay readable, or are refused in one message."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from dask_synth.dataset import Dataset, append, open_dataset
from dask_synth.errors import OutputError
from dask_synth.proof.validate import validate
from dask_synth.reporting.report import report
from dask_synth.storage.identity import versions
from dask_synth.storage.names import MANIFEST_NAME
from tests.reporting.report_data import small_dataset

KEPT = Path(__file__).parent.parent / "data" / "model_1"
"""Two datasets of version 0.1: daily in both formats, and hourly with a profile of its own and an appended run."""

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


def changed(dataset: Dataset, **changes: Any) -> Dataset:
    """Seal a manifest with other content, as another version would have written it."""
    manifest = dataset.manifest.model_copy(update=changes)
    (dataset.path / MANIFEST_NAME).write_bytes(manifest.to_json())
    return open_dataset(dataset.path)


@pytest.mark.parametrize("name", ["daily", "hourly"])
def test_a_dataset_of_version_0_1_is_read_verified_validated_and_drawn(name: str, tmp_path: Path) -> None:
    shutil.copytree(KEPT / name, tmp_path / "fleet")
    dataset = open_dataset(tmp_path / "fleet")
    assert dataset.verify() == []
    assert len(dataset.frame()) == dataset.manifest.rows
    verdict = validate(dataset)
    assert verdict.passed, verdict.failures[:3]
    assert all(path.exists() for path in report(dataset.path))


@pytest.fixture
def daily(tmp_path: Path) -> Dataset:
    shutil.copytree(KEPT / "daily", tmp_path / "fleet")
    return open_dataset(tmp_path / "fleet")


UNKNOWN = {"config": {"fleet": {"servers": 6}, "weather": "rain"}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"versions": {**versions(), "model": "0"}}, "made by model 0, and this version knows model 1 alone"),
        (UNKNOWN, r"does not know \(weather: "),
    ],
    ids=["model", "key"],
)
def test_what_this_version_does_not_know_is_refused_in_one_message(
    daily: Dataset, changes: dict[str, Any], words: str
) -> None:
    dataset = changed(daily, **changes)
    for use in (validate, lambda known: report(known.path)):
        with pytest.raises(OutputError, match=words):
            use(dataset)


def test_append_to_a_configuration_with_an_unknown_key_is_one_message(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "fleet", {"output.formats": ["parquet"]})
    changed(dataset, config={**dataset.manifest.config, "weather": "rain"})
    with pytest.raises(OutputError, match=r"does not know \(weather: "):
        append(dataset.path, "2024-04-30")


def test_another_version_of_a_package_that_decides_bytes_is_told_in_a_line(
    daily: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = changed(daily, versions={**versions(), "numpy": "1.0"})
    with caplog.at_level(logging.WARNING, logger="dask_synth"):
        verdict = validate(dataset)
        report(dataset.path)
    assert verdict.passed
    told = [record.getMessage() for record in caplog.records if "numpy 1.0, here" in record.getMessage()]
    assert len(told) == 2, "once for each command"
    (redrawn,) = [check for check in verdict.checks if check.kind == "recompute"]
    assert redrawn.name == "recompute.untested"
    assert "numpy 1.0, here" in redrawn.message
    assert "statistics alone speak" in redrawn.message


def test_rows_that_another_version_drew_are_not_held_against_these(daily: Dataset) -> None:
    config = {**daily.manifest.config, "seed": daily.manifest.config["seed"] + 1}
    here, there = changed(daily, config=config), {**versions(), "numpy": "1.0"}
    assert "recompute.rows" in {check.name for check in validate(here).failures}
    elsewhere = changed(here, versions=there)
    assert not any(check.kind == "recompute" for check in validate(elsewhere).failures)


@pytest.mark.parametrize("formats", [["csv"], ["parquet", "csv"]])
def test_an_appended_dataset_is_valid_in_csv_alone_too(formats: list[str], tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "fleet", {"output.formats": formats})
    longer = append(dataset.path, "2024-04-30")
    verdict = validate(longer)
    assert verdict.passed, verdict.failures


def test_names_that_look_like_nothing_are_names_in_csv_too(tmp_path: Path) -> None:
    changes = {
        "output.formats": ["csv"],
        "fleet.regions": ["NA", "null", "nan", "None", "EU"],
        "fleet.business_units": ["N/A", "NULL", "<NA>"],
    }
    dataset = small_dataset(tmp_path / "fleet", changes)
    assert not dataset.frame().isna().any().any().compute()
    verdict = validate(dataset)
    assert verdict.passed, verdict.failures
