"""What a wheel holds besides the package; an editable install finds the same in the checkout."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConfigFiles(BuildHookInterface[Any]):
    """Put the presets of the config folder inside the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include them in what is released, and nothing in an editable install."""
        if version == "standard":
            build_data["force_include"]["config"] = "dask_synth/config_files"
