"""What a run that ended before its end has left: read from the place itself, so that what is said of it is true."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

from dask_synth.exactly_once.exchange import staging_of
from dask_synth.exactly_once.state import State
from dask_synth.storage.names import journal_of
from dask_synth.storage.places import is_local


class Outcome(Enum):
    """What is there."""

    COMMITTED = "the dataset that was to come"
    KEPT = "parts of it"
    NOTHING = "nothing of it"


@dataclass(frozen=True)
class Outlook:
    """A place before a run.

    Attributes
    ----------
    root
        The place.
    run_id
        Of the run.
    digest
        Of the manifest that was there before.
    """

    root: Path
    run_id: str
    digest: str | None

    @classmethod
    def of(cls, root: Path, run_id: str) -> Self:
        """Look at a place before a run."""
        return cls(root, run_id, State.of(root, patient=False).digest)

    def now(self) -> Outcome:
        """Look at it after the run; a store that does not answer has what was there before, as far as is known."""
        try:
            state = State.of(self.root, patient=False)
        except Exception:  # each store's client has its own classes for a store that is away
            return Outcome.KEPT
        if state.manifest and state.digest != self.digest and state.manifest.run_id == self.run_id:
            return Outcome.COMMITTED
        if not is_local(self.root):
            return Outcome.KEPT if state.plan else Outcome.NOTHING
        places = {self.root, staging_of(self.root)}
        files = (file for place in places if place.is_dir() for file in place.iterdir() if journal_of(file.name))
        return Outcome.KEPT if any(file.stat().st_size for file in files) else Outcome.NOTHING
