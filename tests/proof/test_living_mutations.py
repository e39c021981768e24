"""Every single fault of a living fleet fails the validation by statistics alone, and the check that fails names it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import judge
from dask_synth.proof.verdict import Verdict
from tests.bench import Bench
from tests.proof.faults import faulty
from tests.proof.living_faults import FLEETS, LIVING_FAULTS, LivingFault

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("living_mutations")]

Caught = list[tuple[str, str, int, str]]
"""What is wrong, in which fleet, how many checks fail, and what the one that names it says."""


class Clean(NamedTuple):
    """A fleet, and what its archetypes come to when nothing is wrong."""

    made: Bench
    parts: dict[str, Measured]

    def verdict(self, other: dict[str, Measured]) -> Verdict:
        statistics = added({**self.parts, **other}.values())
        return judge(Evidence(statistics, self.made.planned, self.made.theory), "faulty", 0.0)


@pytest.fixture(scope="module")
def fleets() -> Callable[[str], Clean]:
    made: dict[str, Clean] = {}

    def fleet(name: str) -> Clean:
        if name not in made:
            preset, changes = FLEETS[name]
            one = Bench(preset, **changes)
            parts = {
                chunk.archetype: measure_rows(frame, one.planned)
                for chunk, frame in zip(one.plan.chunks, one.frames(), strict=True)
            }
            made[name] = Clean(one, parts)
        return made[name]

    return fleet


@pytest.fixture(scope="module")
def caught() -> Iterator[Caught]:
    rows: Caught = []
    yield rows
    print("\n" + "\n".join(f"| {what} | {fleet} | {count} | {message} |" for what, fleet, count, message in rows))


@pytest.mark.parametrize("name", FLEETS)
def test_the_clean_fleet_passes(fleets: Callable[[str], Clean], name: str) -> None:
    verdict = fleets(name).verdict({})
    assert not verdict.failures
    assert len(verdict.checks) > 1900


@pytest.mark.parametrize("fault", LIVING_FAULTS, ids=lambda fault: fault.what)
def test_a_fault_is_caught_by_its_name(fleets: Callable[[str], Clean], caught: Caught, fault: LivingFault) -> None:
    clean = fleets(fault.fleet)
    other = {}
    for chunk in clean.made.plan.chunks:
        if chunk.archetype in fault.archetypes:
            with faulty(fault, clean.made.plan.spec, chunk) as frame:
                pass
            other[chunk.archetype] = measure_rows(frame, clean.made.planned)
    verdict = clean.verdict(other)
    named = [check for check in verdict.failures if re.match(fault.caught_by, check.name)]
    assert named, [check.message for check in verdict.failures][:5]
    best = max(named, key=lambda check: abs(check.z or 0))
    caught.append((fault.what, fault.fleet, len(verdict.failures), best.message))
