from __future__ import annotations

from pathlib import Path

import pytest

import dask_synth
from dask_synth.config.layers import effective_config, load_config
from dask_synth.config.presets import config_file, presets
from dask_synth.errors import ConfigError

CONFIG = Path(dask_synth.__file__).parent.parent / "config"


def test_a_preset_is_the_file_of_its_name() -> None:
    assert set(presets()) >= {"baseline", "hourly_200"}
    assert load_config("hourly_200") == load_config(CONFIG / "hourly_200.yaml")
    assert load_config("hourly_200").fleet.servers == 200
    assert effective_config("hourly_200", {}).origins["fleet.servers"] == "hourly_200"


def test_a_file_of_the_same_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_file("baseline") == presets()["baseline"]
    Path("baseline").write_text("fleet: {servers: 7}\n")
    assert config_file("baseline") == Path("baseline")
    assert load_config("baseline").fleet.servers == 7


def test_what_is_neither_is_one_error_that_names_the_presets() -> None:
    with pytest.raises(ConfigError, match=r"'hourly_20' does not exist.*baseline, hourly_200"):
        load_config("hourly_20")
