"""One pass: each file's bytes are read once, whatever is asked of them, and what came adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_synth.dataset import Dataset
from dask_synth.measure.layout import Layout
from dask_synth.measure.one_pass import start_pass
from dask_synth.measure.planned import Planned
from dask_synth.measure.redraw import Recompute
from dask_synth.proof.validate import proved
from dask_synth.reporting.report import draw, recorded_spec
from tests.reporting.report_data import small_dataset

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


def bytes_read() -> int:
    """Return what this process has read so far, as the kernel counts it."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("rchar"))[6:])


@pytest.mark.parametrize("formats", [["parquet"], ["csv"], ["parquet", "csv"]])
def test_proof_and_picture_read_the_dataset_once(formats: list[str], tmp_path: Path) -> None:
    changes = {"output.formats": formats, "fleet.servers": 60, "time.granularity": "hourly"}
    dataset = small_dataset(tmp_path / "fleet", changes)

    proved(dataset, picture=True)  # what is imported and cached is read now
    before = bytes_read()
    proof = proved(dataset, picture=True)
    read = bytes_read() - before
    assert proof.verdict.passed
    # Besides, servers.parquet is held against the plan, and the manifest is looked at again.
    besides = 4 * dataset.servers.stat().st_size + 4 * (dataset.path / "manifest.json").stat().st_size
    assert read < 1.05 * dataset.manifest.total_bytes() + besides + 100_000
    files = draw(dataset, proof.measured, proof.theory, proof.verdict)
    assert all(file.exists() for file in files)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small_dataset(tmp_path / "fleet")


def test_what_is_asked_for_comes_and_no_more(dataset: Dataset) -> None:
    spec = recorded_spec(dataset)
    hashed = start_pass(dataset)()
    assert (hashed.findings, hashed.rows, hashed.sums, hashed.picture.counts) == ((), 0, {}, {})
    both = start_pass(dataset, planned=Planned.of(spec, Recompute(1.0)), layout=Layout.of(spec))()
    assert both.rows == both.redrawn.rows == dataset.manifest.rows
    assert sum(counts.sum() for counts in both.picture.counts.values()) == 5 * dataset.manifest.rows
    proof = start_pass(dataset, planned=Planned.of(spec))()
    assert (proof.rows, proof.redrawn.rows, proof.picture.counts) == (dataset.manifest.rows, 0, {})


def test_a_damaged_file_is_found_once_and_its_rows_are_missing(dataset: Dataset) -> None:
    part = dataset.parts()[0]
    part.write_bytes(part.read_bytes()[:100])
    measured = start_pass(dataset, planned=Planned.of(recorded_spec(dataset)))()
    assert [finding.path for finding in measured.findings] == [part.relative_to(dataset.path).as_posix()]
    assert 0 < measured.rows < dataset.manifest.rows
