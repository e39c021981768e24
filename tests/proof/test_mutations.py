"""Every single fault fails the validation, and the check that fails names it."""

import re
from collections.abc import Callable, Iterator

import pytest

from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import judge
from tests.bench import Bench
from tests.proof.faults import FAULTS, Fault, faulty

pytestmark = pytest.mark.integration

FLEET = {
    "fleet__servers": 60,
    "time__granularity": "hourly",
    "time__end_date": "2023-12-31",
    "output__rows_per_partition": 100_000_000,
}

Clean = tuple[Bench, dict[str, Measured]]
Caught = list[tuple[str, int, str]]
"""What is wrong, how many checks fail, and what the one that names it says."""


@pytest.fixture(scope="module")
def clean(bench: Callable[..., Bench]) -> Clean:
    made = bench(**FLEET)
    parts = {
        chunk.archetype: measure_rows(frame, made.planned)
        for chunk, frame in zip(made.plan.chunks, made.frames(), strict=True)
    }
    return made, parts


@pytest.fixture(scope="module")
def caught() -> Iterator[Caught]:
    rows: Caught = []
    yield rows
    print("\n" + "\n".join(f"| {what} | {count} | {message} |" for what, count, message in rows))


def test_the_clean_fleet_passes(clean: Clean) -> None:
    made, parts = clean
    verdict = judge(Evidence(added(parts.values()), made.planned, made.theory), "clean", 0.0)
    assert not verdict.failures


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_is_caught_by_its_name(clean: Clean, caught: Caught, fault: Fault) -> None:
    made, parts = clean
    chunk = next(chunk for chunk in made.plan.chunks if chunk.archetype == fault.archetype)
    with faulty(fault, made.plan.spec, chunk) as frame:
        pass
    statistics = added({**parts, fault.archetype: measure_rows(frame, made.planned)}.values())
    verdict = judge(Evidence(statistics, made.planned, made.theory), "faulty", 0.0)
    named = [check for check in verdict.failures if re.match(fault.caught_by, check.name)]
    assert named, [check.message for check in verdict.failures][:5]
    best = max(named, key=lambda check: abs(check.z or 0))
    caught.append((fault.what, len(verdict.failures), best.message))
