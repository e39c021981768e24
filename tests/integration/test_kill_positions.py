"""Every single thing that a writer does to the file system, and a signal right before it.

Whoever looks then finds the old dataset, whole, or the new one; what the command says is true; and what it says to
type makes the dataset of an undisturbed run, and leaves nothing else.
"""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.contents import left_over, small_fleet
from tests.integration.events import commits
from tests.integration.forks import QUICK, Ended, forks
from tests.integration.walks import LEFT_OVERS, WRITES, Walk, missing, odd, put, rest, state, walk_of

SIGNALS = (signal.SIGKILL, signal.SIGINT)


def untrue(ended: Ended, now: str) -> Iterator[str]:
    """Yield what is wrong with what an interrupted command said."""
    nothing = "nothing was committed" in ended.err
    committed = "committed" in ended.err and not nothing
    if ended.code != 3 or "Traceback" in ended.err:
        yield f"interrupted, it ended with {ended.code}: {ended.err}"
    if (nothing and now == "new") or (committed and now != "new") or (now == "new" and not committed):
        yield f"false words: {ended.err.splitlines()[:1]}, and the dataset is the {now} one"


def faults(walk: Walk, number: signal.Signals, at: int, folder: Path) -> Iterator[str]:
    """Yield what is wrong at one position: right after the signal, and after going on."""
    path = walk.prepare(folder)
    ended = forks().run(walk.line(path), folder, at=at, number=number)
    now = state(walk, path)
    if len(ended.events) < at:
        if ended.code or now != "new":
            yield f"undisturbed, and it ended with {ended.code}: {ended.err}"
        return
    if number == signal.SIGINT:
        yield from untrue(ended, now)
    elif ended.code != -number:
        yield f"killed, it ended with {ended.code}: {ended.err}"
    if now not in ("new", "old" if walk.old else "none"):
        yield f"a reader finds {now}"
        return
    if now != "none" and (found := odd(walk, path, LEFT_OVERS.pattern if now == "new" else "")):
        yield f"verify finds in the {now} one: {found}"
    if not walk.before and path.is_dir() and any(path.iterdir()):  # an empty folder that somebody fills is theirs
        put(walk.users, path)
    told = re.search(r"To go on:\n  python -m dask_synth (.*)", ended.err)
    on = forks().run(shlex.split(told[1]) if told else walk.again(path), folder)
    yield from end(walk, folder, on, ended.err + on.err + on.out)


def end(walk: Walk, folder: Path, on: Ended, said: str) -> Iterator[str]:
    path = folder / "fleet"
    if on.code or state(walk, path) != "new":
        yield f"going on ended with {on.code} and the {state(walk, path)} dataset: {on.err}"
        return
    if found := odd(walk, path, ""):
        yield f"verify finds after going on: {found}"
    if gone := missing(walk.users if walk.before else {}, folder, said):
        yield f"files of the user are gone: {gone}"
    if found := rest(walk, folder, said):
        yield f"left over after going on: {found}"
    if not walk.users:
        over = forks().run(["--output", path, *small_fleet(seed=9), "--overwrite", *QUICK], folder)
        if over.code or left_over(folder, path):
            yield f"an overwrite afterwards ended with {over.code} and left {left_over(folder, path)}: {over.err}"


def at_position(walk: Walk, number: signal.Signals, at: int) -> list[str]:
    with TemporaryDirectory() as made:
        folder = Path(made).resolve()
        where = f"{walk.title}, {number.name} before {at} of {len(walk.events)} ({walk.events[at - 1]})"
        return [f"{where}: {fault}" for fault in faults(walk, number, at, folder)]


def go_through(walk: Walk, positions: dict[signal.Signals, list[int]]) -> None:
    """Go through positions, two at a time; print how many, and fail with all that is wrong."""
    steps = [(walk, number, at) for number, ats in positions.items() for at in ats]
    with ThreadPoolExecutor(2) as pool:
        found = [fault for wrong in pool.map(lambda step: at_position(*step), steps) for fault in wrong]
    false = sum("false words" in fault for fault in found)
    print(f"\n{walk.title}: {len(steps)} positions, {len(found) - false} wrong, {false} false words", flush=True)
    assert not found, "\n".join(found)


def around_the_commit(walk: Walk) -> set[int]:
    """Return the positions right before and right after what may be the commit."""
    assert commits(walk.events), walk.events
    return {at + step for at in commits(walk.events) for step in (0, 1) if at + step <= len(walk.events)}


@pytest.mark.parametrize("name", WRITES)
def test_a_signal_at_some_positions(name: str) -> None:
    walk, every = walk_of(name), 60
    firsts = {signal.SIGKILL: 1, signal.SIGINT: 1 + every // 2}
    spread = {number: set(range(first, len(walk.events) + 1, every)) for number, first in firsts.items()}
    go_through(walk, {number: sorted(some | around_the_commit(walk)) for number, some in spread.items()})


@pytest.mark.parametrize("name", WRITES)
def test_a_signal_among_files_of_the_user(name: str) -> None:
    walk = walk_of(name, with_users=True)
    go_through(walk, dict.fromkeys(SIGNALS, sorted(around_the_commit(walk))[-2:]))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("with_users", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_a_signal_at_every_position(name: str, with_users: bool) -> None:
    walk = walk_of(name, with_users)
    everywhere = list(range(1, len(walk.events) + 1))
    go_through(walk, dict.fromkeys(SIGNALS, everywhere))
