"""A prefix of an object store that objects appear under in one request each: whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple, TypeVar

from dask_synth.errors import StoreAwayError

Answer = TypeVar("Answer")

OUTAGE_SECONDS = 90
"""How long a store that does not answer is tried again; its own client has tried a few times before."""

PAUSE_SECONDS = 1
COPY_BYTES = 1 << 22
NEVER = '"0"'
"""An ETag that no object has."""


class Content(NamedTuple):
    """What an object held when it was read, and the store's word for just that."""

    data: bytes
    etag: str


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

    def read(self, name: str) -> Content | None:
        """Return an object; None if there is none."""
        try:
            if not self._is_s3:
                return Content(self.path(name).read_bytes(), "")
            answer = self._call("get_object", name)
            path: Any = self.path(name)
            # One answer holds both: what is replaced between two would give the one's bytes and the other's tag.
            data = answer["Body"].read()
            return Content(_awaited(path.fs, data), answer["ETag"])
        except FileNotFoundError:
            return None

    def put_if(self, name: str, data: bytes, expected: Content | None) -> bool:
        """Write an object if it still is as it was read, or still is not there; return whether it was written.

        The store decides, in one request, where it can: S3 by If-Match and If-None-Match. A refusal may also be the
        second try of a request of which the first was done and its answer lost: who was refused reads and looks.
        """
        try:
            if self._is_s3:
                condition = {"IfMatch": expected.etag} if expected else {"IfNoneMatch": "*"}
                self._call("put_object", name, Body=data, **condition)
            elif expected is None:
                self._pipe(name, data, mode="create")
            else:
                self._pipe(name, data)
        except FileExistsError:
            return False
        except FileNotFoundError:  # a match with nothing; without one, the bucket is not there
            if expected is None:
                raise
            return False
        except OSError as error:
            # What s3fs makes of a precondition that does not hold, and of two at the same moment (409).
            if error.errno == errno.EINVAL or "Conflict" in str(error):
                return False
            raise
        return True

    def is_conditional(self, name: str, data: bytes) -> bool:
        """Whether the store refuses to replace the object `name`, which holds `data`, under a false condition."""
        return self._is_s3 and not self.put_if(name, data, Content(b"", NEVER))

    @property
    def _is_s3(self) -> bool:
        path: Any = self.root
        return hasattr(path.fs, "call_s3")

    def _call(self, method: str, name: str, **how: Any) -> Any:
        path: Any = self.path(name)
        bucket, key, _ = path.fs.split_path(path.path)
        return path.fs.call_s3(method, Bucket=bucket, Key=key, **how)

    def _pipe(self, name: str, content: bytes, **how: Any) -> None:
        path: Any = self.path(name)
        path.fs.pipe_file(path.path, content, **how)

    def settle(self, names: Iterable[str]) -> None:
        """Do nothing: an object that was acknowledged is there."""

    def log(self, name: str) -> Log:
        """Open a new object of lines."""
        return Log(self, name)

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


class Log:
    """Lines in objects, one more with each settling: objects do not grow."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name = store, name
        self._lines, self._pieces = b"", 0

    def add(self, lines: bytes) -> None:
        """Remember lines until they are settled."""
        self._lines += lines

    def settle(self) -> None:
        """Return when all of them are in the store."""
        if self._lines:
            self._store.put(self._name.replace(".", f"-{self._pieces:05d}."), self._lines)
            self._lines, self._pieces = b"", self._pieces + 1

    def close(self) -> None:
        """Do nothing."""


def _awaited(fs: Any, reading: Any) -> bytes:
    """Return a body whose reading s3fs's own loop has to wait for."""
    from fsspec.asyn import sync

    async def wait() -> Any:
        return await reading

    data: bytes = sync(fs.loop, wait)
    return data


def patiently(call: Callable[[], Answer], before_again: Callable[[], object] = lambda: None) -> Answer:
    """Return what `call` returns, and try again for a while as long as the store does not answer.

    Parameters
    ----------
    call
        The request.
    before_again
        Asked before each further try; what it raises ends them.

    Raises
    ------
    PermissionError, FileNotFoundError
        At once: another try would end alike.
    StoreAwayError
        If the store stays away.
    """
    end = monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return call()
        except (PermissionError, FileNotFoundError, StoreAwayError):
            raise
        except Exception as error:  # each client has classes of its own for a store that is away
            if monotonic() > end:
                raise StoreAwayError(f"the object store does not answer: {type(error).__name__}: {error}") from error
        sleep(PAUSE_SECONDS)
        before_again()
