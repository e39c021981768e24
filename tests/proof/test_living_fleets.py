"""Clean fleets of individuals pass, whatever is switched on and however extreme it is."""

from collections import Counter

import pytest

from tests.bench import Bench
from tests.proof.random_living import random_living

FLEETS = (5, 15, 16, 18, 20, 22, 45, 47, 59, 65, 81, 83, 94, 112, 123)
"""Of :func:`random_living`: bases of 0, spikes most of the time, deviations below a hundredth, loads of 0, two days."""


@pytest.mark.integration
@pytest.mark.parametrize("number", FLEETS)
def test_a_random_clean_fleet_passes(number: int) -> None:
    preset, overrides = random_living(number)
    made = Bench(preset, **overrides)
    verdict = made.verdict(made.frames())
    assert verdict.passed, [check.message for check in verdict.failures]
    assert max(Counter(check.name for check in verdict.checks).values()) == 1
    assert all(check.z == check.z for check in verdict.checks)


def test_one_pool_alone_is_told_as_not_tested() -> None:
    company = {"fleet.company": {"size": 4, "pools": 1.0, "alike": 0.9}, "fleet.servers": 4, "fleet.mix": {"web": 1.0}}
    made = Bench("enterprise_hourly", **company, **{"time.start_date": "2024-01-01", "time.end_date": "2024-01-20"})
    verdict = made.verdict(made.frames())
    assert verdict.passed, [check.message for check in verdict.failures]
    [untested] = [check for check in verdict.checks if check.name == "structure.untested"]
    assert "correlation" in untested.message
    assert not [check for check in verdict.checks if check.kind == "correlation"]


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_a_handful_of_servers_passes(servers: int) -> None:
    size = {"fleet.servers": servers, "fleet.mix": {"web": 1.0}}
    made = Bench("realistic_hourly", **size, **{"time.start_date": "2024-01-01", "time.end_date": "2024-01-03"})
    verdict = made.verdict(made.frames())
    assert verdict.passed, [check.message for check in verdict.failures]


@pytest.mark.integration
@pytest.mark.parametrize("preset", ["realistic", "enterprise"])
@pytest.mark.parametrize(("servers", "days"), [(20, "2025-12-31"), (1_000, "2022-06-30")])
def test_a_small_fleet_and_a_large_one_pass_alike(preset: str, servers: int, days: str) -> None:
    made = Bench(preset, **{"fleet.servers": servers, "time.end_date": days})
    verdict = made.verdict(made.frames())
    assert verdict.passed, [check.message for check in verdict.failures]
    assert {"mean", "sd", "shape", "correlation", "independence"} <= {check.kind for check in verdict.checks}
