"""How single checks decide, and what they say."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dask_synth.cli.verdict_table import headline
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.proof import judge as judging
from dask_synth.proof.checks import structure
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import Trial, critical_z, normal_equivalent
from dask_synth.proof.verdict import Check
from tests.bench import Bench

Baseline = tuple[Bench, list[pd.DataFrame]]


@pytest.fixture(scope="module")
def baseline(bench: Callable[..., Bench]) -> Baseline:
    made = bench(fleet__servers=20, time__years=1)
    return made, made.frames()


def trial(**changes: Any) -> Trial:
    known: dict[str, Any] = {"observed": 61.02, "expected": 63.80, "standard_error": 0.05}
    return Trial(
        name="mean.database.mem_p95.weekend", kind="mean", what="database mem_p95 on weekends", **known | changes
    )


@pytest.mark.parametrize(("off", "freedom"), [(2.0, 4), (-5.0, 7), (30.0, 33), (0.0, 12)])
def test_an_error_that_is_seen_is_students(off: float, freedom: int) -> None:
    one = trial(observed=63.80 + 0.05 * off, freedom=freedom)
    assert one.usable
    assert stats.norm.sf(one.z) == pytest.approx(stats.t.sf(off, freedom), rel=1e-6)
    assert abs(one.z) <= abs(off)


def test_an_error_of_few_parts_is_none() -> None:
    assert not trial(freedom=3).usable
    assert trial(freedom=4).usable
    assert not trial(standard_error=0.0).usable


def test_a_failing_trial_says_what_is_off_and_why() -> None:
    check = trial(hint="is the weekend factor 0.65 instead of 0.7?").check(4.8)
    assert not check.passed
    assert check.message == (
        "database mem_p95 on weekends: 61.020, expected 63.800 ± 0.050 (z = -55.6): "
        "is the weekend factor 0.65 instead of 0.7?"
    )


def test_a_passing_trial_has_no_hint() -> None:
    assert trial(observed=63.82, hint="why?").check(4.8).message.endswith("(z = 0.4)")


@pytest.mark.parametrize("freedom", [16, 40, 200])
def test_skewed_sums_get_the_deviate_of_their_own_tail(freedom: int) -> None:
    skewness = math.sqrt(8 / freedom)
    z = (3 * freedom - freedom) / math.sqrt(2 * freedom)
    exact = -stats.norm.ppf(stats.chi2.sf(3 * freedom, freedom))
    assert normal_equivalent(z, skewness) == pytest.approx(exact, rel=1e-6)
    assert normal_equivalent(z, -skewness) == z


def test_the_farthest_of_many_counts_for_less() -> None:
    assert normal_equivalent(4.0, 0.0, 1000) == pytest.approx(-stats.norm.ppf(1000 * stats.norm.sf(4.0)))


def test_the_level_is_shared_by_all_tests() -> None:
    assert 2 * 1500 * stats.norm.sf(critical_z(1e-3, 1500)) == pytest.approx(1e-3)


def test_skewed_and_exact_statistics_are_not_tested() -> None:
    assert not trial(skewness=1.5).usable
    assert not trial(standard_error=0.0).usable


def test_a_clean_fleet_passes_and_says_at_which_level(baseline: Baseline) -> None:
    made, frames = baseline
    verdict = made.verdict(frames)
    assert verdict.passed
    assert {check.kind for check in verdict.checks} >= {
        "structure",
        "mean",
        "sd",
        "correlation",
        "growth",
        "shape",
        "spike",
    }
    assert len({check.name for check in verdict.checks}) == len(verdict.checks)
    assert "a clean dataset fails once in 1,000" in headline(verdict)


def test_a_check_that_crashes_fails(baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    made, frames = baseline

    def means(evidence: Evidence) -> Iterator[Check]:
        raise ZeroDivisionError("by zero")
        yield

    monkeypatch.setattr(judging, "CHECKS", (structure.counts, means))
    verdict = made.verdict(frames)
    assert [check.name for check in verdict.failures] == ["structure.check.means"]
    assert "ZeroDivisionError: by zero" in verdict.failures[0].message


def test_no_rows_at_all_fail(baseline: Baseline) -> None:
    made, _ = baseline
    verdict = judging.judge(Evidence(Measured(), made.planned, made.theory), "none", 0.0)
    assert {"structure.rows", "structure.servers"} <= {check.name for check in verdict.failures}
    assert not any(check.name.startswith("structure.check.") for check in verdict.failures)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ([*range(100), *range(101, 365)], "server_000 lacks 2022-04-11 00:00:00"),
        ([*range(100), *range(99, 365)], "server_000 has 2022-04-10 00:00:00 twice"),
        ([*range(100), 99, *range(101, 365)], "has 2022-04-10 00:00:00 twice and lacks 2022-04-11 00:00:00"),
        (range(300), "server_000 lacks 65 rows"),
    ],
)
def test_missing_and_double_keys_are_named(baseline: Baseline, keep: Iterable[int], words: str) -> None:
    made, frames = baseline
    first = frames[0]
    changed = first.iloc[[*keep, *range(365, len(first))]]
    statistics = added(measure_rows(frame, made.planned) for frame in (changed, *frames[1:]))
    (check,) = structure.keys(Evidence(statistics, made.planned, made.theory))
    assert not check.passed
    assert words in check.message


def test_z_values_of_a_clean_fleet_are_standard(baseline: Baseline) -> None:
    made, frames = baseline
    z = np.array([check.z for check in made.verdict(frames).checks if check.kind == "mean" and check.cell != "day"])
    assert 0.7 < z.std() < 1.3
