"""The journal of a run: which files have landed, with their digests, kept as they land.

A resumed run believes it and nothing else: a part that is not in it, or whose bytes are not as it says, is made again.
Each process that works on a run writes a piece of its own, so none has to go on after a torn line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from pydantic import ValidationError

from dask_synth.errors import StoreAwayError
from dask_synth.storage.manifest import FileEntry, Plan
from dask_synth.storage.names import journal_name, journal_of
from dask_synth.storage.places import Store

SETTLE_SECONDS = 1
"""At most as much work is lost with the machine; with the process alone, none in a folder."""


class Journal:
    """What has landed, as far as is known."""

    def __init__(self, store: Store, name: str) -> None:
        self._log = store.log(name)
        self._settled = -float(SETTLE_SECONDS)

    def add(self, entries: Iterable[FileEntry]) -> None:
        """Write down files that have landed."""
        self._log.add(b"".join(entry.model_dump_json().encode() + b"\n" for entry in entries))
        if monotonic() - self._settled >= SETTLE_SECONDS:
            self._log.settle()
            self._settled = monotonic()

    def close(self) -> None:
        """Keep what was written down, and write no more."""
        self._log.settle()
        self._log.close()


@contextmanager
def journal(store: Store, plan: Plan) -> Iterator[tuple[Journal, Mapping[str, FileEntry]]]:
    """Give a journal for this process's part of a run, and what earlier processes wrote down for it, by name.

    What was added is kept also where the block fails.
    """
    pieces = sorted(name for name in store.names() if journal_of(name) == plan.suffix)
    lines = (line for piece in pieces for line in store.path(piece).read_bytes().splitlines())
    known = {entry.path: entry for line in lines if (entry := _entry(line)) and entry.run_id == plan.run_id}
    written = Journal(store, journal_name(plan.suffix, len(pieces)))
    try:
        yield written, known
    except StoreAwayError:  # the journal lies there, too
        raise
    except BaseException:
        written.close()
        raise
    written.close()


def _entry(line: bytes) -> FileEntry | None:
    try:
        return FileEntry.model_validate_json(line)
    except ValidationError:  # torn, or damaged: its part is made again
        return None
