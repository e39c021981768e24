"""constraints.txt: one version for everything that is installed here, and nothing that holds on one machine alone."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_each_line_is_a_name_and_a_version() -> None:
    odd = [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)]
    assert not odd
    names = [canonicalize_name(line.split("==")[0]) for line in LINES]
    assert len(set(names)) == len(names)
    assert "dask-synth" not in names


def test_all_that_the_project_asks_for_is_pinned_at_a_version_that_it_takes() -> None:
    pinned = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in LINES)}
    extras = PROJECT["optional-dependencies"]
    dev = _reached("dev", extras)
    asked = [
        Requirement(text) for text in (*PROJECT["dependencies"], *(text for extra in dev for text in extras[extra]))
    ]
    assert len(asked) > 40
    for one in asked:
        if one.name != "dask-synth":
            assert pinned[canonicalize_name(one.name)] in one.specifier, one


def _reached(extra: str, extras: dict[str, list[str]]) -> set[str]:
    """Return an extra and those that it asks for."""
    own = [Requirement(text) for text in extras[extra]]
    return {extra}.union(*(_reached(more, extras) for one in own if one.name == "dask-synth" for more in one.extras))
