"""What a dataset's manifest says that it was made with: taken by this version, or refused in one message. No Dask."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from dask_synth.config.run import RunConfig
from dask_synth.errors import OutputError
from dask_synth.storage.identity import BYTE_DECIDING, CLOCKS, MODEL_VERSION, versions
from dask_synth.storage.manifest import Manifest

logger = logging.getLogger(__name__)


def recorded_config(path: Path, manifest: Manifest) -> RunConfig:
    """Return the configuration that a dataset was made with.

    Raises
    ------
    OutputError
        If it came of another model than this version's, or has a key or value that this version does not know.
    """
    model = manifest.versions.get("model")
    if model != str(MODEL_VERSION):
        made = f"by model {model}" if model else "by a model that its manifest does not name"
        raise OutputError(
            f"{str(path)!r} was made {made}, and this version knows model {MODEL_VERSION} alone; "
            "use the version of dask-synth that made it"
        )
    try:
        return RunConfig(**manifest.config)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise OutputError(
            f"{str(path)!r} was made with a configuration that this version does not know "
            f"({key}: {first['msg']}); use the version of dask-synth that made it"
        ) from None


DRAWING = ("numpy", "pandas", "holidays", CLOCKS)
"""The packages that decide values; the others decide bytes of files alone."""


def other_versions(manifest: Manifest, packages: Sequence[str] = BYTE_DECIDING) -> list[str]:
    """Return which of the packages are installed here in another version than made a dataset, in words."""
    here = versions()
    deciding = [name for name in packages if name != CLOCKS or name in manifest.versions]
    there = {name: manifest.versions.get(name, "an unknown version") for name in deciding}
    return [f"{name} {there[name]}, here {here[name]}" for name in deciding if there[name] != here[name]]


def tell_other_versions(path: Path, manifest: Manifest) -> None:
    """Log each package that decides bytes and is another here."""
    for words in other_versions(manifest):
        logger.warning("%s was made with %s: what is made here may have other bytes", path, words)
