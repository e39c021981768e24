"""A folder that files appear in whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dask_synth.errors import OutputError

TEMPORARY = ".dask-synth-"
"""Begins the name of every unfinished file; readers pass over names that begin with a dot."""


@dataclass(frozen=True)
class LocalStore:
    """A folder on a file system that this process, and every worker, can see."""

    root: Path

    def path(self, name: str) -> Path:
        """Return where the file of this name lies."""
        return self.root / name

    def put(self, name: str, data: Any) -> None:
        """Write a whole file atomically; `data` is any buffer of bytes."""
        self._write(name, lambda file: file.write(data))

    def join(self, name: str, head: bytes, parts: Iterable[str]) -> None:
        """Write one file of `head` and the contents of `parts`, atomically."""

        def copy(file: IO[bytes]) -> None:
            file.write(head)
            for part in parts:
                with self.path(part).open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)

        self._write(name, copy)

    def _write(self, name: str, fill: Callable[[IO[bytes]], Any]) -> None:
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, suffix=".tmp", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            umask_mode = 0o666 & ~_umask()
            os.chmod(temporary, umask_mode)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def digest(self, name: str) -> str:
        """Return the file's sha256, hexadecimal."""
        with self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Yield the relative name of every file below the root."""
        for folder, _, files in os.walk(self.root):
            for file in files:
                yield Path(folder, file).relative_to(self.root).as_posix()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_claimable(root: Path) -> None:
    """Raise OutputError unless a new dataset can be made at `root`. Nothing is left behind."""
    try:
        root.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name that is too long, a closed folder, a zero byte
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error}") from None
    if root.exists() and not root.is_dir():
        raise OutputError(f"output.path: {str(root)!r} is a file; name a folder that does not exist yet")
    if root.is_dir() and any(root.iterdir()):
        raise OutputError(
            f"output.path: {str(root)!r} exists and is not empty; name another with --output, or remove it first"
        )
    existing = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error.strerror} ({existing})") from None
