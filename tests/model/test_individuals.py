from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model import individuals as module
from dask_synth.model.correlation import cholesky_factor
from dask_synth.model.individuals import Individuals, individuals_of
from dask_synth.model.life import Company
from dask_synth.model.seeds import Purpose, generator
from tests.further import WITH_BOTH, WITH_IOPS
from tests.people import ALL_DIFFERENT, spec_of

COMPANY = Company(size=8, pools=0.5, alike=0.9)


@cache
def many() -> Individuals:
    """6,000 web servers that are all on their own."""
    return individuals_of(spec_of(ALL_DIFFERENT, servers=24_000), "web", 0, 6000)


def columns(found: Individuals) -> dict[str, list[float]]:
    """Return all numbers by name."""
    flat = {name: numbers.tolist() for name, numbers in found.level.items()}
    return flat | {one.name: getattr(found, one.name).tolist() for one in fields(found) if one.name != "level"}


def rounded(numbers: Any) -> list[float]:
    return [round(float(number), 6) for number in numbers]


def test_a_server_is_the_law_written_out() -> None:
    spec = spec_of(ALL_DIFFERENT)
    found, profile = individuals_of(spec, "application", 42, 90), spec.archetypes["application"]
    factor = cholesky_factor(profile.correlation)
    for place, server in enumerate(range(42, 90)):
        q = np.clip(generator(42, Purpose.INDIVIDUAL, server).standard_normal(8), -2, 2)
        levels = [exp(s * (factor[m] @ q[:4])) for m, s in enumerate((0.5, 0.2, 0.4, 0.8))]
        assert [found.level[name][place] for name in spec.metrics.latent] == pytest.approx(rounded(levels), abs=1e-12)
        assert found.noise[place] == round(exp(0.7 * q[4]), 6)
        assert found.strength[place] == round(min(0.5 * exp(0.6 * q[5]), 3), 6)
        assert found.shift[place] == round(3 * q[6])
        assert found.rate[place] == round(0.8 * (1 + 0.5 * q[7]), 6)


def test_two_servers_of_a_pool_share_what_they_have_in_common() -> None:
    spec = spec_of(ALL_DIFFERENT, company=COMPANY)
    found = individuals_of(spec, "web", 0, 42)
    pooled = np.flatnonzero(found.pool >= 0)
    assert 8 <= pooled.size < 42
    for server in range(42):
        normals = generator(42, Purpose.INDIVIDUAL, server).standard_normal(8)
        if (first := found.pool[server]) >= 0:
            shared = generator(42, Purpose.GROUP_INDIVIDUAL, int(first)).standard_normal(8)
            normals = sqrt(0.9) * shared + sqrt(1 - 0.9) * normals
        assert found.noise[server] == round(exp(0.7 * np.clip(normals[4], -2, 2)), 6)


@given(cut=st.integers(42, 90), company=st.sampled_from([None, COMPANY]))
def test_servers_are_the_same_however_they_are_cut(cut: int, company: Company | None) -> None:
    spec = spec_of(ALL_DIFFERENT, company=company)
    whole, *parts = (individuals_of(spec, "application", *ends) for ends in ((42, 90), (42, cut), (cut, 90)))
    left, right = map(columns, parts)
    assert {name: left[name] + right[name] for name in left} == columns(whole)


def test_a_larger_fleet_keeps_the_individuals_of_the_first_archetype() -> None:
    few, more = (spec_of(ALL_DIFFERENT, servers=servers, company=COMPANY) for servers in (120, 600))
    assert columns(individuals_of(few, "web", 0, 40)) == columns(individuals_of(more, "web", 0, 40))


def test_medians_are_those_of_the_profile() -> None:
    found = many()
    error = 4 * 1.2533 / sqrt(6000)
    for name, spread in ALL_DIFFERENT["level_spread"].items():
        assert np.median(np.log(found.level[name])) == pytest.approx(0, abs=spread * error)
    assert np.median(np.log(found.noise)) == pytest.approx(0, abs=0.7 * error)
    assert np.median(np.log(found.strength)) == pytest.approx(np.log(0.5), abs=0.6 * error)
    assert np.median(found.shift) == 0
    assert np.median(found.rate) == pytest.approx(0.5, abs=0.5 * 0.5 * error)


def test_spreads_are_those_of_the_profile() -> None:
    """A normal that is cut at 2 has a standard deviation of 0.9594; one that is a sum of cut ones is little above."""
    found = many()
    assert np.log(found.level["cpu"]).std() == pytest.approx(0.5 * 0.9594, rel=0.04)
    assert np.log(found.level["net"]).std() == pytest.approx(0.8 * 0.9594, rel=0.04)
    assert np.log(found.noise).std() == pytest.approx(0.7 * 0.9594, rel=0.04)
    assert np.log(found.strength).std() == pytest.approx(0.6 * 0.9594, rel=0.04)
    assert found.shift.std() == pytest.approx(sqrt((3 * 0.9594) ** 2 + 1 / 12), rel=0.04)
    assert found.rate.std() == pytest.approx(0.25 * 0.9594, rel=0.04)
    assert (found.noise.min(), found.noise.max()) == (round(exp(-1.4), 6), round(exp(1.4), 6))
    assert (found.shift.min(), found.shift.max()) == (-6, 6)


def test_levels_go_together_as_the_metrics_do_and_the_rest_does_not() -> None:
    found = many()
    logs = [np.log(found.level[name]) for name in ("cpu", "mem", "disk", "net")]
    table = np.corrcoef([*logs, np.log(found.noise), np.log(found.strength), found.shift, found.rate])
    assert table[0, 1] == pytest.approx(0.5, abs=0.05)
    assert table[0, 3] == pytest.approx(0.8, abs=0.05)
    assert table[1, 2] == pytest.approx(0.2, abs=0.05)
    others = table[4:][np.triu(np.ones((8, 8), bool), 1)[4:]]
    assert np.abs([*others, *table[:4, 4:].ravel()]).max() < 4.5 / sqrt(6000)


def test_servers_of_a_pool_are_alike_as_far_as_is_said() -> None:
    spec = spec_of(ALL_DIFFERENT, servers=24_000, company=Company(size=2, pools=1.0, alike=0.6))
    logs = np.log(individuals_of(spec, "web", 0, 6000).noise)
    assert np.corrcoef(logs[::2], logs[1::2])[0, 1] == pytest.approx(0.6, abs=0.06)
    assert abs(np.corrcoef(logs[1:-1:2], logs[2::2])[0, 1]) < 4.5 / sqrt(3000)


def test_a_strong_cycle_has_a_bound() -> None:
    spec = spec_of({"strength": 2.9, "strength_spread": 1.0})
    assert individuals_of(spec, "web", 0, 42).strength.max() == 3


def test_numbers_that_do_not_spread_are_those_of_the_profile_and_open_no_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of({"strength": 0.7, "level_spread": {"cpu": 0.0}}, company=COMPANY)

    def opened(seed: int, purpose: Purpose, *rest: Any) -> np.random.Generator:
        raise AssertionError(purpose)

    monkeypatch.setattr(module, "generator", opened)
    found = individuals_of(spec, "web", 0, 42)
    assert {name: set(numbers) for name, numbers in columns(found).items() if name not in ("pool", "region")} == {
        **{name: {1.0} for name in ("cpu", "mem", "disk", "net", "noise")},
        "strength": {0.7},
        "shift": {0},
        "rate": {0.5},
    }


def test_one_spread_alone_leaves_the_others_as_they_are() -> None:
    alone = individuals_of(spec_of({"noise_spread": 0.7}), "web", 0, 42)
    assert alone.noise.tolist() == individuals_of(spec_of(ALL_DIFFERENT), "web", 0, 42).noise.tolist()
    assert set(alone.level["net"]) == {1.0}
    assert set(alone.shift) == {0}


def test_regions_are_those_of_the_metadata() -> None:
    spec = spec_of(ALL_DIFFERENT, company=COMPANY)
    found = individuals_of(spec, "database", 90, 108)
    assert found.region.tolist() == spec.fleet.metadata_codes(42, 90, 108)["region"].tolist()


def test_a_further_metric_has_a_level_of_its_own_and_changes_no_other() -> None:
    spread = {**ALL_DIFFERENT["level_spread"], "iops": 0.5}
    spec = spec_of({**ALL_DIFFERENT, "level_spread": spread}, **WITH_IOPS)
    found = columns(individuals_of(spec, "web", 0, 42))
    iops = found.pop("iops")
    assert found == columns(individuals_of(spec_of(ALL_DIFFERENT), "web", 0, 42))
    for server in range(42):
        q = np.clip(generator(42, Purpose.INDIVIDUAL, server).standard_normal(8), -2, 2)
        own = np.clip(generator(42, Purpose.INDIVIDUAL, server, "iops").standard_normal(), -2, 2)
        assert iops[server] == pytest.approx(exp(0.5 * (0.6 * q[0] + 0.8 * own)), abs=1e-6)


def test_pools_share_a_further_metrics_level_too() -> None:
    life = {"level_spread": {"gpu": 0.5}}
    spec = spec_of(life, company=replace(COMPANY, alike=0.999), **WITH_BOTH)
    found = individuals_of(spec, "web", 0, 42)
    first = int(found.pool[found.pool >= 0][0])
    levels = np.log(found.level["gpu"][found.pool == first])
    assert np.ptp(levels) < 0.2 < np.ptp(np.log(found.level["gpu"]))
    assert set(found.level["iops"]) == {1.0}


def test_a_metric_whose_level_does_not_spread_opens_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()

    def noted(seed: int, purpose: Purpose, server: int, name: str = "") -> np.random.Generator:
        names.add(name)
        return generator(seed, purpose, server, name)

    monkeypatch.setattr(module, "generator", noted)
    individuals_of(spec_of({"level_spread": {"gpu": 0.5}}, **WITH_BOTH), "web", 0, 4)
    assert names == {"", "gpu"}
