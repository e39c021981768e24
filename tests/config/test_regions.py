"""Regions in a configuration: weights as ever, and places in time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from dask_synth.config.layers import as_yaml, effective_config, load_config
from dask_synth.config.regions import RegionConfig
from dask_synth.config.run import RunConfig
from dask_synth.errors import ConfigError
from dask_synth.model.fleet import Place
from dask_synth.pipeline.plan import RunPlan, spec_of

MIXED: dict[str, Any] = {
    "EU": {"timezone": "Europe/Berlin", "holidays": "DE"},
    "US": 3,
    "Far": {"weight": 2},
    "Asia": {"weight": 0.5, "timezone": 8},
    "London": {"holidays": "GB-ENG"},
}


def problems(regions: object, **others: object) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"fleet.regions": regions, **{key.replace("__", "."): of for key, of in others.items()}})
    return [(key, message.replace(" (from overrides)", "")) for key, message in caught.value.problems]


def test_a_list_and_weights_are_read_as_ever() -> None:
    listed, weighted = (load_config(None, {"fleet.regions": of}) for of in (["EU", "US"], {"EU": 1, "US": 1.0}))
    said = load_config(None, {"fleet.regions": {"EU": {"weight": 1}, "US": {}}})
    assert listed == weighted == said
    assert listed.model_dump()["fleet"]["regions"] == {"EU": 1.0, "US": 1.0}
    assert RunPlan.of(listed).run_id == RunPlan.of(weighted).run_id == RunPlan.of(said).run_id
    assert spec_of(listed).fleet.places == ()


def test_regions_may_say_where_they_stand_in_time_each_for_itself() -> None:
    config = load_config(None, {"fleet.regions": MIXED})
    fleet = spec_of(config).fleet
    assert fleet.regions == (("EU", 1.0), ("US", 3.0), ("Far", 2.0), ("Asia", 0.5), ("London", 1.0))
    assert fleet.places == (
        Place("Europe/Berlin", "DE"),
        Place(),
        Place(),
        Place(8, None),
        Place(None, "GB-ENG"),
    )
    assert config.fleet.regions["Far"] == 2.0
    assert config.fleet.regions["Asia"] == RegionConfig(weight=0.5, timezone=8)


@pytest.mark.parametrize(("text", "hours"), [("8", 8), ("+8", 8), ("-5", -5), ("0", 0)])
def test_hours_may_be_text_as_the_environment_has_them(text: str, hours: int) -> None:
    assert spec_of(load_config(None, {"fleet.regions": {"EU": {"timezone": text}}})).fleet.places == (Place(hours),)
    ((_, message),) = problems({"EU": {"timezone": "+99"}})
    assert "timezone 99 is not a whole number of hours ahead of UTC, -12 to 14" in message


def test_midnight_in_greenwich_is_a_place_too() -> None:
    assert spec_of(load_config(None, {"fleet.regions": {"EU": {"timezone": 0}}})).fleet.places == (Place(0),)


def test_what_regions_say_is_recorded_and_decides_the_run() -> None:
    config = load_config(None, {"fleet.regions": MIXED})
    record = json.loads(json.dumps(config.model_dump(mode="json")))
    assert record["fleet"]["regions"] == {
        "EU": {"weight": 1.0, "timezone": "Europe/Berlin", "holidays": "DE"},
        "US": 3.0,
        "Far": 2.0,
        "Asia": {"weight": 0.5, "timezone": 8},
        "London": {"weight": 1.0, "holidays": "GB-ENG"},
    }
    assert RunConfig(**record) == RunConfig(**config.model_dump()) == config
    moved = load_config(None, {"fleet.regions": {**MIXED, "Asia": {"weight": 0.5, "timezone": 9}}})
    turned = load_config(None, {"fleet.regions": dict(reversed(MIXED.items()))})
    assert len({RunPlan.of(one).run_id for one in (config, moved, turned)}) == 3


def test_a_printed_region_tells_where_each_of_its_keys_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.yaml").write_text(json.dumps({"fleet": {"regions": MIXED}}))
    monkeypatch.setenv("DASK_SYNTH__FLEET__REGIONS", "{Asia: {timezone: Asia/Kolkata}}")
    effective = effective_config(tmp_path / "run.yaml", {"fleet.regions.EU.weight": (7, "--set")})
    printed = as_yaml(effective)
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "weight: 7.0 # --set" in lines
    assert f"Far: 2.0 # {tmp_path / 'run.yaml'}" in lines
    assert any(line.startswith("timezone: Asia/Kolkata # DASK_SYNTH__FLEET__REGIONS") for line in lines)
    monkeypatch.undo()
    (tmp_path / "printed.yaml").write_text(printed)
    assert load_config(tmp_path / "printed.yaml") == effective.config


def test_what_the_caller_says_of_a_region_leaves_it_its_weight(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("fleet: {regions: {EU: 3, Asia: {weight: 2, holidays: SG}}}\n")
    said = {"fleet.regions.EU.timezone": "Europe/Berlin", "fleet.regions.Asia.timezone": 8}
    fleet = spec_of(load_config(tmp_path / "run.yaml", said)).fleet
    assert fleet.regions == (("EU", 3.0), ("Asia", 2.0))
    assert fleet.places == (Place("Europe/Berlin"), Place(8, "SG"))


@pytest.mark.parametrize(
    ("region", "key", "message"),
    [
        (
            {"timezone": "Europe/Berln"},
            ".timezone",
            "timezone 'Europe/Berln' is not known; did you mean 'Europe/Berlin'",
        ),
        ({"timezone": "Singapur"}, ".timezone", "'Singapur' is not allowed: timezone 'Singapur' is not known; did you"),
        ({"timezone": ""}, ".timezone", "write it as the time zone database does, such as 'Europe/Berlin'"),
        ({"timezone": True}, ".timezone", "True is not allowed: YAML reads an unquoted yes, no, on or off as true"),
        ({"timezone": 15}, ".timezone", "15 is not allowed: timezone 15 is not a whole number of hours"),
        ({"timezone": -13}, ".timezone", "-12 to 14"),
        (
            {"timezone": 5.5},
            ".timezone",
            "5.5 is not allowed: it must be a time zone such as Europe/Berlin or Asia/Kol",
        ),
        ({"timezone": ["UTC"]}, ".timezone", "it must be a time zone"),
        ({"holidays": False}, ".holidays", "False is not allowed: YAML reads an unquoted yes, no, on or off as true"),
        ({"holidays": "Germany"}, ".holidays", "holidays of 'Germany' are not known; write it as in ISO 3166"),
        ({"holidays": "de"}, ".holidays", "did you mean 'DE'"),
        ({"holidays": "US-XX"}, ".holidays", "'XX' is no subdivision of US; known are AK, AL"),
        ({"holidays": 49}, ".holidays", "49 is not allowed: it must be a country such as DE"),
        ({"weight": -1}, ".weight", "-1 is not allowed: it must be greater than or equal to 0"),
        ({"weight": True}, ".weight", "True is not allowed: a boolean is not a number"),
        ({"weight": math.nan}, ".weight", "nan is not allowed"),
        ({"weight": 0}, "", "at least one weight must be above 0"),
        ({"timezon": "UTC"}, ".timezon", "there is no such key; did you mean 'timezone'?"),
        (True, "", "True is not allowed: a boolean is not a number"),
        (math.nan, "", "nan is not allowed"),
        (None, "", "None is not allowed: it must be a valid number"),
        ("many", "", "'many' is not allowed: it must be a valid number"),
    ],
)
def test_a_region_that_cannot_be_is_one_problem_with_its_key(region: object, key: str, message: str) -> None:
    ((found, text),) = problems({"EU": region})
    assert found == f"fleet.regions.EU{key}" or (found == "fleet.regions" and "weight must" in message)
    assert message in text


@pytest.mark.parametrize("text", ["holidays: NO", "holidays: no"])
def test_norway_without_quotes_is_told_to_quote_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"fleet: {{regions: {{Oslo: {{{text}}}}}}}\n")
    with pytest.raises(ConfigError, match='fleet.regions.Oslo.holidays: False .*for Norway write "NO", in quotes'):
        load_config(tmp_path / "run.yaml")
    (tmp_path / "run.yaml").write_text('fleet: {regions: {Oslo: {holidays: "NO"}}}\n')
    assert spec_of(load_config(tmp_path / "run.yaml")).fleet.places == (Place(None, "NO"),)


def test_a_list_holds_names_alone() -> None:
    ((key, message),) = problems([{"EU": {"timezone": "UTC"}}, "US"])
    assert key == "fleet.regions"
    assert "a list holds names alone; what says more of them is a mapping, {name: ...}" in message
    ((_, message),) = problems([False, "EU"])
    assert (
        "it must be text, and YAML reads an unquoted yes, no, on or off as true or false: write it in quotes" in message
    )


def test_all_that_is_wrong_with_regions_is_told_at_once() -> None:
    found = problems({"EU": {"timezone": "x/y", "holidays": "ZZ"}, "US": -1, "Asia": {"wegiht": 1}}, seed=-1)
    assert [key for key, _ in found] == [
        "seed",
        "fleet.regions.EU.timezone",
        "fleet.regions.EU.holidays",
        "fleet.regions.US",
        "fleet.regions.Asia.wegiht",
    ]


def test_a_holiday_may_be_of_any_calendar_that_a_region_keeps() -> None:
    table = [{"name": "Tag der Deutschen Einheit", "factor": 0.5}]
    regions = {"EU": {"holidays": "DE"}, "US": 1}
    assert load_config(None, {"fleet.regions": regions, "seasonality.holidays": table}).seasonality.holidays[0].factor
    table.append({"name": "Thanksgiving Day", "factor": 0.5})
    load_config(None, {"fleet.regions": regions, "seasonality.holidays": table})
    ((key, message),) = problems({"EU": {"holidays": "DE"}}, seasonality__holidays=table)
    assert key == "seasonality"
    assert "holidays[1]: holiday 'Thanksgiving Day' is not known; known are " in message
    ((key, message),) = problems(["EU"], seasonality__holidays=table)
    assert "holidays[0]: holiday 'Tag der Deutschen Einheit' is not known" in message


def test_where_the_regions_are_wrong_the_names_of_holidays_are_not_blamed() -> None:
    table = [{"name": "Tag der Deutschen Einheit", "factor": 0.5}, {"date": "02-30", "factor": 1}]
    found = problems({"EU": {"holidays": "DE", "timezone": 99}}, seasonality__holidays=table)
    assert [key for key, _ in found] == ["fleet.regions.EU.timezone", "seasonality"]
    assert "holidays[1]: '02-30' is not a day" in found[1][1]
    assert "holidays[0]" not in found[1][1]
