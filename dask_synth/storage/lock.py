"""One writer a dataset: a lock that the kernel gives back when its process is gone, whatever ended it."""

from __future__ import annotations

import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dask_synth.errors import OutputError

LOCK_NAME = ".dask-synth-lock"


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Be the only writer of the folder `root` for the duration of a ``with`` block.

    Raises
    ------
    OutputError
        If another process is; the message says which, and since when.
    """
    path = root / LOCK_NAME
    handle = _acquire(path)
    try:
        yield
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
            os.pwrite(handle, _own_name(), 0)
            return handle
        os.close(handle)


def _own_name() -> bytes:
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return json.dumps(
        {"process": os.getpid(), "host": socket.gethostname(), "user": getpass.getuser(), "since": since}
    ).encode()


def _describe(holder: bytes) -> str:
    try:
        known = json.loads(holder)
        return f"process {known['process']} of {known['user']} on {known['host']} since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
