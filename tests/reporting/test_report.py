from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.settings import settings
from PIL import Image

from dask_synth.dataset import Dataset
from dask_synth.errors import OutputError
from dask_synth.proof.verdict import VALIDATION_NAME
from dask_synth.reporting.charts import charts_of
from dask_synth.reporting.packed import MISSING, NO_BYTE, library_of, pack, pack_each, unpack, unpack_each
from dask_synth.reporting.palette import OKABE_ITO, archetype_colours, verdict_words
from dask_synth.reporting.report import read_servers, read_verdict, report
from tests.reporting.report_data import (
    HOSTILE,
    LIVING,
    made_up_verdict,
    put_verdict,
    small_dataset,
    summarise_dataset,
)

MEGABYTE = 10**6
WEB_ONLY = {"fleet.mix": {"web": 1.0}, "fleet.servers": 1}
CUSTOM: dict[str, Any] = {
    "fleet.mix": {"cache": 0.5, "queue": 0.5},
    "archetypes": {
        name: {
            "base": {"cpu": 20, "mem": 80, "disk": 5, "net": 300},
            "sd": {"cpu": 5, "mem": 5, "disk": 1, "net": 30},
            "correlation": {"cpu_mem": 0.1, "cpu_net": 0.2, "mem_disk": 0.3},
            "business_hours": 1.2,
            "weekend": 0.9,
            "spike_probability": 0.0,
            "spike_magnitude": 2.0,
            "growth": 0.0,
        }
        for name in ("cache", "queue")
    },
}
FLEETS = {
    "one server": WEB_ONLY,
    "one day": {"time.end_date": "2024-01-01"},
    "one row": {**WEB_ONLY, "time.end_date": "2024-01-01"},
    "a few hours a day": {"time.granularity": "hourly", "time.end_date": "2024-01-02"},
    "no web servers, other archetypes": CUSTOM,
    "nothing but zeros": {"archetypes": {"web": {"base": {"cpu": 0}, "sd": {"cpu": 1e-6}}}, "fleet.mix": {"web": 1}},
    "csv only": {"output.formats": ["csv"]},
    "individuals": LIVING,
    "individuals, daily": {**LIVING, "time.granularity": "daily", "time.end_date": "2024-12-31"},
    "individuals for a day": {**LIVING, "time.end_date": "2024-01-01"},
    "one individual": {"archetypes": {"web": {"noise_spread": 0.5}}, **WEB_ONLY},
    "individuals beside servers that are alike": {"archetypes": {"web": {"skew": {"cpu": 0.5}}}},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    changes = {"fleet.business_units": HOSTILE, "output.formats": ["parquet"]}
    yield small_dataset(tmp_path_factory.mktemp("report") / "fleet <i>of</i> '&' \"mine\"", changes)


@pytest.fixture
def unvalidated(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    (dataset.path / VALIDATION_NAME).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def before(dataset: Dataset) -> str:
    """The page before there is a verdict."""
    return report(dataset.path)[1].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def failed(dataset: Dataset, before: str) -> Iterator[str]:
    """The page after a verdict with a failure."""
    put_verdict(dataset, made_up_verdict(dataset, failing="mean.web.mem_p95.weekend"))
    yield report(dataset.path)[1].read_text(encoding="utf-8")
    (dataset.path / VALIDATION_NAME).unlink(missing_ok=True)


def test_the_report_is_a_picture_and_one_page_and_the_picture_is_always_the_same(unvalidated: Dataset) -> None:
    picture, page = report(unvalidated.path)
    assert (picture, page) == (unvalidated.path / "overview.png", unvalidated.path / "report.html")
    with Image.open(picture) as image:
        assert image.size == (1500, 1200)
    assert page.stat().st_size < 3 * MEGABYTE
    assert not list(unvalidated.path.glob(".dask-synth-*"))
    first = picture.read_bytes()
    assert report(unvalidated.path)[0].read_bytes() == first


def test_the_page_asks_for_nothing_outside_itself(before: str) -> None:
    markup = re.sub(r"<script.*?</script>", "", before, flags=re.DOTALL)
    assert not re.findall(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=[\"'](?!data:)", markup)
    assert not re.findall(r"<script[^>]+src=", before)
    assert "url(" not in markup
    assert "@import" not in markup


def test_what_users_write_is_text_in_the_page_and_never_markup(failed: str) -> None:
    for markup in ("<script>document.title", "<b>R&D", "<i>of</i>", "weekend_factor <0.7>"):
        assert markup not in failed
    assert "&lt;b&gt;R&amp;D&lt;/b&gt;" in failed
    assert "weekend_factor &lt;0.7&gt;?" in failed
    assert "{{ 7 * 7 }}" in failed


def test_without_a_verdict_the_page_says_so_and_how_to_get_one(before: str) -> None:
    assert "Not validated" in before
    assert "python -m dask_synth validate" in before


def test_failures_stand_before_what_passed(failed: str) -> None:
    assert "Not valid: 1 of 65 checks failed, at a false-alarm probability of 0.001" in failed
    assert 0 < failed.index("✗ failed") < failed.index("✓ passed")


def test_a_verdict_of_another_run_does_not_count(unvalidated: Dataset) -> None:
    verdict = made_up_verdict(unvalidated)
    put_verdict(unvalidated, verdict.model_copy(update={"run_id": "0" * 16}))
    assert read_verdict(unvalidated) is None
    put_verdict(unvalidated, verdict)
    assert read_verdict(unvalidated) == verdict


def test_a_damaged_verdict_is_named(unvalidated: Dataset) -> None:
    (unvalidated.path / VALIDATION_NAME).write_text("{")
    with pytest.raises(OutputError, match=r"validation\.json' is damaged .*; validate the dataset again"):
        report(unvalidated.path)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="manifest"):
        report(tmp_path)


@pytest.mark.integration
@pytest.mark.parametrize("validated", [True, False])
def test_bokeh_which_is_not_asked_for_each_page_finds_no_fault_in_the_charts(dataset: Dataset, validated: bool) -> None:
    verdict = made_up_verdict(dataset) if validated else None
    models, fill = charts_of(library_of(summarise_dataset(dataset), read_servers(dataset), verdict))
    assert ("cells" in models) == validated
    document = Document()
    for model in models.values():
        document.add_root(model)
    document.js_on_event("document_ready", fill)
    for model in models.values():
        issues = check_integrity(model.references())
        assert [*issues.error, *issues.warning] == []


def test_bokehs_check_is_as_it_was_behind_a_page(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Document, "validate", lambda _: asked.append(1))
    for wanted in (False, True):
        settings.perform_document_validation = wanted
        report(dataset.path)
        assert settings.perform_document_validation() is wanted
    assert asked == []


@pytest.mark.integration
@pytest.mark.parametrize("changes", FLEETS.values(), ids=FLEETS)
def test_every_kind_of_fleet_has_a_report(tmp_path: Path, changes: dict[str, object]) -> None:
    fleet = small_dataset(tmp_path / "fleet", changes)
    put_verdict(fleet, made_up_verdict(fleet))
    picture, page = report(fleet.path)
    assert picture.stat().st_size > 20_000
    assert "Valid: all" in page.read_text(encoding="utf-8")


@pytest.mark.integration
@pytest.mark.parametrize("kinds", [4, 25, pytest.param(100, marks=pytest.mark.soak)])
def test_the_page_is_at_most_3_mb_however_long_and_varied_the_fleet(tmp_path: Path, kinds: int) -> None:
    names = [f"kind-{i:03d}" for i in range(kinds)]
    profile = {**CUSTOM["archetypes"]["cache"], "spike_probability": 0.01}
    changes = {
        "fleet.servers": kinds,
        "fleet.mix": dict.fromkeys(names, 1 / kinds),
        "archetypes": dict.fromkeys(names, profile),
        "time.granularity": "hourly" if kinds > 4 else "daily",
        "time.end_date": "2024-12-31" if kinds > 4 else "2028-12-31",
        "output.formats": ["parquet"],
    }
    fleet = small_dataset(tmp_path / "fleet", changes)
    put_verdict(fleet, made_up_verdict(fleet))
    assert report(fleet.path)[1].stat().st_size < 3 * MEGABYTE


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("living") / "fleet", {**LIVING, "fleet.business_units": HOSTILE})


def test_a_living_fleets_page_names_the_highest_and_what_they_are(living: Dataset) -> None:
    page = report(living.path)[1].read_text(encoding="utf-8")
    for highest in summarise_dataset(living).each.highest:
        for server in highest:
            row = page[page.index(f'data-server="{server.name}"') :]
            assert f"<td>{server.archetype}</td>" in row[: row.index("</tr>")]
            assert f">{server.mean:,.2f}<" in page
    assert page.count("<details open><summary>CPU</summary>") == 1
    assert "<b>R&D" not in page
    assert "</script><script>document" not in page


@pytest.mark.integration
def test_bokeh_finds_no_fault_in_the_charts_of_a_living_fleet(living: Dataset) -> None:
    summary = summarise_dataset(living)
    models, _ = charts_of(library_of(summary, read_servers(living, summary.each.names), None))
    assert {"levels", "pool", "alone", "kin", "local"} <= models.keys()
    document = Document()
    for model in models.values():
        document.add_root(model)
    for model in models.values():
        issues = check_integrity(model.references())
        assert [*issues.error, *issues.warning] == []


def test_fleets_of_servers_that_are_alike_have_no_panels_of_individuals(before: str) -> None:
    assert 'id="servers"' not in before
    assert "data-server" not in before


def test_business_units_are_counted_from_the_servers(dataset: Dataset) -> None:
    servers = read_servers(dataset)
    assert sum(servers["units"].values()) == 20
    assert {unit for unit, _ in servers["units"]} <= set(HOSTILE)
    assert servers["sample"].keys() == summarise_dataset(dataset).servers.keys()


def test_packing_loses_less_than_what_can_be_seen() -> None:
    values = np.array([0.0, 12.34, 600.0, np.nan])
    packed = pack(values, 600.0)
    assert packed[3] == MISSING
    np.testing.assert_allclose(unpack(packed, 600.0), values, atol=0.005)


def test_the_built_in_archetypes_keep_their_colours() -> None:
    assert archetype_colours(["cache", "batch", "web"])["batch"] == OKABE_ITO[3]
    assert archetype_colours(["batch"])["batch"] == OKABE_ITO[3]
    assert archetype_colours(["cache", "web"])["cache"] not in OKABE_ITO[:4]


def test_the_verdict_in_words() -> None:
    assert verdict_words(True, 1234, 0, 0.001).startswith("Valid: all 1,234 checks passed")
    assert verdict_words(False, 10, 2, 0.001).startswith("Not valid: 2 of 10 checks failed")


@pytest.mark.integration
def test_the_command_prints_both_paths_and_refuses_what_is_no_dataset(unvalidated: Dataset, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dask_synth", "report"]
    done = subprocess.run([*command, unvalidated.path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(unvalidated.path / name) for name in ("overview.png", "report.html")]
    refused = subprocess.run([*command, tmp_path / "none"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "none" in refused.stderr


@pytest.mark.integration
def test_the_command_line_imports_no_plotting_until_it_plots() -> None:
    modules = "dask_synth.cli.commands, dask_synth.reporting.report"
    code = f"import sys, {modules}; print(sorted({{'bokeh', 'matplotlib'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_byte_a_value_is_a_254th_of_a_servers_own_range() -> None:
    values = np.array([[[0.0, 50.0, 100.0, np.nan], [7.0, 7.0, 7.0, 7.0]], [[0.01, 0.02, 0.03, 0.04], [np.nan] * 4]])
    packed = pack_each(values)
    assert packed.steps[0, 0, 3] == packed.steps[1, 1, 0] == NO_BYTE
    np.testing.assert_allclose(unpack_each(packed)[0, 0], values[0, 0], atol=100 / 254)
    np.testing.assert_allclose(unpack_each(packed)[:, :, :3], values[:, :, :3], atol=0.2)
    np.testing.assert_allclose(unpack_each(packed)[1, 0], values[1, 0], atol=0.03 / 254)
