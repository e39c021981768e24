"""Damaged files, on their way to a verdict and a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dask_synth.dataset import Dataset
from dask_synth.errors import OutputError
from dask_synth.measure.read import decoded
from dask_synth.proof.validate import validate
from dask_synth.reporting.report import report
from dask_synth.schema import empty_frame
from tests.reporting.report_data import small_dataset

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:30] + bytes(byte ^ 0x55 for byte in content[30:-30]) + content[-30:])


DAMAGES: tuple[Callable[[Path], object], ...] = (Path.unlink, cut, scramble, lambda path: path.write_bytes(b""))


@pytest.fixture(params=["parquet", "csv"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    return small_dataset(tmp_path / "fleet", {"output.formats": [request.param]})


def test_rows_come_as_they_were_made(dataset: Dataset) -> None:
    categories = dataset.manifest.categories
    names = [path.relative_to(dataset.path).as_posix() for path in dataset.parts() or dataset.texts()]
    parts = [decoded((dataset.path / name).read_bytes(), name, categories) for name in names]
    frame, documented = pd.concat([part for part in parts if part is not None]), empty_frame(categories).dtypes
    texts = ["server_id", "app_name"]  # dictionaries, where they come from Parquet
    pd.testing.assert_series_equal(frame.dtypes.drop(texts), documented.drop(texts))
    one, other = (
        rows.astype(documented).sort_values(["server_id", "timestamp"]).reset_index(drop=True)
        for rows in (frame, dataset.frame().compute())
    )
    pd.testing.assert_frame_equal(one, other)
    assert len(one) == dataset.manifest.rows


PAIRS = [("parquet", DAMAGES[0]), ("csv", DAMAGES[1]), ("parquet", DAMAGES[2]), ("csv", DAMAGES[3])]


@pytest.mark.parametrize(
    ("dataset", "damage"),
    [
        pytest.param(kind, damage, marks=[] if (kind, damage) in PAIRS else pytest.mark.soak, id=f"{kind}-{name}")
        for kind in ("parquet", "csv")
        for name, damage in zip(["removed", "cut", "scrambled", "emptied"], DAMAGES, strict=True)
    ],
    indirect=["dataset"],
)
def test_a_damaged_part_has_no_rows_and_fails_by_name(dataset: Dataset, damage: Callable[[Path], object]) -> None:
    part = (dataset.parts() or dataset.texts())[0]
    report(dataset.path)
    assert validate(dataset).passed
    damage(part)
    with pytest.raises(OutputError, match=f"not as it was committed.*{part.name}"):
        report(dataset.path)
    failures = {check.name: check.message for check in validate(dataset).failures}
    assert part.name in failures["structure.files"]
    assert "structure.rows" in failures
    page = report(dataset.path)[1].read_text(encoding="utf-8")
    assert "Not valid" in page
    assert part.name in page


def changed(name: str, change: Callable[[pa.ChunkedArray], object]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, change(table[name]))


REWRITTEN = {
    "metric as text": (changed("cpu_p95", lambda column: column.cast(pa.string())), "types", "cpu_p95 is str"),
    "time as text": (changed("timestamp", lambda column: column.cast(pa.string())), "types", "timestamp is str"),
    "no ids": (changed("server_id", lambda column: pa.nulls(len(column), pa.string())), "null.server_id", "nulls"),
    "no metric": (lambda table: table.drop_columns(["cpu_p95"]), "types", "cpu_p95 is missing"),
    "no text": (lambda table: table.drop_columns(["region"]), "types", "region is missing"),
}


@pytest.mark.parametrize(("rewrite", "check", "says"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_part_with_other_columns_fails_by_name(
    tmp_path: Path, rewrite: Callable[[pa.Table], pa.Table], check: str, says: str
) -> None:
    dataset = small_dataset(tmp_path / "fleet", {"output.formats": ["parquet"]})
    part = dataset.parts()[0]
    pq.write_table(rewrite(pq.ParquetFile(part).read()), part)
    failures = {found.name: found.message for found in validate(dataset).failures}
    assert says in failures[f"structure.{check}"]
    assert "Not valid" in report(dataset.path)[1].read_text(encoding="utf-8")


def test_a_report_without_the_list_of_servers_is_one_message(dataset: Dataset) -> None:
    dataset.servers.unlink()
    assert not validate(dataset).passed
    with pytest.raises(OutputError, match=r"servers\.parquet' cannot be read"):
        report(dataset.path)
