"""The switches of living fleets in a configuration: what is taken, what is refused in which words, what is recorded."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dask_synth.config.layers import as_yaml, effective_config, load_config
from dask_synth.config.run import RunConfig
from dask_synth.errors import ConfigError
from dask_synth.model.archetypes import PROFILES
from dask_synth.model.life import LIFE, Company, Memory
from dask_synth.pipeline.plan import spec_of
from tests.further import WITH_IOPS

NAN = math.nan
ALIVE: Mapping[str, Any] = {
    "noise": "proportional",
    "skew": {"cpu": 1.3, "net": 0.5},
    "memory": {"hours": [5, 120], "shares": {"cpu": [0.44, 0.47], "mem": [0.42, 0.38], "net": [0.5, 0.2]}},
    "in_out": 0.9,
    "cycle": "office",
    "strength": 0.15,
    "strength_spread": 1.25,
    "shift_spread": 1,
    "level_spread": {"cpu": 0.55, "disk": 0.5},
    "noise_spread": 1.4,
    "growth_spread": 0.5,
    "yearly": 0.1,
    "peak": 200,
}
"""Every switch on."""
HALF = [0, 1] * 12
AS_BEFORE = {
    "defaults": (None, {}, "76437055e133bfe6"),
    "iops_gpu": ("iops_gpu", {}, "c3aff15e62345f32"),
    "others": (
        None,
        {"fleet.regions": ["A", "B"], "archetypes.web.base.cpu": 50, "fleet.mix": {"web": 1.0}},
        "e20a0be3be1c7616",
    ),
}
"""Configurations and digests of their records, from before there were switches."""


def problems(**changes: object) -> list[tuple[str, str]]:
    """Load with dotted keys, `__` for a dot, and return what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load_config(None, {key.replace("__", "."): value for key, value in changes.items()})
    return [(key, message.replace(" (from overrides)", "")) for key, message in caught.value.problems]


def test_every_switch_reaches_the_model() -> None:
    profile = spec_of(load_config(None, {"archetypes.web": ALIVE})).archetypes["web"]
    for name in LIFE:
        expected = ALIVE[name]
        if name == "memory":
            shares = {metric: tuple(pair) for metric, pair in expected["shares"].items()}
            expected = Memory((5.0, 120.0), shares)
        assert getattr(profile, name) == expected
    assert type(profile) is type(PROFILES["web"])
    assert type(profile.memory) is Memory
    assert {ALIVE.keys() == set(LIFE)} == {True}


def test_a_cycle_may_be_24_numbers_of_any_mean() -> None:
    assert load_config(None, {"archetypes.web.cycle": HALF}).archetypes["web"].cycle == tuple(map(float, HALF))


def test_company_has_the_usual_numbers_where_none_are_said() -> None:
    assert spec_of(load_config()).fleet.company is None
    assert spec_of(load_config(None, {"fleet.company": None})).fleet.company is None
    assert spec_of(load_config(None, {"fleet.company": {}})).fleet.company == Company(8, 0.45, 0.96)
    assert spec_of(load_config(None, {"fleet.company.size": 4})).fleet.company == Company(4, 0.45, 0.96)


def test_switches_of_a_metric_of_ones_own_stand_under_its_name() -> None:
    switches = {"skew": {"iops": 1.2}, "level_spread": {"iops": 0.4}, "memory": {"hours": [5, 120], "shares": {}}}
    profiles = {**WITH_IOPS["archetypes"], "web": {**WITH_IOPS["archetypes"]["web"], **switches}}
    profiles["web"]["memory"] = {
        "hours": [5, 120],
        "shares": {"iops": [0.3, 0.1], "cpu": [0.3, 0.2], "net": [0.2, 0.1]},
    }
    config = load_config(None, {**WITH_IOPS, "archetypes": profiles})
    web = config.archetypes["web"]
    assert (web.skew, web.level_spread) == ({"iops": 1.2}, {"iops": 0.4})
    assert web.memory is not None
    assert web.memory.shares["iops"] == (0.3, 0.1)
    assert RunConfig(**config.model_dump(mode="json")) == config


@pytest.mark.parametrize("what", AS_BEFORE)
def test_a_record_without_switches_is_what_it_was_to_the_byte(what: str) -> None:
    path, changes, digest = AS_BEFORE[what]
    record = json.dumps(load_config(path, changes).model_dump(mode="json"))
    assert hashlib.sha256(record.encode()).hexdigest()[:16] == digest
    assert "company" not in record


def test_what_is_said_to_be_off_is_not_recorded() -> None:
    off: dict[str, Any] = {"noise": "constant", "skew": {}, "memory": None, "in_out": 1, "cycle": None, "yearly": 0}
    config = load_config(None, {"archetypes.web": off, "fleet.company": None})
    assert config.model_dump(mode="json") == RunConfig().model_dump(mode="json")
    assert config == RunConfig()
    assert config.archetypes["web"].is_off


def test_what_is_on_is_recorded_and_read_back_alone() -> None:
    config = load_config(None, {"archetypes.web": ALIVE, "archetypes.batch.cycle": HALF, "fleet.company": {}})
    record = json.loads(json.dumps(config.model_dump(mode="json")))
    assert RunConfig(**record) == RunConfig(**config.model_dump()) == config
    assert {name: record["archetypes"]["web"][name] for name in LIFE} == ALIVE
    assert {name for name in LIFE if name in record["archetypes"]["batch"]} == {"cycle"}
    assert record["fleet"]["company"] == {"size": 8, "pools": 0.45, "alike": 0.96}


def test_a_printed_configuration_tells_which_switches_are_on_and_from_where(tmp_path: Path) -> None:
    (tmp_path / "alive.yaml").write_text(json.dumps({"archetypes": {"web": ALIVE}, "fleet": {"company": {"size": 4}}}))
    override = {"archetypes.web.skew.cpu": (0.4, "--set archetypes.web.skew.cpu")}
    effective = effective_config(tmp_path / "alive.yaml", override)
    printed = as_yaml(effective)
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "cpu: 0.4 # --set archetypes.web.skew.cpu" in lines
    for line in ("net: 0.5", "hours: [5.0, 120.0]", "cycle: office", "size: 4"):
        assert f"{line} # {tmp_path / 'alive.yaml'}" in lines
    assert printed.count("noise: ") == 1
    (tmp_path / "printed.yaml").write_text(printed)
    assert load_config(tmp_path / "printed.yaml") == effective.config


@pytest.mark.parametrize(
    ("key", "value", "found", "message"),
    [
        ("noise", "proportionl", "noise", "it must be 'constant' or 'proportional'; did you mean 'proportional'?"),
        ("noise", True, "noise", "True is not allowed: it must be 'constant' or 'proportional'"),
        ("skew.cpu", 1.7, "skew.cpu", "1.7 is not allowed: it must be less than or equal to 1.6"),
        ("skew.cpu", NAN, "skew.cpu", "nan is not allowed: it must be a finite number"),
        ("skew.cpu", True, "skew.cpu", "True is not allowed: a boolean is not a number"),
        ("skew", 1, "skew", "1 is not allowed: it must be a mapping"),
        ("skew", {"cpx": 1}, "skew.cpx", "there is no such key; did you mean 'cpu'? (a metric of your own is defined"),
        ("level_spread", {"iops": 1}, "level_spread.iops", "a metric of your own is defined under metrics"),
        ("level_spread.mem", -0.1, "level_spread.mem", "greater than or equal to 0"),
        ("memory", 5, "memory", "5 is not allowed: it must be a mapping"),
        ("memory", {"hours": [5, 120]}, "memory", "shares must be given: there is no default"),
        (
            "memory",
            {"hours": 5, "shares": {}},
            "memory.hours",
            "5 is not allowed: it must be two numbers, [short, long]",
        ),
        ("memory", {"hours": [5], "shares": {}}, "memory.hours", "it must be two numbers"),
        ("memory", {"hours": [0, 9], "shares": {}}, "memory.hours.0", "greater than 0"),
        (
            "memory",
            {"hours": [5, 9.9], "shares": {}},
            "memory.hours",
            "[5, 9.9] is not allowed: the long one must be at",
        ),
        (
            "memory",
            {"hours": [5, 120], "shares": {"cpu": [0.6, 0.5]}},
            "memory.shares.cpu",
            "[0.6, 0.5] is not allowed: the shares sum to 1.1, and they must sum to at most 1: the rest is white",
        ),
        ("memory", {"hours": [5, 120], "shares": {"cpu": [2, 0]}}, "memory.shares.cpu.0", "less than or equal to 1"),
        (
            "memory",
            {"hours": [5, 120], "shares": {"ram": [0, 0]}},
            "memory.shares.ram",
            "known keys are cpu, mem, disk",
        ),
        ("memory", {"hours": [5, 120], "shares": {"cpu": 0.5}}, "memory.shares.cpu", "it must be two numbers"),
        ("memory", {"hour": [5, 120], "hours": [5, 120], "shares": {}}, "memory.hour", "did you mean 'hours'?"),
        ("in_out", 1.1, "in_out", "less than or equal to 1"),
        ("in_out", False, "in_out", "a boolean is not a number"),
        ("cycle", "ofice", "cycle", "cycle 'ofice' is not known; did you mean 'office'?"),
        ("cycle", [1] * 23, "cycle", "a cycle has 24 numbers, one an hour from 00:00 on, and these are 23"),
        ("cycle", [1] * 23 + [NAN], "cycle", "not nan at 23:00"),
        ("cycle", [1] * 23 + [1e7], "cycle", "at most 1,000,000, not 1e+07"),
        ("cycle", [True] * 24, "cycle", "it must be a cycle: flat, office, night, evening, or 24 numbers"),
        ("cycle", 24, "cycle", "24 is not allowed: it must be a cycle"),
        ("cycle", {"web": 1}, "cycle", "it must be a cycle"),
        ("noise_spread", 2.1, "noise_spread", "less than or equal to 2"),
        ("growth_spread", NAN, "growth_spread", "finite"),
        ("yearly", 0.95, "yearly", "less than or equal to 0.9"),
        ("growth", True, "growth", "a boolean is not a number"),
        ("base.cpu", True, "base.cpu", "a boolean is not a number"),
        ("nois_spread", 1, "nois_spread", "did you mean 'noise_spread'?"),
    ],
)
def test_a_switch_that_cannot_be_is_one_problem_with_its_key(key: str, value: object, found: str, message: str) -> None:
    ((place, text),) = problems(**{f"archetypes.web.{key}": value})
    assert place == f"archetypes.web.{found}"
    assert message in text


@pytest.mark.parametrize(
    ("key", "value", "found", "message"),
    [
        ("company.size", 1, "company.size", "1 is not allowed: it must be greater than or equal to 2"),
        ("company.size", 2.5, "company.size", "integer"),
        ("company.pools", 1.5, "company.pools", "less than or equal to 1"),
        ("company.pools", True, "company.pools", "True is not allowed: a boolean is not a number"),
        ("company.alike", 1, "company.alike", "1 is not allowed: it must be less than 1"),
        ("company.alike", NAN, "company.alike", "finite"),
        ("company", True, "company", "it must be a mapping"),
        ("company.sze", 4, "company.sze", "did you mean 'size'?"),
        ("compny", {}, "compny", "did you mean 'company'?"),
        ("cycle", "office", "cycle", "did you mean 'archetypes.web.cycle'?"),
    ],
)
def test_company_that_cannot_be_is_one_problem_with_its_key(key: str, value: object, found: str, message: str) -> None:
    ((place, text),) = problems(**{f"fleet.{key}": value})
    assert place == f"fleet.{found}"
    assert message in text


def test_memory_that_a_correlation_does_not_allow_names_archetype_granularity_eigenvalue_and_remedy() -> None:
    memory = {"hours": [5, 120], "shares": {"cpu": [0, 1.0]}}
    ((key, message),) = problems(archetypes__web={"memory": memory, "correlation": {"cpu_net": 0.9}})
    assert key == "archetypes.web"
    assert message.startswith("memory, at any granularity: the correlation of the metrics' innovations is not positive")
    assert "its smallest eigenvalue is -0." in message
    assert message.endswith("make the metrics' shares more alike, or bring the correlations closer to 0")


def test_memory_that_works_at_one_granularity_alone_is_refused_at_all() -> None:
    # Of what lasts an hour and two nothing is left after a day: daily rows are white.
    memory = {"hours": [1, 2], "shares": {"cpu": [0, 1.0]}}
    for granularity in ("daily", "1min"):
        ((key, message),) = problems(archetypes__web__memory=memory, time__granularity=granularity)
        assert key == "archetypes.web"
        assert re.match(r"memory, at granularity [^:]*1min: ", message)
        assert "daily" not in message


def test_a_matrix_that_is_none_is_told_once_where_there_is_memory_too() -> None:
    correlation = {"cpu_mem": 0.99, "mem_disk": -0.9, "cpu_disk": 0.9}
    ((key, message),) = problems(archetypes__web={"memory": ALIVE["memory"], "correlation": correlation})
    assert key == "archetypes.web"
    assert message.startswith("the correlation matrix (")


def test_what_acts_on_a_cycle_needs_one() -> None:
    found = problems(archetypes__web={"strength": 0.5, "shift_spread": 1, "peak": 100})
    assert found == [
        (
            "archetypes.web",
            "strength, shift_spread act on a cycle, and there is none: give one of flat, office, night, evening, "
            "or 24 numbers, one an hour from 00:00 on; or leave out what acts on it",
        ),
        (
            "archetypes.web",
            "peak says when the yearly swing is highest, and there is none: say how far it swings, such as "
            "yearly: 0.2; or leave out peak",
        ),
    ]
    assert problems(archetypes__web__strength=0.5)[0][1].startswith("strength acts on a cycle")


def test_who_switches_a_cycle_off_switches_off_what_acts_on_it() -> None:
    alive = {**ALIVE, "cycle": None, "yearly": 0}
    profile = load_config(None, {"archetypes.web": alive}).archetypes["web"]
    assert (profile.strength, profile.strength_spread, profile.shift_spread, profile.peak) == (1, 0, 0, 0)
    assert profile.noise_spread == 1.4
    config = load_config("realistic", {"archetypes.web.cycle": None})
    assert config.archetypes["web"].strength == 1
    assert config.archetypes["batch"].strength == 0.8
    assert RunConfig(**config.model_dump(mode="json")) == config


def test_memory_that_lacks_a_part_says_which_and_nothing_else() -> None:
    found = problems(archetypes__web__memory={"hours": [5, 120]}, archetypes__wbe={"growth": 1})
    assert ("archetypes.web.memory", "shares must be given: there is no default") in found
    assert len(found) == 2


def test_problems_of_switches_are_told_with_all_the_others() -> None:
    found = problems(
        archetypes__web={"noise": "pink", "skew": {"cpu": 9, "ram": 1}, "cycle": "ofice", "sd": {"cpu": -1}},
        archetypes__batch={"memory": {"hours": [5, 6], "shares": {"mem": [1, 1]}}},
        fleet__company={"size": 1, "alike": 1},
        time__granularity="fortnightly",
    )
    assert {key for key, _ in found} == {
        "fleet.company.size",
        "fleet.company.alike",
        "time.granularity",
        "archetypes.web.noise",
        "archetypes.web.skew.cpu",
        "archetypes.web.skew.ram",
        "archetypes.web.cycle",
        "archetypes.web.sd.cpu",
        "archetypes.batch.memory.hours",
        "archetypes.batch.memory.shares.mem",
    }
    assert len(found) == 10


def test_where_the_metrics_are_wrong_their_names_are_not_blamed() -> None:
    ((key, _),) = problems(metrics={"iops": {"high": 0}}, archetypes__web__skew={"iops": 1})
    assert key == "metrics.iops.high"


def test_the_environment_sets_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SYNTH__ARCHETYPES__WEB__SKEW__CPU", "0.5")
    monkeypatch.setenv("DASK_SYNTH__ARCHETYPES__WEB__CYCLE", "night")
    monkeypatch.setenv("DASK_SYNTH__FLEET__COMPANY__ALIKE", "0.5")
    config = load_config()
    assert (config.archetypes["web"].skew, config.archetypes["web"].cycle) == ({"cpu": 0.5}, "night")
    assert config.fleet.company == Company(alike=0.5)
    monkeypatch.setenv("DASK_SYNTH__FLEET__COMPANY__ALIKE", "1")
    with pytest.raises(ConfigError, match=r"alike: '1' is not allowed \(from DASK_SYNTH__FLEET__COMPANY__ALIKE"):
        load_config()
