"""Hooks of MkDocs: `<!-- generated: NAME -->` in a page becomes what GENERATED[NAME] makes of the code.

The notebooks become pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from generated import commands, configuration, model, notebooks, python
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

PLACE = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
ROLE = re.compile(r":(?:func|class|data|meth|mod):(?=<code>)")

GENERATED: Mapping[str, Callable[[], str]] = {
    "columns": model.columns,
    "own-metrics": model.own_metrics,
    "profiles": model.profiles,
    "cholesky": model.cholesky,
    "holidays": model.holidays,
    "byte-deciding": model.byte_deciding,
    "manifest": model.manifest,
    "file-entry": model.file_entry,
    "servers": model.servers,
    "verdict": model.verdict,
    "check": model.check,
    "configuration": configuration.keys,
    "defaults": configuration.defaults,
    "switches": configuration.switches,
    "company": configuration.company,
    "region": configuration.region,
    "commands": commands.commands,
    "python": python.names,
}


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the notebooks' pages and pictures."""
    for path, content in notebooks.files():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put in what a page asks for."""
    return PLACE.sub(lambda match: _generated(match[1]), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Drop the roles of docstrings, which Markdown does not know."""
    return ROLE.sub("", html)


def _generated(name: str) -> str:
    if name not in GENERATED:
        raise PluginError(f"nothing is generated under the name {name!r}; known are {', '.join(GENERATED)}")
    return GENERATED[name]()
