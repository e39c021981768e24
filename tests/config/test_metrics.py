"""The `metrics` section: what it takes, what it refuses and in which words, and the profiles' numbers for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dask_synth.config.layers import as_yaml, effective_config, load_config
from dask_synth.config.metrics import metric_table
from dask_synth.errors import ConfigError
from dask_synth.model.columns import BUILT_IN, Metric, MetricColumn
from dask_synth.pipeline.plan import spec_of
from tests.further import ALL, GPU, IOPS, WITH_BOTH, WITH_IOPS, archetypes


def problems(*layers: Mapping[str, Any]) -> list[tuple[str, str]]:
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= layer
    with pytest.raises(ConfigError) as caught:
        load_config(None, merged)
    return [(key, message.replace(" (from overrides)", "")) for key, message in caught.value.problems]


def test_a_metric_is_one_more_row_and_one_more_column_of_the_table() -> None:
    table = spec_of(load_config(None, WITH_IOPS)).metrics
    assert table.metrics == (*BUILT_IN.metrics, Metric("iops", load=True, growth=False, spike=0.5))
    assert table.columns == (
        *BUILT_IN.columns,
        MetricColumn("iops_p95", "iops", "IOPS", 20000.0, "iops", "iops, 0..20000"),
    )
    assert table.further == ("iops",)


def test_all_but_the_bound_has_a_default() -> None:
    (metric,) = load_config(None, {**WITH_IOPS, "metrics": {"iops": {"high": 7}}}).metrics.values()
    assert metric.model_dump() == {
        "high": 7,
        "column": "iops_p95",
        "unit": "",
        "load": False,
        "growth": False,
        "spike": 0.0,
        "label": "iops",
        "meaning": "iops, 0..7",
    }


def test_without_the_section_the_table_is_the_built_in_one() -> None:
    assert spec_of(load_config()).metrics is BUILT_IN
    assert metric_table({}) is BUILT_IN


def test_a_profile_of_the_mix_without_numbers_is_one_error_that_says_what_to_write() -> None:
    mix = {"fleet.mix": {"web": 0.5, "batch": 0.5}, "archetypes": {"web": {"base": {"iops": 900}}}}
    assert problems({"metrics": {"iops": IOPS}}, mix) == [
        (
            "metrics.iops",
            "web, batch lack numbers for it; write archetypes: "
            "{web: {sd: {iops: NUMBER}}, batch: {base: {iops: NUMBER}, sd: {iops: NUMBER}}}",
        )
    ]
    only = {"fleet.mix": {"batch": 1.0}}
    ((_, message),) = problems({"metrics": {"iops": IOPS}}, only)
    assert message.startswith("batch lacks numbers for it; write archetypes: {batch: {base:")


def test_each_metric_without_numbers_is_told() -> None:
    found = problems({"metrics": {"iops": IOPS, "gpu": GPU}, "archetypes": WITH_IOPS["archetypes"]})
    assert [key for key, _ in found] == ["metrics.gpu"]
    assert [key for key, _ in problems({"metrics": {"iops": IOPS, "gpu": GPU}})] == ["metrics.iops", "metrics.gpu"]


def test_what_is_not_in_the_mix_may_have_numbers_or_not() -> None:
    numbers = archetypes(("web",), base={"iops": 900}, sd={"iops": 200}) | {"batch": {"base": {"iops": 1}}}
    config = load_config(None, {"metrics": {"iops": IOPS}, "archetypes": numbers, "fleet.mix": {"web": 1.0}})
    assert config.archetypes["batch"].base.iops == 1  # type: ignore[attr-defined]
    assert not hasattr(config.archetypes["database"].base, "iops")
    assert set(spec_of(config).archetypes) == {"web"}


@pytest.mark.parametrize(
    ("metric", "key", "message"),
    [
        ({"high": 0}, "high", "0 is not allowed: it must be greater than or equal to 1"),
        ({"high": -5}, "high", "-5 is not allowed"),
        ({"high": 0.5}, "high", "0.5 is not allowed: it must be a valid integer"),
        ({"high": 1_000_001}, "high", "it must be less than or equal to 1000000"),
        ({"high": True}, "high", "a boolean is not a number"),
        ({"high": float("inf")}, "high", "it must be a finite number"),
        ({"spike": -1}, "spike", "greater than or equal to 0"),
        ({"spike": float("nan")}, "spike", "finite"),
        ({"load": "often"}, "load", "boolean"),
        ({"column": "cpu_p95"}, "column", "'cpu_p95' is a column of every dataset; give it another name"),
        ({"column": "Region"}, "column", "'Region' is a column of every dataset"),
        ({"column": "a b"}, "column", "'a b' cannot name a column: a letter, then letters, digits and '_'"),
        ({"column": ""}, "column", "'' cannot name a column"),
        ({"column": "x" * 65}, "column", "cannot name a column"),
        ({"unit": "x" * 21}, "unit", "at most 20 characters"),
        ({"label": "a\nb"}, "label", "it must be printable"),
        ({"clmn": "x"}, "clmn", "there is no such key; did you mean 'column'?"),
        ({"spikes": 2}, "spikes", "there is no such key; did you mean 'spike'?"),
        ({"base": 900}, "base", "there is no such key; did you mean 'archetypes.web.base'?"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_its_key(metric: dict[str, Any], key: str, message: str) -> None:
    ((found, text),) = problems({**WITH_IOPS, "metrics": {"iops": {**IOPS, **metric}}})
    assert found == f"metrics.iops.{key}"
    assert message in text


def test_the_bound_must_be_given() -> None:
    assert problems(WITH_IOPS, {"metrics": {"iops": {}}}) == [
        ("metrics.iops", "high must be given: there is no default")
    ]


@pytest.mark.parametrize("name", ["a_b", "Iops", "9a", "", "a-b", "if", "lambda", "x" * 33, "é"])
def test_a_name_that_parts_no_pair_and_is_no_field_is_refused(name: str) -> None:
    ((key, message),) = problems({"metrics": {name: {"high": 1, "column": "own"}}, "fleet.mix": {"web": 1.0}})
    assert key == f"metrics.{name}"
    assert message.startswith(f"{name!r} cannot name a metric: a small letter, then small letters and digits")


@pytest.mark.parametrize("name", BUILT_IN.latent)
def test_a_built_in_metric_is_not_defined_anew(name: str) -> None:
    ((key, message),) = problems({"metrics": {name: {"high": 1}}})
    assert (key, message) == (f"metrics.{name}", f"{name} is built in; give a metric of your own another name")


def test_two_metrics_have_no_column_in_common() -> None:
    both = {"one": {"high": 1, "column": "own"}, "two": {"high": 1, "column": "OWN"}}
    assert problems({"metrics": both}) == [
        ("metrics.two.column", "'OWN' is the column of metrics.one; give it another name")
    ]


def test_there_are_at_most_16() -> None:
    ((key, message),) = problems({"metrics": {f"m{i}": {"high": 1} for i in range(17)}})
    assert key == "metrics"
    assert "at most 16" in message


def test_the_problems_of_the_section_come_together_and_bring_no_others() -> None:
    metrics = {"cpu": {"high": 1}, "a_b": {"high": 1}, "iops": {**IOPS, "column": "region"}}
    numbers = {"archetypes": {"web": {"base": {"iops": 900, "cpu": -1}}}}
    found = problems({"metrics": metrics}, numbers, {"seed": -1})
    assert {key for key, _ in found} == {
        "metrics.cpu",
        "metrics.a_b",
        "metrics.iops.column",
        "archetypes.web.base.cpu",
        "seed",
    }


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("base.iops", -1, "-1 is not allowed: it must be greater than or equal to 0"),
        ("sd.iops", 0, "0 is not allowed: it must be greater than 0"),
        ("correlation.cpu_iops", 1.5, "1.5 is not allowed: it must be less than or equal to 1"),
        ("base.iosp", 1, "there is no such key; did you mean 'iops'? (a metric of your own is defined under metrics)"),
        ("sd.net_iops", 1, "there is no such key"),
        ("correlation.cpx_iops", 0, "did you mean 'cpu_iops'?"),
        ("correlation.iops", 0, "there is no such key"),
        ("correlation.iops_iops", 0, "there is no such key"),
    ],
)
def test_a_number_that_cannot_be_is_told_with_its_key(key: str, value: float, message: str) -> None:
    ((found, text),) = problems(WITH_IOPS, {f"archetypes.web.{key}": value})
    assert found == f"archetypes.web.{key}"
    assert message in text


def test_numbers_for_a_metric_that_nobody_defined_are_refused() -> None:
    ((key, message),) = problems({"archetypes.web.base.iops": 900})
    assert key == "archetypes.web.base.iops"
    assert "there is no such key" in message
    assert "(a metric of your own is defined under metrics)" in message


def test_correlations_that_cannot_be_together_are_told_with_the_archetype_and_the_pairs() -> None:
    ((key, message),) = problems(WITH_IOPS, {"archetypes.batch.correlation": {"cpu_iops": 0.9, "net_iops": -0.9}})
    assert key == "archetypes.batch"
    assert message.startswith("the correlation matrix with cpu_iops 0.9, net_iops -0.9 is not positive definite: ")


def test_a_pair_is_named_once() -> None:
    ((key, message),) = problems(WITH_IOPS, {"archetypes.web.correlation": {"cpu_iops": 0.1, "iops_cpu": 0.1}})
    assert (key, message) == ("archetypes.web", "correlation: cpu_iops and iops_cpu are one pair; give one of them")


def test_a_new_archetype_has_its_numbers_too() -> None:
    web = load_config(None, WITH_IOPS).model_dump()["archetypes"]["web"]
    config = load_config(None, {**WITH_IOPS, "archetypes": {"node": web}, "fleet.mix": {"node": 1.0}})
    assert config.archetypes["node"] == load_config(None, WITH_IOPS).archetypes["web"]


def test_the_environment_and_the_command_line_set_single_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(as_yaml(effective_config(None, {k: (v, "") for k, v in WITH_BOTH.items()})))
    monkeypatch.setenv("DASK_SYNTH__METRICS__IOPS__HIGH", "30000")
    monkeypatch.setenv("DASK_SYNTH__METRICS__GPU__LOAD", "true")
    monkeypatch.setenv("DASK_SYNTH__ARCHETYPES__WEB__BASE__IOPS", "950")
    effective = effective_config(tmp_path / "own.yaml", {"metrics.gpu.spike": (0.7, "--set")})
    config = effective.config
    assert (config.metrics["iops"].high, config.metrics["gpu"].load, config.metrics["gpu"].spike) == (30000, True, 0.7)
    assert config.archetypes["web"].base.iops == 950  # type: ignore[attr-defined]
    assert list(config.metrics) == ["iops", "gpu"]
    printed = as_yaml(effective)
    assert "DASK_SYNTH__METRICS__IOPS__HIGH" in printed
    (tmp_path / "again.yaml").write_text(printed)
    monkeypatch.undo()
    assert load_config(tmp_path / "again.yaml") == config


def test_the_environment_defines_a_metric_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SYNTH__METRICS", "{iops: {high: 20000, unit: IOPS}}")
    config = load_config(None, {"archetypes": WITH_IOPS["archetypes"]})
    assert config.metrics["iops"].unit == "IOPS"
    monkeypatch.setenv("DASK_SYNTH__METRICS", "{iops: {high: many}}")
    with pytest.raises(ConfigError, match=r"metrics\.iops\.high: 'many' is not allowed \(from DASK_SYNTH__METRICS"):
        load_config(None, {"archetypes": WITH_IOPS["archetypes"]})


def test_the_example_file_is_complete() -> None:
    config = load_config("iops_gpu")
    assert list(config.metrics) == ["iops", "gpu"]
    assert set(config.fleet.mix) == set(ALL)
    assert spec_of(config).metrics["gpu_p95"].unit == "%"
