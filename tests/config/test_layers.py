from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.config.layers import as_yaml, effective_config, load_config
from dask_synth.config.run import RunConfig
from dask_synth.config.sources import parse_value, read_environment, read_yaml
from dask_synth.errors import ConfigError

YamlFile = Callable[[str | bytes], Path]


@pytest.fixture
def yaml_file(tmp_path: Path) -> YamlFile:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "run.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_defaults_then_file_then_environment_then_caller(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = yaml_file("seed: 1\nfleet: {servers: 1}\ntime: {granularity: hourly}\n")
    monkeypatch.setenv("DASK_SYNTH__SEED", "2")
    monkeypatch.setenv("DASK_SYNTH__FLEET__SERVERS", "2")
    config = load_config(path, {"seed": 3})
    assert config.seed == 3
    assert config.fleet.servers == 2
    assert config.time.granularity == "hourly"
    assert config.growth is True


def test_every_value_tells_where_it_comes_from(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = yaml_file("seed: 1\nfleet: {servers: 1, regions: [EU]}\ngrowth: false\n")
    monkeypatch.setenv("DASK_SYNTH__FLEET__SERVERS", "2")
    effective = effective_config(path, {"growth": (True, "--set growth")})
    printed = [line.partition("  # ") for line in as_yaml(effective).splitlines()]
    lines = {line.rstrip().partition(":")[0]: origin for line, _, origin in printed}
    assert lines["seed"] == str(path)
    assert lines["    EU"] == str(path)
    assert lines["  servers"] == "DASK_SYNTH__FLEET__SERVERS"
    assert lines["growth"] == "--set growth"
    assert lines["  granularity"] == "default"


@pytest.mark.parametrize(
    ("file", "environment", "caller", "end"),
    [
        ("end_date: 2023-06-30", {}, {"time.years": 1}, "2022-12-31"),
        ("years: 1", {}, {"time.end_date": "2023-06-30"}, "2023-06-30"),
        ("years: 3", {"TIME__END_DATE": "2023-06-30"}, {}, "2023-06-30"),
        ("end_date: 2023-06-30", {"TIME__YEARS": "2"}, {}, "2023-12-31"),
        ("years: 3", {"TIME__END_DATE": "2023-06-30"}, {"time.years": 1}, "2022-12-31"),
    ],
)
def test_years_of_a_higher_layer_displace_the_end_date_of_a_lower_and_the_other_way_round(
    file: str,
    environment: dict[str, str],
    caller: dict[str, Any],
    end: str,
    yaml_file: YamlFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"DASK_SYNTH__{name}", value)
    config = load_config(yaml_file(f"time: {{{file}}}\n"), caller)
    assert config.time.end_date.isoformat() == end


def test_years_and_end_date_in_one_layer_are_refused(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "give years or end_date, not both"
    with pytest.raises(ConfigError, match=text):
        load_config(yaml_file("time: {years: 2, end_date: 2023-06-30}\n"))
    with pytest.raises(ConfigError, match=text):
        load_config(None, {"time.end_date": "2023-06-30", "time.years": 2})
    monkeypatch.setenv("DASK_SYNTH__TIME__YEARS", "2")
    monkeypatch.setenv("DASK_SYNTH__TIME__END_DATE", "2023-06-30")
    with pytest.raises(ConfigError, match=text):
        load_config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2\n", "'seed' is given twice.*line 2"),
        ("fleet:\n  servers: 1\n  servers: 2\n", "'servers' is given twice.*line 3"),
        ("fleet: [\n", "not valid YAML.*line 2"),
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- 1\n", "must hold a mapping of keys.*holds a list"),
        ("words\n", "must hold a mapping of keys.*holds a str"),
        ("1: 2\n", "must hold a mapping of keys.*holds keys that are not text"),
        ("seed: 1\n---\nseed: 2\n", "not valid YAML.*single document"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML.*could not determine a constructor"),
        (b"\xff\xfe\xfa", "not valid YAML"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_file_that_holds_no_configuration_says_so(text: str | bytes, message: str, yaml_file: YamlFile) -> None:
    path = yaml_file(text)
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml' does not exist"):
        read_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


def test_an_impossible_date_of_a_file_is_the_configurations_own_error(yaml_file: YamlFile) -> None:
    with pytest.raises(ConfigError, match=r"time\.start_date: '2022-02-31' is not allowed \(from .*run\.yaml\)"):
        load_config(yaml_file("time: {start_date: 2022-02-31}\n"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("200", 200),
        ("1.5", 1.5),
        ("true", True),
        ("2024-01-01", "2024-01-01"),
        ("[EU, US]", ["EU", "US"]),
        ("{web: 1.0}", {"web": 1.0}),
        ("", None),
        ("plain words", "plain words"),
    ],
)
def test_a_value_is_read_as_yaml(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_a_value_that_is_not_yaml_is_named() -> None:
    with pytest.raises(ValueError, match=r"'\[EU' is not valid YAML"):
        parse_value("[EU")


def test_the_environment_sets_plain_values_lists_and_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SYNTH__FLEET__SERVERS", "7")
    monkeypatch.setenv("dask_synth__growth", "false")
    monkeypatch.setenv("DASK_SYNTH__OUTPUT__FORMATS", "[csv]")
    monkeypatch.setenv("DASK_SYNTH__FLEET__MIX", "{web: 0.5, batch: 0.5}")
    monkeypatch.setenv("DASK_SYNTH__ARCHETYPES__WEB__BASE__CPU", "50")
    config = load_config(None, {"fleet.mix": {"web": 1.0}})
    assert config.fleet.servers == 7
    assert config.growth is False
    assert config.output.formats == ("csv",)
    assert config.fleet.mix == {"web": 1.0}
    assert config.archetypes["web"].base.cpu == 50


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FLEET__SERVERS", "many", "fleet.servers: 'many' is not allowed (from DASK_SYNTH__FLEET__SERVERS)"),
        ("FLEET__SERVERS", "", "fleet.servers: '' is not allowed"),
        ("FLEET__SRVERS", "3", "fleet.srvers: there is no such key (from DASK_SYNTH__FLEET__SRVERS)"),
        ("FLET__SERVERS", "3", "DASK_SYNTH__FLET__SERVERS: there is no key 'flet'; did you mean 'fleet'?"),
        ("FLEET", "[", "DASK_SYNTH__FLEET: '[' is not valid YAML"),
        ("FLEET", "3", "fleet: 3 is not allowed (from DASK_SYNTH__FLEET)"),
        ("OUTPUT__FORMATS", "[csv", "DASK_SYNTH__OUTPUT__FORMATS: '[csv' is not valid YAML"),
        ("SEED__X", "1", "DASK_SYNTH__SEED__X: there is no such key"),
        ("GROWTH__FAST", "1", "DASK_SYNTH__GROWTH__FAST: there is no such key"),
        ("", "1", "DASK_SYNTH__: there is no key ''"),
        ("GROWTH", "maybe", "growth: 'maybe' is not allowed (from DASK_SYNTH__GROWTH)"),
    ],
)
def test_a_malformed_variable_is_told_by_its_name(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"DASK_SYNTH__{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)


def test_problems_of_all_layers_are_told_together(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SYNTH__SEED", "x")
    monkeypatch.setenv("DASK_SYNTH__FLET__SERVERS", "3")
    with pytest.raises(ConfigError) as caught:
        load_config(yaml_file("time: {granularity: x}\n"), {"fleet.servers": 0})
    assert {key for key, _ in caught.value.problems} == {
        "seed",
        "DASK_SYNTH__FLET__SERVERS",
        "time.granularity",
        "fleet.servers",
    }


def test_an_empty_environment_sets_nothing() -> None:
    assert read_environment() == ({}, [])


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp", "Zs"]), min_size=1, max_size=20)
weights = st.dictionaries(names.filter(str.isprintable), st.floats(0.001, 1e6), min_size=1, max_size=5)
factors = st.floats(0, 100)
holidays = st.one_of(
    st.builds(lambda factor, day: {"factor": factor, "date": day.isoformat()}, factors, st.dates()),
    st.builds(lambda factor: {"factor": factor, "first": "12-20", "last": "01-06"}, factors),
    st.builds(lambda factor: {"factor": factor, "name": "Labor Day"}, factors),
)
regions = st.dictionaries(
    names.filter(str.isprintable),
    st.fixed_dictionaries(
        {},
        optional={
            "weight": st.floats(0.001, 1e6),
            "timezone": st.sampled_from(["Europe/Berlin", "UTC", -12, 0, 14]),
            "holidays": st.sampled_from(["DE", "US-NY", "NO"]),
        },
    ),
    min_size=1,
    max_size=5,
)
metrics = st.sampled_from(["cpu", "mem", "disk", "net"])
pairs = st.floats(0, 1).flatmap(lambda short: st.tuples(st.just(short), st.floats(0, 1 - short)))
switches = st.fixed_dictionaries(
    {"cycle": st.one_of(st.sampled_from(["office", "flat"]), st.lists(st.floats(0.01, 100), min_size=24, max_size=24))},
    optional={
        "noise": st.sampled_from(["constant", "proportional"]),
        "skew": st.dictionaries(metrics, st.floats(0, 1.6)),
        "memory": st.fixed_dictionaries({"hours": st.just([5, 120]), "shares": st.dictionaries(metrics, pairs)}),
        "in_out": st.floats(0, 1),
        "strength": st.floats(0, 3),
        "shift_spread": st.floats(0, 12),
        "level_spread": st.dictionaries(metrics, st.floats(0, 2)),
        "yearly": st.floats(0.01, 0.9),
        # Any memory goes with metrics that are not correlated.
        "correlation": st.just(dict.fromkeys(["cpu_mem", "cpu_net", "mem_disk", "cpu_disk", "mem_net", "disk_net"], 0)),
    },
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**64 - 1),
        "fleet.servers": st.integers(1, 10_000_000),
        "fleet.mix": st.floats(0, 1).map(lambda share: {"batch": share, "web": 1 - share}),
        "fleet.business_units": weights,
        "fleet.regions": st.one_of(
            regions, st.lists(names.filter(str.isprintable), min_size=1, max_size=5, unique=True)
        ),
        "time.end_date": st.dates().filter(lambda day: 2022 <= day.year <= 2200),
        "time.granularity": st.sampled_from(["daily", "hourly", "1min"]),
        "seasonality.holidays": st.lists(holidays, max_size=4),
        "growth": st.booleans(),
        "spikes": st.booleans(),
        "archetypes.web.base.cpu": st.floats(0, 1e9),
        "archetypes.batch.growth": st.floats(-1000, 1000),
        "archetypes.database": switches.filter(lambda of: "memory" not in of or "correlation" in of),
        "fleet.company": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"size": st.integers(2, 1000)})),
        "output.path": names.filter(str.isprintable),
        "output.formats": st.sampled_from([["csv"], ["parquet"], ["csv", "parquet"]]),
    },
)


@given(changes)
def test_a_printed_configuration_reads_back_as_the_same_one(chosen: dict[str, Any]) -> None:
    effective = effective_config(None, {key: (value, "test") for key, value in chosen.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "printed.yaml")
        path.write_text(as_yaml(effective), encoding="utf-8")
        again = load_config(path)
    assert again == effective.config
    assert list(again.fleet.regions.items()) == list(effective.config.fleet.regions.items())


def test_the_printed_defaults_read_back_as_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "printed.yaml").write_text(as_yaml(effective_config(None, {})))
    assert load_config(tmp_path / "printed.yaml") == RunConfig()


def test_values_that_look_like_something_else_keep_their_type(tmp_path: Path) -> None:
    odd = ["yes", "null", "1.0", "2024-01-01", "# no", "a: b", "- x", "[]", "'", '"', "~", "0x10", "é", "*a", "!t"]
    effective = effective_config(None, {"fleet.regions": (odd, "test")})
    (tmp_path / "printed.yaml").write_text(as_yaml(effective), encoding="utf-8")
    assert list(load_config(tmp_path / "printed.yaml").fleet.regions) == odd
