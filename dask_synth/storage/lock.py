"""One writer a dataset: a lock that the kernel gives back when its process is gone, whatever ended it."""

from __future__ import annotations

import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dask_synth.errors import OutputError
from dask_synth.storage.lease import hold_lease
from dask_synth.storage.places import is_local

LOCK_NAME = ".dask-synth-lock"


@contextmanager
def hold(root: Path) -> Iterator[Callable[[], None]]:
    """Be the only writer of `root` for the duration of a ``with`` block.

    Gives a function that raises RunError if that has ended meanwhile, which only a lease of an object store can.

    Raises
    ------
    OutputError
        If another process is; the message says which, and since when.
    """
    if not is_local(root):
        with hold_lease(root, LOCK_NAME, _owner) as check:
            yield check
        return
    path = root / LOCK_NAME
    handle = _acquire(path)
    try:
        yield lambda: None
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0)
            os.close(handle)
            raise OutputError(f"{str(path.parent)!r} is being written by {_describe(holder)}; wait for it") from None
        # The holder before us may have removed the file after we opened it: then ours locks nothing.
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_owner()).encode(), 0)
            return handle
        os.close(handle)


def _owner() -> dict[str, Any]:
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "user": getpass.getuser(), "since": since}


def _describe(holder: bytes) -> str:
    try:
        known = json.loads(holder)
        return f"process {known['process']} of {known['user']} on {known['host']} since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
