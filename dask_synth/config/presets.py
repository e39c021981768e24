"""The configurations that come with the package, by name."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def presets() -> dict[str, Path]:
    """Return the file of each preset, by its name."""
    # A wheel carries them inside; in a checkout they lie in its config folder.
    folder = PACKAGE / "config_files" if (PACKAGE / "config_files").is_dir() else PACKAGE.parent / "config"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def config_file(path: str | os.PathLike[str]) -> Path:
    """Return the file that a path means; what is no file, and the name of a preset, is the preset."""
    file = Path(path)
    return file if file.exists() else presets().get(str(path), file)
