"""What the documentation shows is run: every block of README.md and docs, or it says why not."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import dask_synth
from tests.docs.blocks import OUTPUTS, PAGES, SMALL, Folder, blocks_of, prepare
from tests.integration.conftest import ROOT

IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("docs") / "output"
    overrides = {"fleet.servers": 8, "time.years": 1, "output.path": str(path)}
    dask_synth.generate(dask_synth.load_config(overrides=overrides))
    return path


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in blocks_of(page):
        runs = block.language in ("python", "sh") or (block.language == "yaml" and block.title)
        is_output = block.language in OUTPUTS
        assert runs or is_output or block.reason, f"{block}: needs <!-- not run: reason --> directly above it"


@pytest.mark.integration
@pytest.mark.filterwarnings("default")  # as in tests/integration: what clusters leave behind, and Dask itself
@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_blocks_of_a_page_run(
    page: Path, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, monkeypatch)
    folder = Folder(tmp_path, small_dataset)
    for block in blocks_of(page):
        if block.prints or (block.language not in OUTPUTS and not block.reason):
            folder.run(block)
    gc.collect()  # here, where it is no error


def test_small_sizes_are_keys_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)
    config = dask_synth.load_config()
    assert (config.fleet.servers, config.time.end_date.year) == (8, 2022)
