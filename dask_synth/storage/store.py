"""A folder that files appear in whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dask_synth.storage.names import TEMPORARY, is_temporary

COPY_BYTES = 1 << 20
SETTLING_THREADS = 16

Check = Callable[[], None]

_unfinished: set[str] = set()
"""What this process is writing."""


@dataclass(frozen=True)
class LocalStore:
    """A folder on a file system that this process, and every worker, can see."""

    root: Path

    def path(self, name: str) -> Path:
        """Return where the file of this name lies."""
        return self.root / name

    def put(self, name: str, data: Any, check: Check = lambda: None) -> None:
        """Write a whole file atomically.

        It is on its way to the disk, and there only after :meth:`settle`: to wait here would idle a core for a tenth
        of a run.

        Parameters
        ----------
        name, data
            What to write: any buffer of bytes.
        check
            Asked before the work, and again right before the file gets its name; what it raises leaves all as it was.
        """
        self._write(name, lambda file: file.write(data), check)

    def settle(self, names: Iterable[str]) -> None:
        """Return when these files, and their names, are on the disk: what a manifest lists has to be."""
        files = [self.path(name) for name in names]
        # Together: the file system puts them into one journal entry instead of one each.
        with ThreadPoolExecutor(SETTLING_THREADS) as pool:
            list(pool.map(_wait_for_disk, files))
            list(pool.map(_wait_for_disk, {file.parent for file in files}))

    def join(
        self, name: str, head: bytes, parts: Iterable[tuple[str, str]], check: Check = lambda: None
    ) -> tuple[int, str]:
        """Write one file of `head` and the contents of `parts`, atomically; return its size and its sha256.

        Parameters
        ----------
        name, head
            What to write, and what it begins with.
        parts
            Name and sha256 of each file that follows.
        check
            As in :meth:`put`.

        Raises
        ------
        ValueError
            If a part is not what its digest says: what is joined would hide it for ever.
        """
        digest = hashlib.sha256(head)
        size = len(head)

        def copy(file: IO[bytes]) -> None:
            nonlocal size
            file.write(head)
            for part, expected in parts:
                of_part = hashlib.sha256()
                with self.path(part).open("rb") as source:
                    while block := source.read(COPY_BYTES):
                        size += file.write(block)
                        digest.update(block)
                        of_part.update(block)
                if of_part.hexdigest() != expected:
                    raise ValueError(f"{str(self.path(part))!r} was changed after it was written")

        self._write(name, copy, check)
        return size, digest.hexdigest()

    def _write(self, name: str, fill: Callable[[IO[bytes]], Any], check: Check) -> None:
        check()  # before folders are made, too
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, suffix=".tmp", dir=target.parent)
        _unfinished.add(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                fill(file)
                file.flush()
                # Begins to write back what is dirty, without waiting for it.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            umask_mode = 0o666 & ~_umask()
            os.chmod(temporary, umask_mode)
            check()
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            _unfinished.discard(temporary)

    def digest(self, name: str) -> str:
        """Return the file's sha256, hexadecimal."""
        with self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def log(self, name: str) -> Log:
        """Open a new file that lines are added to, and that keeps them when this process is killed."""
        return Log(self.path(name))

    def names(self) -> Iterator[str]:
        """Yield the relative name of every file below the root, and of each link to a folder."""
        for folder, folders, files in os.walk(self.root):
            for file in [*files, *(name for name in folders if Path(folder, name).is_symlink())]:
                yield Path(folder, file).relative_to(self.root).as_posix()

    def clean(self) -> None:
        """Remove what interrupted writes left. Only for who holds the folder's lock."""
        for name in list(self.names()):
            if is_temporary(name) and name.endswith(".tmp"):
                self.remove(name)


def discard_unfinished() -> None:
    """Remove the files that this process is writing, before it ends without finishing them."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            os.unlink(temporary)


class Log:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)

    def add(self, lines: bytes) -> None:
        """Give lines to the system: they stay whatever becomes of this process, if the machine goes on."""
        self._file.write(lines)

    def settle(self) -> None:
        """Return when they are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close it."""
        self._file.close()


def _wait_for_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
