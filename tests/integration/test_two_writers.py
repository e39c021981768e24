"""Two writers at the same place, the first held up at a chosen moment: what is there in the end has one explanation.

Some order of those that reported success, one after the other, makes exactly what is there.
"""

from __future__ import annotations

import random
import shutil
import signal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.events import commits
from tests.integration.forks import forks
from tests.integration.machines import until
from tests.integration.pairs import BEGIN, DAYS, Pair, Result, each_explained, judged, some_pair
from tests.integration.writers import DONE, State, Writer, wrong

BLOCKED_SECONDS = 5


@cache
def begun() -> Path:
    """The dataset that is there before."""
    path = forks().folder / "begun" / "fleet"
    path.parent.mkdir()
    assert forks().run(Writer("generate", BEGIN.end, BEGIN.seed).words(path), path.parent).code == DONE
    return path


def prepared(begin: State | None, folder: Path) -> Path:
    path = folder / "fleet"
    if begin:
        shutil.copytree(begun(), path)
    return path


@cache
def events_of(begin: State | None, writer: Writer) -> tuple[str, ...]:
    with TemporaryDirectory() as folder:
        return tuple(forks().run(writer.words(prepared(begin, Path(folder))), Path(folder)).events)


def moment(begin: State | None, writer: Writer, chance: random.Random) -> int:
    """Choose an event: any, or the first, or one around the commit."""
    events = events_of(begin, writer)
    near = [at + step for at in commits(events) for step in (-1, 0, 1)]
    at = chance.choice([chance.randint(1, len(events)), 1, chance.choice(near)])
    return min(at, len(events))


def in_a_folder(pair: Pair, at: int) -> Result:
    """Stop the first writer right before an event until the second has ended, or waits; return what came of it."""
    with TemporaryDirectory() as made:
        folder = Path(made).resolve()
        path = prepared(pair.begin, folder)
        one = forks().start(pair.first.words(path), folder, at=at, number=signal.SIGSTOP)
        until(lambda: one.is_stopped() or one.has_ended(), "the chosen event")
        two = forks().start(pair.second.words(path), folder)
        two.has_ended(BLOCKED_SECONDS)
        one.send_signal(signal.SIGCONT)
        ended = one.wait(), two.wait()
        over = Writer("overwrite", DAYS[0], 9)
        found = judged(path, pair, ended)
        after = forks().run(over.words(path), folder)
        found += [f"then: {what} {after.err}" for what in wrong(path, None, [(over, after.code)])]
        event = "".join(ended[0].events[at - 1 : at])
        return (ended[0].code, ended[1].code), [f"{pair}, stopped before {at} ({event}): {what}" for what in found]


def folder_cases(count: int) -> list[tuple[Pair, int]]:
    chance = random.Random(1)
    pairs = [some_pair(chance) for _ in range(count)]
    return [(pair, moment(pair.begin, pair.first, chance)) for pair in pairs]


def test_pairs_in_a_folder() -> None:
    each_explained("folder", in_a_folder, folder_cases(8))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("default")
def test_a_hundred_pairs_in_a_folder() -> None:
    each_explained("folder", in_a_folder, folder_cases(100))
