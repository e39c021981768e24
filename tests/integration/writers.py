"""Who writes what, and in which order that can have happened: a small model of datasets without any files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import chain, combinations, permutations
from typing import Any, NamedTuple

import pandas as pd

import dask_synth
from dask_synth.errors import DamagedManifestError, OutputError
from tests.integration.contents import digest, small_fleet
from tests.integration.forks import QUICK

DONE, REFUSED, FAILED, KILLED = 0, 2, 3, -9


class State(NamedTuple):
    """What decides the rows of a dataset here."""

    seed: int
    end: str


class RefusedError(Exception):
    """There is nothing that this writer could do."""


@dataclass(frozen=True)
class Writer:
    """A command: ``generate``, ``resume``, ``overwrite`` or ``append``, which takes the seed as it is."""

    kind: str
    end: str
    seed: int = 0

    def words(self, place: object) -> list[str]:
        if self.kind == "append":
            return ["append", str(place), "--until", self.end, *QUICK]
        how = [] if self.kind == "generate" else [f"--{self.kind}"]
        return ["generate", "--output", str(place), *small_fleet(self.seed, self.end), *how, *QUICK]

    def after(self, state: State | None) -> State:
        """Return what it makes of a state, or raise RefusedError."""
        mine = State(self.seed, self.end)
        if self.kind == "append" and state:
            return max(state, State(state.seed, self.end))
        if self.kind == "overwrite" or (self.kind != "append" and state is None):
            return mine
        if self.kind == "resume" and state == mine:
            return mine
        raise RefusedError


Outcome = tuple[Writer, int]
"""A writer, and the exit code that it ended with."""


def ends(begin: State | None, outcomes: Sequence[Outcome]) -> set[State | None]:
    """Return the states that some order of those who succeeded leads to.

    Who was killed has done all, or nothing; who was refused or failed has done nothing.
    """
    done = [writer for writer, code in outcomes if code == DONE]
    perhaps = [writer for writer, code in outcomes if code == KILLED]
    chosen = chain.from_iterable(combinations(perhaps, count) for count in range(len(perhaps) + 1))
    orders = chain.from_iterable(permutations([*done, *some]) for some in chosen)
    return {end for order in orders if (end := _through(begin, order)) != "refused"}


def _through(state: State | None, order: Sequence[Writer]) -> Any:
    try:
        for writer in order:
            state = writer.after(state)
    except RefusedError:
        return "refused"
    return state


def is_possible(begin: State | None, writer: Writer) -> bool:
    return bool(_through(begin, [writer]) != "refused")


@cache
def rows_of(state: State) -> str:
    """Return the digest of the rows that a state means, made without writing anything."""
    start = {"fleet.servers": 12, "time.start_date": "2024-01-01"}
    config = dask_synth.load_config(None, {**start, "seed": state.seed, "time.end_date": state.end})
    return digest(dask_synth.fleet_frame(config).compute())


def wrong(place: Any, begin: State | None, outcomes: Sequence[Outcome]) -> list[str]:
    """Return what is wrong with the dataset that the writers left at a place, and with how they ended."""
    codes = [code for _, code in outcomes]
    if odd := set(codes) - {DONE, REFUSED, FAILED, KILLED}:
        return [f"exit codes {odd}"]
    if DONE not in codes and any(is_possible(begin, writer) for writer, code in outcomes if code != KILLED):
        return [f"nobody could write: {codes}"]
    possible = ends(begin, outcomes)
    try:
        dataset = dask_synth.open_dataset(place)
    except DamagedManifestError as error:
        return [str(error)]
    except OutputError as error:
        return [] if None in possible else [f"there is no dataset: {error}"]
    config = dataset.manifest.config
    state = State(config["seed"], str(config["time"]["end_date"]))
    found = [] if state in possible else [f"the manifest is of {state}; explained would be {possible}"]
    return found + _not_of(state, dataset, late=KILLED in codes)


def _not_of(state: State, dataset: dask_synth.Dataset, late: bool) -> list[str]:
    """Return what of a dataset is not as its manifest says; a part of a killed one may come `late`, and is named."""
    allowed = ("not in the manifest",) if late else ()
    if found := [finding for finding in dataset.verify() if finding.what not in allowed]:
        return [f"verify: {found}"]
    parts = [pd.read_parquet(BytesIO(part.read_bytes())) for part in dataset.parts()]
    zipped = [BytesIO(text.read_bytes()) for text in dataset.texts()]
    texts = [pd.read_csv(text, compression="gzip", parse_dates=["timestamp"]) for text in zipped]
    formats = {"Parquet": pd.concat(parts), "CSV": pd.concat(texts)}
    return [
        f"{name} holds {digest(frame)} and not {rows_of(state)}"
        for name, frame in formats.items()
        if digest(frame) != rows_of(state)
    ]
