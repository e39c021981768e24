"""Readers that never stop while datasets are replaced and grow: what they get is one dataset, or a clear error."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.forks import forks
from tests.integration.rereading import Step, folders_of, is_explained
from tests.integration.writers import State, Writer, frame_of, rows_of

FIRST_DAY = dt.date(2024, 3, 30)
FIRST = Writer("overwrite", str(FIRST_DAY), 100)


def writers(overwrites: int, appends: int) -> Iterator[Writer]:
    """Yield overwrites and appends in turn; every dataset is another one."""
    for number in range(max(overwrites, appends)):
        if number < overwrites:
            yield Writer("overwrite", str(FIRST_DAY), 101 + number)
        if number < appends:
            yield Writer("append", str(FIRST_DAY + dt.timedelta(days=1 + number)))


def states_after(line: Sequence[Writer]) -> list[State]:
    states: list[State] = []
    for writer in line:
        states.append(writer.after(states[-1] if states else None))
    return states


def rows_after(line: Sequence[Writer]) -> dict[str, str]:
    return {f"seed {state.seed} to {state.end}": rows_of(state) for state in states_after(line)}


def steps_of(line: Sequence[Writer]) -> list[Step]:
    return [(writer.kind, folders_of(frame_of(state))) for writer, state in zip(line, states_after(line), strict=True)]


KNOWN = {"by_manifest": rows_after, "by_folder": steps_of}
"""What each reader compares with."""


def read_during(folder: Path, place: object, readers: Sequence[str], line: Sequence[Writer]) -> None:
    """Write, one after the other, among readers; print the counts, and fail with what any reader got wrong."""
    stop = folder / "stop"
    reports = [folder / f"{number}.json" for number in range(len(readers))]
    made = forks().run(FIRST.words(place), folder)
    assert made.code == 0, made.err
    running = [
        forks().call(
            f"tests.integration.rereading:{name}",
            *(str(place), KNOWN[name]([FIRST, *line]), str(stop), str(report)),
            folder=folder,
        )
        for name, report in zip(readers, reports, strict=True)
    ]
    failed = [ended.err for writer in line if (ended := forks().run(writer.words(place), folder)).code]
    stop.touch()
    crashed = [ended.err for reader in running if (ended := reader.wait()).code]
    assert not failed and not crashed, failed + crashed
    told = [json.loads(report.read_text()) for report in reports]
    wrong = sum((Counter(one["wrong"]) for one in told), Counter[str]())
    counts = [" ".join(f"{what} {number}" for what, number in one["count"].items()) for one in told]
    print(f"\n{len(line)} writes: {'; '.join(counts)}; {wrong.total()} wrong", flush=True)
    assert not wrong, "\n".join(f"{number} times {what}" for what, number in wrong.items())
    assert all(one["count"].keys() - {"errors"} for one in told)


def read_a_folder(folder: Path, overwrites: int, appends: int) -> None:
    read_during(folder, folder / "fleet", ("by_manifest", "by_folder"), list(writers(overwrites, appends)))


def test_a_mixture_is_explained_by_one_append_alone() -> None:
    steps = [
        ("overwrite", {"web": "a", "batch": "b"}),
        ("append", {"web": "aa", "batch": "bb"}),
        ("append", {"web": "aaa", "batch": "bbb"}),
        ("overwrite", {"web": "c", "batch": "d"}),
    ]
    for whole in ("a b", "aa bb", "aaa bbb", "c d", "a bb", "aa b", "aa bbb"):
        assert is_explained(dict(zip(("web", "batch"), whole.split(), strict=True)), steps), whole
    for torn in ("a bbb", "aaa d", "c bbb", "a d", "a x"):
        assert not is_explained(dict(zip(("web", "batch"), torn.split(), strict=True)), steps), torn
    assert not is_explained({"web": "aa"}, steps)


def test_readers_of_a_folder(tmp_path: Path) -> None:
    read_a_folder(tmp_path, 5, 5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("default")
def test_readers_of_a_folder_for_long(tmp_path: Path) -> None:
    read_a_folder(tmp_path, 50, 50)
