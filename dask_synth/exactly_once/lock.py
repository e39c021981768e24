"""One writer a dataset: a lock that the kernel gives back when its process is gone, whatever ended it."""

from __future__ import annotations

import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from dask_synth.errors import OutputError
from dask_synth.exactly_once.lease import hold_lease
from dask_synth.storage.names import LOCK_NAME
from dask_synth.storage.places import is_local

MOMENT_SECONDS = 1
"""Who writes a verdict or a picture holds the lock for less: others wait for that, and are refused by a run."""

POLL_SECONDS = 0.02


class Hold:
    """What the only writer of a dataset holds.

    Attributes
    ----------
    check
        Raises RunError if it has ended meanwhile, which only a lease of an object store can.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self.check = check
        self._handles: dict[Path, int] = {}

    def also(self, folder: Path) -> None:
        """Hold one more folder until the end, or raise OutputError if another process does."""
        path = folder / LOCK_NAME
        self._handles[path] = _acquire(path)

    def make(self, folder: Path) -> None:
        """Do the same with a folder that is made if it is not there."""
        while folder / LOCK_NAME not in self._handles:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another holder found it empty, and removed it
                self.also(folder)

    def forget(self, folder: Path) -> None:
        """Hold a folder no more that was removed."""
        os.close(self._handles.pop(folder / LOCK_NAME))

    def release(self) -> None:
        """Give all back together: two folders may have changed names, and the locks in them with them."""
        ours = {os.fstat(handle).st_ino for handle in self._handles.values()}
        for path in self._handles:
            with suppress(OSError):  # gone with its folder; a file system without room or right
                if path.stat().st_ino in ours:
                    path.unlink()
        for handle in self._handles.values():
            os.close(handle)


@contextmanager
def hold(root: Path) -> Iterator[Hold]:
    """Be the only writer of `root` for the duration of a ``with`` block; a folder that is not there is made.

    Raises
    ------
    OutputError
        If another process is; the message says which, and since when.
    """
    if not is_local(root):
        with hold_lease(root, LOCK_NAME, _owner()) as check:
            yield Hold(check)
        return
    held = Hold()
    held.make(root)
    try:
        yield held
    finally:
        held.release()
        with suppress(OSError):  # nothing came of it
            root.rmdir()


def _acquire(path: Path) -> int:
    end = monotonic() + MOMENT_SECONDS
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0)
            os.close(handle)
            if monotonic() < end:
                sleep(POLL_SECONDS)
                continue
            raise OutputError(f"{str(path.parent)!r} is being written by {_described(holder)}; wait for it") from None
        except BaseException:
            os.close(handle)
            raise
        # The holder before us may have removed the file after we opened it: then ours locks nothing.
        if _lies_at(handle, path):
            with suppress(OSError):  # a full disk: who holds it is for messages alone
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_owner()).encode(), 0)
            return handle
        os.close(handle)


def _lies_at(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _owner() -> dict[str, Any]:
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "user": _user(), "since": since}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _described(holder: bytes) -> str:
    try:
        known = json.loads(holder)
        return f"process {known['process']} of {known['user']} on {known['host']} since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
