"""A prefix of an object store that objects appear under in one request each: whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

Answer = TypeVar("Answer")

OUTAGE_SECONDS = 90
"""How long a store that does not answer is tried again; its own client has tried a few times before."""

PAUSE_SECONDS = 1
COPY_BYTES = 1 << 22


@dataclass(frozen=True)
class ObjectStore:
    """A prefix, through fsspec."""

    root: Path

    def path(self, name: str) -> Path:
        """Return where the object of this name lies."""
        return self.root / name

    def put(self, name: str, data: Any) -> None:
        """Write a whole object; `data` is any buffer of bytes."""
        content = bytes(memoryview(data))
        patiently(lambda: self._pipe(name, content))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written.

        The store decides, in one request (If-None-Match), where it can.
        """
        try:
            self._pipe(name, data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno != errno.EINVAL:  # what s3fs makes of a precondition that does not hold
                raise
            return False
        return True

    def _pipe(self, name: str, content: bytes, **how: Any) -> None:
        path: Any = self.path(name)
        path.fs.pipe_file(path.path, content, **how)

    def settle(self, names: Iterable[str]) -> None:
        """Do nothing: an object that was acknowledged is there."""

    def digest(self, name: str) -> str:
        """Return the object's sha256, hexadecimal."""
        digest = hashlib.sha256()
        with self.path(name).open("rb") as file:
            while block := file.read(COPY_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        patiently(lambda: self.path(name).unlink(missing_ok=True))

    def names(self) -> Iterator[str]:
        """Yield the relative name of every object below the root."""
        root: Any = self.root
        below = root.path.strip("/") + "/"
        for name in patiently(lambda: list(root.fs.find(root.path))):
            # Some stores list the prefix itself, or folders that were left empty.
            if name.strip("/").startswith(below) and not name.endswith("/"):
                yield name.strip("/").removeprefix(below)

    def clean(self) -> None:
        """Do nothing: what was interrupted never appeared."""


def patiently(call: Callable[[], Answer]) -> Answer:
    """Return what `call` returns, and try again for a while as long as the store does not answer.

    Raises
    ------
    PermissionError, FileNotFoundError
        At once: another try would end alike.
    OSError
        If the store stays away.
    """
    end = monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return call()
        except (PermissionError, FileNotFoundError):
            raise
        except Exception as error:  # each client has classes of its own for a store that is away
            if monotonic() > end:
                raise OSError(f"the object store does not answer: {type(error).__name__}: {error}") from error
        sleep(PAUSE_SECONDS)
