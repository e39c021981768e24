from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.storage import names
from dask_synth.storage.formats import FORMATS

PARTS = [
    "metrics/server_type=web/part-00000-0123abcd.parquet",
    "metrics/server_type=web/part-00000.parquet",
    "csv/part-123456-0123abcd.csv.gz",
    "servers-0123abcd.parquet",
    "servers.parquet",
    "server_metrics_full.csv.gz",
]


def test_a_part_is_named_by_archetype_number_and_run() -> None:
    assert FORMATS["parquet"].part("web", 7, "0123abcd") == "metrics/server_type=web/part-00007-0123abcd.parquet"
    assert FORMATS["csv"].part("web", 12, "0123abcd") == "csv/part-00012-0123abcd.csv.gz"


@pytest.mark.parametrize("name", PARTS)
def test_what_is_written_has_a_known_form(name: str) -> None:
    assert names.checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "metrics/../../../secret/id_rsa",
        "/etc/passwd",
        "metrics/server_type=../part-00000-0123abcd.parquet",
        "metrics/server_type=a/../part-00000-0123abcd.parquet",
        "metrics/./server_type=web/part-00000-0123abcd.parquet",
        "metrics//part-00000-0123abcd.parquet",
        "metrics\\part-00000.parquet",
        "metrics/my_notes.txt",
        "servers.parquet\n",
        "",
        "manifest.json",
    ],
)
def test_what_leads_elsewhere_or_is_a_persons_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a file of a dataset"):
        names.checked_name(name)


@given(st.text(alphabet="metrics/.-=0123456789abcdf_\\", max_size=60))
def test_no_name_with_a_step_up_is_ever_taken(name: str) -> None:
    if ".." in name.split("/") or name.startswith("/"):
        assert not names.has_form(name)


def test_a_name_is_of_one_run() -> None:
    part = PARTS[0]
    assert names.is_of_run(part, "0123abcd")
    assert not names.is_of_run(part, "ffffffff")
    assert names.is_of_run(PARTS[1], "")
    assert not names.is_of_run(PARTS[1], "0123abcd")
    assert not names.is_of_run("metrics/notes-0123abcd.parquet", "0123abcd")


def test_records_of_runs_are_told_from_data() -> None:
    for name in (
        "plan.json",
        "journal-0123abcd-00000.jsonl",
        "journal-0123abcd-00000-00012.jsonl",
        "replaced-0123abcd.json",
    ):
        assert names.is_control(name)
        assert not names.has_form(name)
    assert names.is_control("metrics/.dask-synth-x.tmp")
    assert names.journal_of("journal-0123abcd-00000-00012.jsonl") == "0123abcd"
    assert not any(names.is_control(name) for name in (*PARTS, "manifest.json", "my-plan.json", "journal.txt"))
