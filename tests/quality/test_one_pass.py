"""One pass: each file's bytes are read once, whatever is asked of them, and what came adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dask_synth.quality.binning import Layout
from dask_synth.quality.one_pass import start_pass
from dask_synth.quality.recompute import Recompute
from dask_synth.quality.reference import Reference
from dask_synth.quality.report import draw, recorded_spec
from dask_synth.quality.validate import proved
from dask_synth.storage.dataset import Dataset
from tests.quality.report_data import small_dataset

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


def bytes_read() -> int:
    """Return what this process has read so far, as the kernel counts it."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("rchar"))[6:])


@pytest.mark.parametrize(
    "formats",
    [
        pytest.param(["parquet"], marks=pytest.mark.soak),
        pytest.param(["csv"], marks=pytest.mark.soak),
        ["parquet", "csv"],
    ],
)
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
    files = draw(dataset, proof.measured.partial, proof.theory, proof.verdict)
    assert all(file.exists() for file in files)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small_dataset(tmp_path / "fleet")


def test_what_is_asked_for_comes_and_no_more(dataset: Dataset) -> None:
    spec = recorded_spec(dataset)
    hashed = start_pass(dataset)()
    assert (hashed.findings, hashed.statistics.rows, hashed.partial.archetypes) == ((), 0, {})
    both = start_pass(dataset, reference=Reference.of(spec, Recompute(1.0)), layout=Layout.of(spec))()
    assert both.statistics.rows == both.statistics.redrawn.rows == dataset.manifest.rows
    drawn = sum(sums.products[0, 0] for sums in both.partial.archetypes.values())
    assert drawn == dataset.manifest.rows


def test_a_picture_is_the_same_with_a_proof_and_without(dataset: Dataset) -> None:
    spec = recorded_spec(dataset)
    alone = start_pass(dataset, layout=Layout.of(spec))().partial
    together = start_pass(dataset, reference=Reference.of(spec), layout=Layout.of(spec))().partial
    for name, sums in alone.archetypes.items():
        np.testing.assert_array_equal(sums.counts, together.archetypes[name].counts)


def test_a_damaged_file_is_found_once_and_its_rows_are_missing(dataset: Dataset) -> None:
    part = dataset.parts()[0]
    part.write_bytes(part.read_bytes()[:100])
    measured = start_pass(dataset, reference=Reference.of(recorded_spec(dataset)))()
    assert [finding.path for finding in measured.findings] == [part.relative_to(dataset.path).as_posix()]
    assert 0 < measured.statistics.rows < dataset.manifest.rows
