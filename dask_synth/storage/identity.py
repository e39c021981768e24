"""What decides a dataset's bytes, and what follows from it: the id of a run, and what its files' names end in."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

MODEL_VERSION = 1
"""Counts the changes of the model that change data."""

CLOCKS = "tzdata"
"""Decides bytes where regions keep zones of the time zone database; elsewhere it is on no record."""
BYTE_DECIDING = ("numpy", "pandas", "pyarrow", "holidays", "isal", CLOCKS)
"""The packages whose version may change a dataset's bytes."""


def versions() -> dict[str, str]:
    """Return the versions of everything that may decide a dataset's bytes."""
    return {"model": str(MODEL_VERSION), **_installed()}


@cache  # read once: parsing metadata beside the first tasks holds them up
def _installed() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in BYTE_DECIDING}


def deciding_versions(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of everything that does decide the bytes of a configuration, as JSON types."""
    return {name: version for name, version in versions().items() if name != CLOCKS or _zoned(config)}


def _zoned(config: Mapping[str, Any]) -> bool:
    """Whether a configuration has regions that keep a zone of the time zone database."""
    regions = config["fleet"]["regions"].values()
    return any(isinstance(region, Mapping) and isinstance(region.get("timezone"), str) for region in regions)


ORDERED = ("mix", "business_units", "criticalities", "regions")
"""Mappings below ``fleet`` whose order decides bytes: of blocks of servers, and of what a drawn number means."""


def identifying(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that decides the bytes: all but where they land, with orders kept."""
    output = {key: value for key, value in config["output"].items() if key != "path"}
    fleet = {
        key: [list(item) for item in value.items()] if key in ORDERED else value
        for key, value in config["fleet"].items()
    }
    # Without any it is what it was before there could be some.
    metrics = [list(item) for item in config.get("metrics", {}).items()]
    rest = {key: value for key, value in config.items() if key != "metrics"}
    return {**rest, "output": output, "fleet": fleet, **({"metrics": metrics} if metrics else {})}


def run_identity(config: Mapping[str, Any], begins: tuple[int, int] = (0, 0)) -> str:
    """Return the run id: 16 hexadecimal digits of a hash over what decides the bytes of its files.

    Parameters
    ----------
    config
        As JSON types.
    begins
        First row of the grid and first part number: not 0 where it adds to a dataset.
    """
    return _digest([identifying(config), deciding_versions(config), *(begins if any(begins) else ())])[:16]


def suffix_of(run_id: str, replaces: str | None, *, shared: bool) -> str:
    """Return what the names of a run's parts end in: 8 hexadecimal digits.

    Parameters
    ----------
    run_id, replaces
        As in :class:`Plan`.
    shared
        Whether parts of several generations lie side by side, as in an object store. There a name never comes again,
        so whatever arrives late, a deletion above all, can only meet files that no manifest lists any more.
    """
    return (_digest([run_id, replaces]) if shared and replaces else run_id)[:8]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
