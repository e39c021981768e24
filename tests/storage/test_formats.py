"""A format is a row of a table: what it writes it reads, by the names that it gives, and nothing else knows it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from dask_synth.pipeline.chunk import chunk_table
from dask_synth.pipeline.plan import RunPlan
from dask_synth.schema import BUILT_IN
from dask_synth.storage.formats import FORMATS, format_of, rows_of
from dask_synth.storage.names import has_form, is_folder, is_of_run


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_writes_it_reads(name: str, small_plan: Callable[..., RunPlan]) -> None:
    plan, format_ = small_plan(), FORMATS[name]
    chunk = plan.chunks[1]
    table = chunk_table(plan.spec, chunk)
    head = format_.head(tuple(table.column_names)) if format_.head else b""
    data = head + bytes(format_.encode(table, plan.run_id))
    path = format_.part(chunk.archetype, chunk.index, "0123abcd")
    frame = format_.decode(data, path, plan.spec.fleet.categories(), BUILT_IN)
    expected = table.to_pandas()
    assert list(frame.columns) == list(expected.columns)
    for column in expected:
        pd.testing.assert_series_equal(frame[column], expected[column], check_dtype=False, check_categorical=False)


@pytest.mark.parametrize("name", FORMATS)
def test_a_part_is_known_by_its_name(name: str) -> None:
    part = FORMATS[name].part("web", 7, "0123abcd")
    assert format_of(part) is FORMATS[name]
    assert has_form(part)
    assert is_folder(part.rpartition("/")[0])
    assert is_of_run(part, "0123abcd")
    assert not is_of_run(part, "ffffffff")
    assert not has_form(part.replace(".", "_"))


def test_rows_are_read_of_the_first_format_that_is_there() -> None:
    parquet, csv = (FORMATS[name].part("web", 0, "0123abcd") for name in ("parquet", "csv"))
    joined = FORMATS["csv"].joined
    assert rows_of(["servers.parquet", joined, parquet]) == [parquet]
    assert rows_of(["servers.parquet", csv]) == [csv]
    assert rows_of(["servers.parquet", joined]) == [joined]
    assert rows_of(["servers.parquet"]) == []
    assert format_of("servers.parquet") is None
