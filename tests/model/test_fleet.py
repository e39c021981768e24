from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model.fleet import Block, Fleet, archetype_counts, weighted_choice
from dask_synth.model.life import Company
from dask_synth.model.seeds import Purpose, generator

MIX = (("web", 0.35), ("application", 0.40), ("database", 0.15), ("batch", 0.10))
UNIFORM: dict[str, Any] = {
    "business_units": tuple((unit, 1.0) for unit in ("Trading", "Retail", "Compliance", "IT")),
    "criticalities": tuple((value, 1.0) for value in ("High", "Medium", "Low")),
    "regions": tuple((value, 1.0) for value in ("US-East", "US-West", "EU", "Asia")),
}


def fleet(servers: int, mix: tuple[tuple[str, float], ...] = MIX) -> Fleet:
    return Fleet(servers, mix, **UNIFORM)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (1, [0, 1, 0, 0]),
        (3, [1, 2, 0, 0]),
        (10, [3, 5, 1, 1]),
        (20, [7, 8, 3, 2]),
        (119, [41, 50, 17, 11]),
        (120, [42, 48, 18, 12]),
        (200, [70, 80, 30, 20]),
    ],
)
def test_counts_of_the_default_mix_as_counted_by_hand(servers: int, expected: list[int]) -> None:
    assert list(archetype_counts(servers, dict(MIX)).values()) == expected


def test_shares_count_as_the_decimals_that_were_written() -> None:
    assert archetype_counts(20, {"a": 0.85, "b": 0.15}) == {"a": 17, "b": 3}
    assert archetype_counts(100, {"a": 0.29, "b": 0.71}) == {"a": 29, "b": 71}


@st.composite
def mixes(draw: st.DrawFn) -> dict[str, float]:
    parts = draw(st.lists(st.integers(0, 50), min_size=1, max_size=6).filter(any))
    cuts = [Fraction(part, sum(parts)) for part in parts]
    return {f"type{i}": float(cut) for i, cut in enumerate(cuts)}


@given(servers=st.integers(1, 5000), mix=mixes())
def test_counts_sum_to_the_fleet_and_only_the_largest_share_takes_the_rest(servers: int, mix: dict[str, float]) -> None:
    counts = archetype_counts(servers, mix)
    assert sum(counts.values()) == servers
    assert list(counts) == list(mix)
    largest = max(mix, key=lambda name: mix[name])
    for name, share in mix.items():
        rest = counts[name] - Fraction(repr(share)) * servers
        assert rest > -1
        assert rest <= 0 or name == largest


def test_blocks_are_contiguous_and_leave_out_archetypes_without_servers() -> None:
    assert fleet(120).blocks() == [
        Block("web", 0, 42),
        Block("application", 42, 90),
        Block("database", 90, 108),
        Block("batch", 108, 120),
    ]
    assert fleet(3).blocks() == [Block("web", 0, 1), Block("application", 1, 3)]


@pytest.mark.parametrize(
    ("servers", "first", "last"),
    [
        (1, "server_000", "server_000"),
        (120, "server_000", "server_119"),
        (1000, "server_000", "server_999"),
        (1001, "server_0000", "server_1000"),
        (100_000, "server_00000", "server_99999"),
    ],
)
def test_ids_are_as_wide_as_the_fleet_needs(servers: int, first: str, last: str) -> None:
    whole = fleet(servers)
    assert whole.server_ids(0, 1) == [first]
    assert whole.server_ids(servers - 1, servers) == [last]


@given(st.integers(1, 3000), st.data())
def test_ids_are_unique_sorted_and_the_same_in_parts(servers: int, data: st.DataObject) -> None:
    whole = fleet(servers)
    cut = data.draw(st.integers(0, servers))
    ids = whole.server_ids(0, servers)
    assert ids == sorted(set(ids))
    assert whole.server_ids(0, cut) + whole.server_ids(cut, servers) == ids


def test_metadata_of_a_server_do_not_depend_on_the_fleets_size_or_on_the_chunk() -> None:
    whole = fleet(500).metadata_codes(42, 0, 500)
    part = fleet(40).metadata_codes(42, 17, 40)
    for column, codes in part.items():
        np.testing.assert_array_equal(codes, whole[column][17:40])


@pytest.mark.parametrize(("start", "stop"), [(0, 12), (5, 12), (6, 9), (11, 12)])
def test_metadata_are_the_same_however_many_are_drawn_at_once(
    start: int, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    uniform = generator(42, Purpose.METADATA).random((12, 3))[start:]
    monkeypatch.setattr("dask_synth.model.fleet.DRAW_SERVERS", 3)
    codes = fleet(12).metadata_codes(42, start, stop)
    for position, (column, size) in enumerate({"business_unit": 4, "criticality": 3, "region": 4}.items()):
        assert codes[column].tolist() == np.floor(uniform[: stop - start, position] * size).tolist()
        assert codes[column].dtype == np.int8


def test_metadata_are_independent_and_follow_the_seed() -> None:
    codes, other = fleet(4000).metadata_codes(42, 0, 4000), fleet(4000).metadata_codes(43, 0, 4000)
    values = np.array([*codes.values(), *other.values()])
    off_diagonal = np.corrcoef(values)[np.triu_indices(6, 1)]
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(4000)


def test_lists_are_uniform() -> None:
    for column, codes in fleet(12_000).metadata_codes(42, 0, 12_000).items():
        counts = np.bincount(codes)
        size = {"business_unit": 4, "criticality": 3, "region": 4}[column]
        assert len(counts) == size
        assert np.abs(counts - 12_000 / size).max() < 4.5 * np.sqrt(12_000 / size)


def test_weights_need_not_sum_to_one() -> None:
    spec = Fleet(10_000, MIX, UNIFORM["business_units"], UNIFORM["criticalities"], (("EU", 3.0), ("Asia", 1.0)))
    europe = np.mean(spec.metadata_codes(42, 0, 10_000)["region"] == 0)
    assert europe == pytest.approx(0.75, abs=4.5 * np.sqrt(0.75 * 0.25 / 10_000))


@given(st.lists(st.one_of(st.just(0.0), st.floats(0.001, 1000)), min_size=1, max_size=8).filter(any))
def test_a_weighted_choice_gives_each_value_its_share_and_zero_weights_nothing(weights: list[float]) -> None:
    uniform = (np.arange(10_000) + 0.5) / 10_000
    codes = weighted_choice(uniform, tuple((str(i), weight) for i, weight in enumerate(weights)))
    assert codes.dtype == np.int8
    counts = np.bincount(codes, minlength=len(weights))
    np.testing.assert_allclose(counts, 10_000 * np.array(weights) / sum(weights), atol=1.01)
    edges = weighted_choice(np.array([0.0, np.nextafter(1, 0)]), tuple((str(i), w) for i, w in enumerate(weights)))
    assert all(weights[code] > 0 for code in [*codes, *edges])


def test_a_weighted_choice_changes_exactly_at_the_cumulative_share() -> None:
    uniform = np.array([0.0, 0.2499999, 0.25, 0.7499999, 0.75, 0.9999999])
    assert weighted_choice(uniform, (("a", 1.0), ("b", 2.0), ("c", 1.0))).tolist() == [0, 0, 1, 1, 2, 2]


def test_apps_are_named_after_their_unit_and_their_server() -> None:
    assert fleet(20).app_names([3, 0, 1], 8) == ["IT-app-8", "Trading-app-9", "Retail-app-10"]


def test_categories_are_full_lists_in_the_order_of_the_configuration() -> None:
    assert fleet(1).categories() == {
        "business_unit": ["Trading", "Retail", "Compliance", "IT"],
        "criticality": ["High", "Medium", "Low"],
        "region": ["US-East", "US-West", "EU", "Asia"],
        "server_type": ["web", "application", "database", "batch"],
    }


IN_POOLS = replace(fleet(120), company=Company(size=8, pools=0.5))


def pools_by_hand(whole: Fleet, company: Company, seed: int = 42) -> list[int]:
    pools = []
    for block in whole.blocks():
        for first in range(block.start, block.stop, company.size):
            members = min(company.size, block.stop - first)
            pooled = members >= 2 and generator(seed, Purpose.GROUP, first).random() < company.pools
            pools += [first if pooled else -1] * members
    return pools


@pytest.mark.parametrize("size", [2, 3, 8, 41, 1000])
def test_groups_are_cut_from_the_first_server_of_each_block(size: int) -> None:
    company = Company(size=size, pools=0.5)
    found = replace(fleet(120), company=company).pools(42, 0, 120)
    assert found.tolist() == pools_by_hand(fleet(120), company)
    everyone = replace(fleet(120), company=Company(size=size, pools=1.0)).pools(42, 0, 120)
    # 41 servers leave one of web's 42 over: nobody is in a pool alone.
    assert (everyone < 0).sum() == {2: 0, 3: 0, 8: 0, 41: 1, 1000: 0}[size]


def test_the_share_of_pools_is_that_of_groups() -> None:
    many = replace(fleet(40_000), company=Company(size=4, pools=0.3)).pools(42, 0, 40_000)
    assert np.mean(many >= 0) == pytest.approx(0.3, abs=4.5 * np.sqrt(0.3 * 0.7 / 10_000))


@given(st.integers(0, 120), st.integers(0, 120))
def test_pools_and_metadata_are_the_same_in_parts(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    whole, part = IN_POOLS.metadata_codes(42, 0, 120), IN_POOLS.metadata_codes(42, start, stop)
    assert IN_POOLS.pools(42, start, stop).tolist() == IN_POOLS.pools(42, 0, 120)[start:stop].tolist()
    assert {name: codes.tolist() for name, codes in part.items()} == {
        name: codes[start:stop].tolist() for name, codes in whole.items()
    }


def test_servers_of_a_pool_share_the_metadata_and_the_application_of_its_first() -> None:
    pools, plain = IN_POOLS.pools(42, 0, 120), fleet(120).metadata_codes(42, 0, 120)
    found = IN_POOLS.metadata_codes(42, 0, 120)
    units = plain["business_unit"].tolist()
    names = IN_POOLS.app_names(found["business_unit"].tolist(), 0, pools)
    for server, first in enumerate(np.where(pools < 0, np.arange(120), pools).tolist()):
        assert [found[name][server] for name in plain] == [codes[first] for codes in plain.values()]
        assert names[server] == f"{['Trading', 'Retail', 'Compliance', 'IT'][units[first]]}-app-{first}"
    assert 20 < len(set(names)) < 100


@pytest.mark.parametrize("company", [None, Company(pools=0)])
def test_without_pools_everyone_is_alone(company: Company | None) -> None:
    alone = replace(fleet(120), company=company)
    assert set(alone.pools(42, 0, 120).tolist()) == {-1}
    for column, codes in alone.metadata_codes(42, 0, 120).items():
        assert codes.tolist() == fleet(120).metadata_codes(42, 0, 120)[column].tolist()
