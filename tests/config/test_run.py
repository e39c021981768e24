from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import dask_synth
from dask_synth.config.layers import load_config
from dask_synth.config.metrics import MetricConfig
from dask_synth.config.run import RunConfig, merged
from dask_synth.config.sources import read_yaml
from dask_synth.errors import ConfigError
from dask_synth.model.life import LIFE, Company
from dask_synth.pipeline.plan import RunPlan

CONFIG_FILES = sorted((Path(dask_synth.__file__).parent.parent / "config").glob("*.yaml"))
PROFILE = {
    "base": {"cpu": 1, "mem": 2, "disk": 3, "net": 4},
    "sd": {"cpu": 1, "mem": 1, "disk": 1, "net": 1},
    "correlation": {"cpu_mem": 0, "cpu_net": 0, "mem_disk": 0},
    "business_hours": 1,
    "weekend": 1,
    "spike_probability": 0,
    "spike_magnitude": 1,
    "growth": 0,
}


def problems(**changes: object) -> list[tuple[str, str]]:
    """Load with dotted keys, `__` for a dot, and return what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load_config(None, {key.replace("__", "."): value for key, value in changes.items()})
    return list(caught.value.problems)


def test_the_defaults_are_those_of_the_design() -> None:
    config = RunConfig().model_dump()
    config.pop("archetypes")
    assert config == {
        "seed": 42,
        "fleet": {
            "servers": 120,
            "mix": {"web": 0.35, "application": 0.4, "database": 0.15, "batch": 0.1},
            "business_units": {"Trading": 1, "Retail": 1, "Compliance": 1, "IT": 1},
            "criticalities": {"High": 1, "Medium": 1, "Low": 1},
            "regions": {"US-East": 1, "US-West": 1, "EU": 1, "Asia": 1},
        },
        "time": {"start_date": dt.date(2022, 1, 1), "end_date": dt.date(2025, 12, 31), "granularity": "daily"},
        "seasonality": {
            "weekly": True,
            "business_hours": True,
            "quarter_end": True,
            "holidays": (
                {"factor": 0.5, "date": "01-01", "first": None, "last": None, "name": None},
                {"factor": 0.6, "date": None, "first": "12-25", "last": "12-31", "name": None},
            ),
        },
        "growth": True,
        "spikes": True,
        "metrics": {},
        "output": {"path": "output", "formats": ("parquet", "csv"), "rows_per_partition": 500_000},
    }


@pytest.mark.parametrize("place", ["", "fleet", "time", "output"])
def test_a_configuration_is_frozen(place: str) -> None:
    config = RunConfig()
    part = getattr(config, place) if place else config
    with pytest.raises(ValidationError, match="frozen"):
        setattr(part, next(iter(type(part).model_fields)), 1)


def test_the_environment_is_not_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "7")
    monkeypatch.setenv("GROWTH", "false")
    assert RunConfig() == load_config()
    assert (RunConfig().seed, RunConfig().growth) == (42, True)


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        ("2022-01-01", 4, "2025-12-31"),
        ("2024-02-29", 1, "2025-02-27"),
        ("2023-03-01", 1, "2024-02-29"),
        ("2024-07-15", "2", "2026-07-14"),
        ("2024-02-29T00:00:00", 1, "2025-02-27"),
    ],
)
def test_years_give_the_day_before_the_anniversary(start: str, years: int | str, end: str) -> None:
    time = load_config(None, {"time.start_date": start, "time.years": years}).time
    assert time.end_date == dt.date.fromisoformat(end)


@pytest.mark.parametrize("years", [0, -1, 1.5, "many", True, 231, None])
def test_years_that_are_none_are_refused(years: object) -> None:
    assert problems(time__years=years) == [
        ("time", f"years must be a whole number from 1 to 230, not {years!r}"),
    ]


def test_an_impossible_start_is_blamed_even_where_years_are_given() -> None:
    ((key, message),) = problems(time__start_date="2022-02-31", time__years=2)
    assert key == "time.start_date"
    assert "'2022-02-31' is not allowed" in message


def test_years_and_end_date_together_are_refused() -> None:
    ((key, message),) = problems(time__years=2, time__end_date="2025-01-01")
    assert (key, message) == ("time", "give years or end_date, not both")


def test_one_day_is_a_range() -> None:
    time = load_config(None, {"time.start_date": "2024-02-29", "time.end_date": "2024-02-29"}).time
    assert time.start_date == time.end_date


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", -1, "greater than or equal to 0"),
        ("seed", 2**64, "less than"),
        ("seed", True, "a boolean is not a number"),
        ("seed", 1.5, "integer"),
        ("fleet.servers", 0, "greater than or equal to 1"),
        ("fleet.servers", -5, "greater than or equal to 1"),
        ("fleet.servers", "many", "'many' is not allowed.*integer"),
        ("fleet.servers", True, "a boolean is not a number"),
        ("fleet.servers", 10_000_001, "less than or equal to 10000000"),
        ("fleet.mix", {"web": 0.9}, "the shares sum to 0.9, and they must sum to 1"),
        ("fleet.mix", {"web": 1.0, "batch": 1e-7}, "the shares sum to 1.0000001"),
        ("fleet.mix.web", -0.1, "greater than or equal to 0"),
        ("fleet.mix.web", float("nan"), "nan is not allowed"),
        ("fleet.mix", {}, "at least 1 item"),
        ("fleet.regions", [], "at least 1 item"),
        ("fleet.regions", ["EU", "EU"], "a value is listed twice"),
        ("fleet.regions", {"EU": 0, "Asia": 0}, "at least one weight must be above 0"),
        ("fleet.regions", {"EU": -1}, "greater than or equal to 0"),
        ("fleet.regions", ["a\nb"], "1 to 100 printable characters"),
        ("fleet.regions", [" "], "1 to 100 printable characters"),
        ("fleet.regions", [f"r{i}" for i in range(128)], "at most 127 items"),
        ("time.start_date", "2022-02-31", "'2022-02-31' is not allowed.*day value is outside expected range"),
        ("time.start_date", "1969-12-31", "the year must be from 1970 to 2200"),
        ("time.end_date", "2201-01-01", "the year must be from 1970 to 2200"),
        ("time.granularity", "fortnightly", "'fortnightly'.*daily, hourly, 30min, 15min, 5min, 1min"),
        ("archetypes.web.correlation.cpu_mem", 1.2, "1.2 is not allowed.*less than or equal to 1"),
        ("archetypes.web.spike_probability", 1.01, "less than or equal to 1"),
        ("archetypes.web.spike_probability", -0.01, "greater than or equal to 0"),
        ("archetypes.web.sd.net", 0, "greater than 0"),
        ("archetypes.web.base.cpu", float("inf"), "finite"),
        ("archetypes.web.spike_magnitude", 0, "greater than 0"),
        ("output.formats", ["xml"], "'parquet' or 'csv'"),
        ("output.formats", [], "at least 1 item"),
        ("output.formats", ["csv", "csv"], "a format is listed twice"),
        ("output.path", "", "at least 1 character"),
        ("output.rows_per_partition", 0, "greater than or equal to 1"),
        ("growth", "maybe", "boolean"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_key_and_what_is_allowed(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {key: value})
    ((found, text),) = caught.value.problems
    assert found.startswith(key) or key.startswith(found)
    assert re.search(message, text)


def test_an_end_before_the_start_names_both_days() -> None:
    ((key, message),) = problems(time__start_date="2024-01-02", time__end_date="2024-01-01")
    assert (key, message) == ("time", "end_date 2024-01-01 lies before start_date 2024-01-02")


def test_an_unknown_archetype_is_named_with_the_known_ones() -> None:
    ((key, message),) = problems(fleet__mix={"wbe": 1.0})
    assert key == "fleet.mix.wbe"
    assert "wbe is not a known archetype; known are web, application, database, batch" in message


def test_a_matrix_that_is_not_positive_definite_is_named_with_its_smallest_eigenvalue() -> None:
    ((key, message),) = problems(archetypes__database__correlation={"cpu_mem": 0.99, "mem_disk": -0.9, "cpu_disk": 0.9})
    assert key == "archetypes.database"
    assert re.search(r"not positive definite: its smallest eigenvalue is -\d\.\d{4}", message)


def test_all_problems_are_told_at_once() -> None:
    found = problems(fleet__servers=0, time__granularity="fortnightly", archetypes__web__sd__cpu=-1, sed=4)
    assert {key for key, _ in found} == {"fleet.servers", "time.granularity", "archetypes.web.sd.cpu", "sed"}


def test_a_profile_is_overridden_key_by_key() -> None:
    profile = load_config(None, {"archetypes.web.base.cpu": 50}).archetypes["web"]
    assert (profile.base.cpu, profile.base.mem, profile.weekend) == (50, 35, 0.5)
    assert load_config(None, {"archetypes.web.base.cpu": 50}).archetypes["batch"].base.cpu == 30


def test_a_new_archetype_may_be_defined_and_used() -> None:
    config = load_config(None, {"archetypes.gpu-node": PROFILE, "fleet.mix": {"gpu-node": 1.0}})
    assert config.archetypes["gpu-node"].base.net == 4
    assert config.archetypes["gpu-node"].correlation.disk_net == 0.3


def test_a_new_archetype_must_be_whole() -> None:
    found = problems(archetypes__gpu={key: value for key, value in PROFILE.items() if key != "sd"})
    assert found == [("archetypes.gpu", "sd must be given: there is no default")]


@pytest.mark.parametrize("name", ["", "a/b", "a=b", "..", "01", "2024-01-01", "a b", "x" * 65])
def test_a_name_that_cannot_be_a_folder_of_its_own_is_refused(name: str) -> None:
    ((key, message),) = problems(archetypes={name: PROFILE})
    assert key == "archetypes"
    assert f"{name!r} cannot name an archetype" in message


def test_a_holiday_is_refused_with_its_place() -> None:
    ((key, message),) = problems(seasonality__holidays=[{"date": "01-01", "factor": 1}, {"date": "02-30", "factor": 1}])
    assert key == "seasonality"
    assert "holidays[1]: '02-30' is not a day" in message


words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
SECTIONS = [
    "",
    "fleet",
    "time",
    "output",
    "seasonality",
    "archetypes.web",
    "archetypes.web.base",
    "archetypes.batch.sd",
]


@given(st.sampled_from(SECTIONS), words)
def test_an_unknown_key_is_always_refused_with_a_suggestion(section: str, word: str) -> None:
    place = RunConfig().model_dump()
    for part in section.split(".") if section else []:
        place = place[part]
    # Keys that no configuration is printed with, or not these defaults.
    unseen = {"time": ["years"], "output": ["storage_options"], "fleet": ["company"], "archetypes.web": LIFE}
    known = [*place, *unseen.get(section, [])]
    key = f"{section}.{word}".removeprefix(".")
    if word in known:
        return
    with pytest.raises(ConfigError) as caught:
        load_config(None, {key: 1})
    ((found, message),) = caught.value.problems
    assert found == key
    assert "there is no such key" in message
    suggested = re.search(r"did you mean '([\w.]+)'\?", message)
    if suggested:
        assert suggested[1] in known or suggested[1].split(".")[-1] == word
    else:
        assert f"known keys are {', '.join(known)}" in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("fleet.srvers", "servers"),
        ("sed", "seed"),
        ("time.grannularity", "granularity"),
        ("time.year", "years"),
        ("output.storage_option", "storage_options"),
    ],
)
def test_a_slip_of_the_finger_is_understood(wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {right!r}"):
        load_config(None, {wrong: 1})


trees = st.recursive(
    st.integers(), lambda below: st.dictionaries(st.sampled_from("abcd"), below, max_size=4), max_leaves=12
)
Tree = dict[str, Any]
mappings = st.dictionaries(st.sampled_from("abcd"), trees, max_size=4)


def flat(tree: object, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    if not isinstance(tree, dict):
        return {above: tree}
    return {key: value for name, below in tree.items() for key, value in flat(below, (*above, name)).items()}


@given(mappings, mappings)
def test_what_is_merged_holds_all_of_the_higher_layer_and_the_lower_where_it_does_not_collide(
    low: Tree, high: Tree
) -> None:
    result = flat(merged(low, high))
    assert flat(high).items() <= result.items()
    for key, value in flat(low).items():
        covered = any(key[: len(other)] == other or other[: len(key)] == key for other in flat(high))
        assert covered or result.get(key, value) == value
    assert merged(low, {}) == low
    assert merged({}, high) == high
    assert merged(high, high) == high


@given(mappings, mappings, mappings)
def test_merging_leaves_the_layers_as_they_were(one: Tree, two: Tree, three: Tree) -> None:
    before = yaml.safe_dump([one, two, three])
    merged(merged(one, two), three)
    assert yaml.safe_dump([one, two, three]) == before


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_a_config_file_loads_and_plans(path: Path) -> None:
    plan = RunPlan.of(load_config(path))
    assert plan.rows == plan.config.fleet.servers * plan.spec.grid.size > 0
    assert sum(chunk.servers for chunk in plan.chunks) == plan.config.fleet.servers


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_every_key_of_a_config_file_is_a_field(path: Path) -> None:
    known = flat(RunConfig().model_dump(mode="json"))
    free = ("fleet", "mix"), ("fleet", "business_units"), ("fleet", "criticalities"), ("fleet", "regions")
    for key in flat(read_yaml(path)):
        is_metrics = key[0] == "metrics" and key[2] in MetricConfig.model_fields
        is_company = key[:2] == ("fleet", "company") and hasattr(Company(), key[2])
        is_key = key in known or key[:2] in free or is_metrics or is_company
        assert is_key or key[0] == "archetypes" or key == ("time", "years")


def test_there_are_config_files_and_the_two_of_the_readme_have_their_sizes() -> None:
    rows = {path.stem: RunPlan.of(load_config(path)).rows for path in CONFIG_FILES}
    assert rows["baseline"] == 175_320
    assert rows["hourly_200"] == 7_012_800


def test_the_baseline_file_says_what_the_defaults_are() -> None:
    path = next(path for path in CONFIG_FILES if path.stem == "baseline")
    assert load_config(path) == RunConfig()


def test_what_the_baseline_file_shows_in_comments_works_too(tmp_path: Path) -> None:
    path = next(path for path in CONFIG_FILES if path.stem == "baseline")
    example = re.sub(r"^( *)# ( *(- \{|\w+:( |$)))", r"\1\2", path.read_text(), flags=re.MULTILINE)
    (tmp_path / "all.yaml").write_text(example)
    config = load_config(tmp_path / "all.yaml")
    assert len(config.seasonality.holidays) == 4
    assert config.archetypes["web"].base.cpu == 50
