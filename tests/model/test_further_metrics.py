"""A metric of one's own: drawn from its own stream, as its row says, and nothing else moves for it."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dask_synth.config.layers import load_config
from dask_synth.model.calendar import load_factor
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.metrics import server_metrics
from dask_synth.model.seeds import Purpose, generator
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import spec_of
from dask_synth.theory.theory import Theory
from tests.further import GPU, IOPS, WITH_BOTH, WITH_IOPS, archetypes

SMALL = {"fleet.servers": 4, "fleet.mix": {"web": 1.0}, "time.end_date": "2022-04-30", "time.granularity": "hourly"}
STILL = {"seasonality": {"weekly": False, "business_hours": False, "quarter_end": False, "holidays": []}}
CALM = {**STILL, "growth": False, "spikes": False}


def spec(*layers: Mapping[str, Any]) -> FleetSpec:
    merged: dict[str, Any] = {}
    for layer in (SMALL, *layers):
        merged |= layer
    return spec_of(load_config(None, merged))


def drawn(fleet: FleetSpec, server: int = 1, archetype: str = "web") -> dict[str, np.ndarray]:
    baseline = fleet.baseline(archetype)
    out = {name: np.full(baseline.size, np.nan) for name in fleet.metrics.names}
    server_metrics(baseline, fleet.seed, server, out)
    return out


def test_the_built_in_metrics_stay_as_they_are_to_the_bit() -> None:
    alone, beside = drawn(spec()), drawn(spec(WITH_BOTH))
    assert list(beside) == [*BUILT_IN.names, "iops_p95", "gpu_p95"]
    for name, values in alone.items():
        assert values.tobytes() == beside[name].tobytes(), name


def test_a_value_is_that_of_the_model_written_out() -> None:
    fleet = spec(WITH_IOPS)
    rows = fleet.grid.size
    keys = (1, 0), (1, 1), (1, 10, int.from_bytes(b"iops"))
    streams = [np.random.Generator(np.random.SFC64(np.random.SeedSequence(42, spawn_key=key))) for key in keys]
    known, chance, own = (
        streams[0].standard_normal((rows, 4)),
        streams[1].random(rows),
        streams[2].standard_normal(rows),
    )
    load = load_factor(fleet.archetypes["web"], fleet.calendar(), fleet.seasonality)
    values = 900 * load + 200 * (0.6 * known[:, 0] + 0.8 * own)
    values[chance < 0.03] *= 0.5 * 1.8
    np.testing.assert_array_equal(drawn(fleet)["iops_p95"], np.round(np.clip(values, 0, 20000), 2))


def test_adding_or_reordering_metrics_changes_no_other_ones_values() -> None:
    one, both = drawn(spec(WITH_IOPS)), drawn(spec(WITH_BOTH))
    other = drawn(spec(WITH_BOTH, {"metrics": {"gpu": GPU, "iops": IOPS}}))
    assert list(other)[-2:] == ["gpu_p95", "iops_p95"]
    np.testing.assert_array_equal(both["iops_p95"], one["iops_p95"])
    for name, values in both.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_another_name_server_or_seed_is_another_stream() -> None:
    firsts = [
        generator(seed, Purpose.METRIC, server, name).random()
        for seed in (1, 2)
        for server in (0, 1)
        for name in ("iops", "iopt", "a", "aa", "")
    ]
    assert len(set(firsts)) == len(firsts)


def test_metrics_of_their_own_are_uncorrelated_where_nothing_is_named() -> None:
    free = archetypes(("web",), base={"iops": 900, "gpu": 50}, sd={"iops": 20, "gpu": 5})
    out = drawn(spec({**WITH_BOTH, "archetypes": free}, CALM))
    found = np.corrcoef([out[name] for name in ("iops_p95", "gpu_p95", "disk_p95")])
    assert np.abs(found[np.triu_indices(3, 1)]).max() < 4.5 / np.sqrt(len(out["iops_p95"]))


def test_the_noise_has_the_deviation_and_the_correlations_that_were_asked_for() -> None:
    out = drawn(spec(WITH_BOTH, CALM, {"time.end_date": "2024-12-31"}))
    rows = len(out["iops_p95"])
    assert out["iops_p95"].std() == pytest.approx(200, rel=4.5 / np.sqrt(2 * rows))
    for a, b, asked in (("cpu_p95", "iops_p95", 0.6), ("mem_p95", "gpu_p95", -0.3), ("net_in_p95", "gpu_p95", 0.2)):
        found = np.corrcoef(out[a], out[b])[0, 1]
        # What is clipped of cpu and net, one row in a thousand, takes a little of it.
        assert found == pytest.approx(asked, abs=4.5 / np.sqrt(rows) + 0.002), (a, b)


def test_load_growth_and_spikes_act_where_the_row_says_so() -> None:
    quiet = archetypes(("web",), base={"still": 100, "busy": 100, "grown": 100, "wild": 100}, sd={})
    quiet["web"] |= {"sd": dict.fromkeys(("still", "busy", "grown", "wild"), 1e-6), "growth": 2, "spike_magnitude": 3}
    rows: dict[str, dict[str, Any]] = {
        "still": {},
        "busy": {"load": True},
        "grown": {"growth": True},
        "wild": {"spike": 0.7},
    }
    metrics = {name: {"high": 1000, "column": name, **row} for name, row in rows.items()}
    fleet = spec({"metrics": metrics, "archetypes": quiet, "time.end_date": "2022-12-31"})
    out = drawn(fleet)
    when = pd.date_range("2022-01-01", dt.datetime(2022, 12, 31, 23), freq="h")
    assert set(out["still"]) == {100.0}
    assert set(out["wild"]) == {100.0, 210.0}
    assert (out["wild"] == 210).mean() == pytest.approx(0.03, abs=4.5 * np.sqrt(0.03 * 0.97 / len(when)))
    np.testing.assert_allclose(out["grown"], 100 + 2 * np.arange(len(when)) / 24 / 30.4375, atol=0.00501)
    saturday_at_10, tuesday_at_10 = when == "2022-05-07 10:00", when == "2022-05-10 10:00"
    assert [out["busy"][at].item() for at in (saturday_at_10, tuesday_at_10)] == [80.0, 160.0]


def test_spikes_are_the_same_rows_for_all_metrics() -> None:
    quiet = archetypes(("web",), base={"iops": 900}, sd={"iops": 1e-6, "cpu": 1e-6})
    out = drawn(spec(WITH_IOPS, STILL, {"growth": False, "archetypes": quiet}))
    np.testing.assert_array_equal(out["cpu_p95"] > 46, out["iops_p95"] < 900)
    assert 0.01 < (out["cpu_p95"] > 46).mean() < 0.05


def test_a_switch_for_all_spikes_switches_off_its_own() -> None:
    calm, wild = drawn(spec(WITH_IOPS, {"spikes": False})), drawn(spec(WITH_IOPS))
    assert (calm["iops_p95"] != wild["iops_p95"]).mean() == pytest.approx(0.03, abs=0.015)


def test_the_theory_knows_every_mean_deviation_and_correlation() -> None:
    fleet = spec(WITH_BOTH, {"time.end_date": "2022-12-31", "fleet.servers": 20})
    out = [drawn(fleet, server) for server in range(20)]
    theory, names = Theory.of(fleet), fleet.metrics.names
    web = theory.archetypes["web"]
    values = np.stack([np.concatenate([one[name] for one in out]) for name in names])
    for k in (5, 6):
        expected, error = theory.mean("web", names[k])
        assert abs(values[k].mean() - expected) < 4.5 * error, names[k]
        squares = web.squares()
        seen = ((values[k] - web.gauge.centres[k, 0]) ** 2).mean()
        assert abs(seen - squares.expected[k, 0]) < 4.5 * squares.error[k, 0], names[k]
        for other in range(k):
            answer, pair = web.correlation(("", other, k)), web.gauge.pairs["", other, k]
            found = np.corrcoef(values[other], values[k])[0, 1]
            assert abs(found - pair.correlation - answer.expected) < 4.5 * answer.error, (names[other], names[k])


def test_a_specification_goes_to_another_process_and_comes_back() -> None:
    fleet = spec(WITH_BOTH)
    again = pickle.loads(pickle.dumps(fleet))
    assert again == fleet
    assert len(pickle.dumps(fleet)) < 5000
    other: Mapping[str, Any] = {"iops": 1}
    assert replace(fleet.archetypes["web"].base, **other) != fleet.archetypes["web"].base
