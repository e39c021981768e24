from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import dask_synth
from dask_synth.cli.commands import main
from dask_synth.config.layers import effective_config, load_config
from dask_synth.config.presets import config_file, presets
from dask_synth.errors import ConfigError
from dask_synth.model.archetypes import PROFILES
from dask_synth.model.fleet import Place
from dask_synth.model.life import Company
from dask_synth.pipeline.plan import RunPlan, spec_of

CONFIG = Path(dask_synth.__file__).parent.parent / "config"
NAMES = "baseline, enterprise, enterprise_hourly, hourly_200, iops_gpu, realistic, realistic_hourly"
LIVING = ("enterprise", "enterprise_hourly", "realistic", "realistic_hourly")
DOCUMENTED = {"web": 0.35, "application": 0.40, "database": 0.15, "batch": 0.10}
FITTED = {"web": 0.30, "application": 0.35, "database": 0.20, "batch": 0.15}


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
    with pytest.raises(ConfigError, match=rf"'hourly_20' does not exist.*: {NAMES}$"):
        load_config("hourly_20")


def test_the_command_line_lists_them() -> None:
    shown = " ".join(CliRunner().invoke(main, ["generate", "--help"]).output.split())
    assert f"YAML file, or a preset: {NAMES}." in shown


@pytest.mark.parametrize("name", LIVING)
def test_a_living_preset_has_individuals_that_work_by_their_own_clock_in_pools(name: str) -> None:
    plan = RunPlan.of(load_config(name))
    assert plan.rows == (7_012_800 if name.endswith("hourly") else 175_320)
    spec = plan.spec
    assert all(spec.living(archetype) for archetype in spec.archetypes)
    assert dict(zip(dict(spec.fleet.regions), spec.fleet.places, strict=True)) == {
        "US-East": Place("America/New_York", "US"),
        "US-West": Place("America/Los_Angeles", "US"),
        "EU": Place("Europe/Berlin", "DE"),
        "Asia": Place("Asia/Singapore", "SG"),
    }
    fitted = name.startswith("realistic")
    assert dict(spec.fleet.mix) == (FITTED if fitted else DOCUMENTED)
    assert spec.fleet.company == (Company(8, 0.45, 0.96) if fitted else Company(8, 0.40, 0.80))
    assert {profile.noise for profile in spec.archetypes.values()} == {"proportional"}
    assert {profile.memory is not None for profile in spec.archetypes.values()} == {True}


def ratios(name: str, archetype: str) -> tuple[float, ...]:
    profile = load_config(name).archetypes[archetype]
    return tuple(
        round(getattr(profile.sd, metric) / getattr(profile.base, metric), 2)
        for metric in ("cpu", "mem", "disk", "net")
    )


def test_the_deviations_of_the_presets_are_written_out_from_their_ratios() -> None:
    assert ratios("realistic", "application") == (0.75, 0.38, 0.50, 1.6)
    assert ratios("realistic", "batch") == (0.60, 0.38, 0.50, 1.6)
    assert ratios("realistic_hourly", "web") == (0.64, 0.52, 0.75, 1.9)
    assert ratios("realistic_hourly", "batch") == (0.95, 0.52, 0.75, 1.9)
    assert ratios("enterprise_hourly", "web") == (0.22, 0.15, 0.20, 0.30)
    assert ratios("enterprise_hourly", "application") == (0.22, 0.15, 0.25, 0.30)
    assert ratios("enterprise_hourly", "database") == (0.22, 0.08, 0.15, 0.28)
    assert ratios("enterprise_hourly", "batch") == (0.55, 0.18, 0.35, 0.40)


@pytest.mark.parametrize("archetype", PROFILES)
def test_a_days_percentile_spreads_less_than_its_hours_and_is_remembered_longer(archetype: str) -> None:
    pairs = zip(ratios("enterprise", archetype), ratios("enterprise_hourly", archetype), strict=True)
    assert all(of_days < of_hours for of_days, of_hours in pairs)
    of_days, of_hours = (load_config(name).archetypes[archetype] for name in ("enterprise", "enterprise_hourly"))
    assert of_days.noise_spread < of_hours.noise_spread


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("realistic", (36, 360)),
        ("enterprise", (36, 360)),
        ("realistic_hourly", (6, 120)),
        ("enterprise_hourly", (5, 120)),
    ],
)
def test_days_are_remembered_for_weeks_and_hours_for_days(name: str, hours: tuple[float, float]) -> None:
    memories = [profile.memory for profile in load_config(name).archetypes.values()]
    assert {memory.hours for memory in memories if memory} == {hours}


@pytest.mark.parametrize("name", ["enterprise", "enterprise_hourly"])
def test_enterprise_is_as_busy_as_the_built_in_fleet(name: str) -> None:
    profiles = spec_of(load_config(name)).archetypes
    for archetype, built_in in PROFILES.items():
        for part in ("base", "correlation", "business_hours", "weekend", "growth", "spike_magnitude"):
            assert getattr(profiles[archetype], part) == getattr(built_in, part)
        assert profiles[archetype].cycle is None


def test_the_rhythm_of_the_fitted_servers() -> None:
    profiles = load_config("realistic_hourly").archetypes
    rhythm = {name: (profile.cycle, profile.strength, profile.strength_spread) for name, profile in profiles.items()}
    assert rhythm == {
        "web": ("office", 0.17, 1.25),
        "application": ("evening", 0.11, 1.25),
        "database": ("night", 0.30, 1.25),
        "batch": ("night", 0.90, 1.25),
    }
