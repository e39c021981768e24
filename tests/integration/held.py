"""A worker that stands still before it writes a part: until it is told to go, the run that it works for cannot end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PRELOAD = """
from itertools import count
from pathlib import Path
from time import sleep
from dask_synth.storage.store import LocalStore
here, parts = Path({here!r}), count()
def late(self, name, *words, put=LocalStore.put):
    if not name.startswith("metrics/") or next(parts) < {after}:
        return put(self, name, *words)
    (here / "held").touch()
    while not (here / "go").exists():
        sleep(0.02)
    try:
        return put(self, name, *words)
    finally:
        (here / "tried").touch()
if LocalStore.put.__name__ == "put":  # Dask loads this more than once
    LocalStore.put = late
"""


@dataclass(frozen=True)
class Held:
    """What a worker loads that stands still after some parts."""

    folder: Path
    after: int = 0

    def options(self) -> tuple[object, ...]:
        """Return the worker's options."""
        file = self.folder / "held.py"
        file.write_text(PRELOAD.format(here=str(self.folder), after=self.after))
        return "--preload", file

    def is_held(self) -> bool:
        """Whether the worker stands still."""
        return (self.folder / "held").exists()

    def go(self) -> None:
        """Let it write."""
        (self.folder / "go").touch()

    def has_tried(self) -> bool:
        """Whether it has done so since, or failed to."""
        return (self.folder / "tried").exists()
