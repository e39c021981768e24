"""The site builds without a warning, fetches nothing from elsewhere, and its references are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import pytest

import dask_synth
from dask_synth.cli.commands import main
from dask_synth.config.presets import presets
from dask_synth.config.run import RunConfig
from dask_synth.model.life import LIFE
from dask_synth.schema import NAMES
from tests.integration.surroundings import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("site")]

CONFIGURATION = ROOT / "mkdocs.yml"
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
"""Tags that make a browser fetch something at once, and the attribute that says what."""


def build(configuration: Path, site: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(configuration), "-d", str(site)]
    # The notebooks, which run when it is built, do so at a small size.
    small = {"DASK_SYNTH_NOTEBOOK_SERVERS": "20", "NO_MKDOCS_2_WARNING": "1"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **small}
    return subprocess.run(words, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=240)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site")
    done = build(CONFIGURATION, path)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return path


class Page(HTMLParser):
    """A page's text, its ids, and what a browser loads for it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.text, self.ids, self.loaded = "", set[str](), list[str]()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag in LOADED and found.get("rel") not in ("next", "prev", "canonical"):
            self.loaded.append(found.get(LOADED[tag], ""))


def test_every_page_is_in_the_site(site: Path) -> None:
    sources = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    sources |= {notebook.relative_to(ROOT).with_suffix(".html") for notebook in ROOT.glob("notebooks/*.ipynb")}
    made = {page.relative_to(site) for page in site.rglob("*.html")}
    assert made == sources | {Path("404.html")}


def test_no_page_or_style_fetches_from_another_host(site: Path) -> None:
    for file in site.rglob("*.html"):
        elsewhere = [url for url in Page(file).loaded if re.match(r"(\w+:)?//", url)]
        assert not elsewhere, f"{file.relative_to(site)} loads {elsewhere}"
        # The theme's script would fetch what draws these.
        assert 'class="mermaid"' not in file.read_text(encoding="utf-8")
    for file in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", file.read_text(encoding="utf-8")), file.name


def test_no_source_of_the_site_is_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))


def test_the_page_of_the_configuration_has_every_key(site: Path) -> None:
    text = Page(site / "reference" / "configuration.html").text
    leaves = list(_leaves(RunConfig().model_dump(exclude={"archetypes"})))
    assert "fleet.regions" in leaves
    assert "output.formats" in leaves
    assert not [key for key in leaves if key not in text]
    for key in ("archetypes.NAME.base.cpu", "archetypes.NAME.spike_magnitude", "output.storage_options"):
        assert key in text
    for key in (*LIFE, "memory.hours", "memory.shares", "alike", "timezone", *presets()):
        assert key in text


def _leaves(data: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in data.items():
        # A mapping of weights is one key.
        if isinstance(value, Mapping) and above == "":
            yield from _leaves(value, f"{key}.")
        else:
            yield above + key


def test_the_page_of_the_command_line_has_every_command_and_option(site: Path) -> None:
    page = Page(site / "reference" / "command-line.html")
    for name, command in main.commands.items():
        assert name in page.ids
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[-1] in page.text


def test_the_page_of_the_python_names_has_each_of_them(site: Path) -> None:
    page = Page(site / "reference" / "python.html")
    names = [f"dask_synth.{name}" for name in dask_synth.__all__ if name != "__version__"]
    assert not [name for name in names if name not in page.ids]
    assert "dask_synth.Dataset.frame" in page.ids
    assert not re.search(r":(func|class|data|meth):", page.text), "a docstring's role is shown as text"


@pytest.mark.parametrize("notebook", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_each_notebook_is_a_page_with_what_it_drew(site: Path, notebook: Path) -> None:
    page = Page(site / "notebooks" / f"{notebook.stem}.html")
    pictures = [name for name in page.loaded if name.startswith(f"{notebook.stem}_output_")]
    assert pictures
    assert all((site / "notebooks" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert "import dask_synth" in page.text


def test_the_page_of_the_files_has_every_column(site: Path) -> None:
    text = Page(site / "reference" / "files.html").text
    assert not [name for name in NAMES if name not in text]


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[there](absent.md)", "absent.md"),
        ("[there](other.md#absent)", "#absent"),
        ("[there](#absent)", "#absent"),
        ("![there](absent.png)", "absent.png"),
    ],
    ids=["page", "anchor", "own-anchor", "image"],
)
def test_a_dead_link_stops_the_build(tmp_path: Path, link: str, complaint: str) -> None:
    settings = CONFIGURATION.read_text(encoding="utf-8")
    validation = settings[settings.index("\nvalidation:") :]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# One\n\n{link}\n", encoding="utf-8")
    (tmp_path / "docs" / "other.md").write_text("# Other\n", encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(f"site_name: try\nplugins: []\n{validation}", encoding="utf-8")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode == 1
    assert complaint in done.stderr
