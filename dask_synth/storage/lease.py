"""One writer of a prefix: an object that its holder renews, and that others may take once it was not renewed.

Object stores have no lock that ends with a process. Where the store knows conditional writes (S3 does), two processes
cannot create it both; where it does not, reading it back after a moment decides.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any

from dask_synth.errors import OutputError, RunError
from dask_synth.storage.objects import ObjectStore

logger = logging.getLogger(__name__)

RENEW_SECONDS = 10
LEASE_SECONDS = 45
"""After this without a renewal, a lease is anybody's; clocks of machines that share a store may differ by less."""

SETTLE_SECONDS = 0.3


@contextmanager
def hold_lease(root: Path, name: str, owner: Callable[[], dict[str, Any]]) -> Iterator[Callable[[], None]]:
    """Be the only writer of `root`; gives a function that raises RunError if that has ended.

    Raises
    ------
    OutputError
        If another process is; the message says which, and since when.
    """
    store = ObjectStore(root)
    mine = {**owner(), "token": uuid.uuid4().hex}
    _acquire(store, name, mine)
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            with suppress(Exception):  # an outage: the next time, or the lease ends, which the commit sees
                if _read(store, name).get("token") != mine["token"]:
                    return
                store._pipe(name, _stamped(mine))

    def check() -> None:
        if _read(store, name).get("token") != mine["token"]:
            raise RunError(f"another process took over {str(root)!r}, since this one was away for too long")

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
        if _read(store, name).get("token") == mine["token"]:
            store.remove(name)


def _acquire(store: ObjectStore, name: str, mine: dict[str, Any]) -> None:
    if not store.create(name, _stamped(mine)):
        holder = _read(store, name)
        if not _has_ended(holder):
            known = {"process": "?", "host": "?", "user": "?", "since": "?", **holder}
            raise OutputError(
                f"{str(store.root)!r} is being written by process {known['process']} of {known['user']} on "
                f"{known['host']} since {known['since']}; wait for it (if it was killed, for {LEASE_SECONDS} s)"
            )
        logger.warning("taking over from a process that is gone: %s", {**holder, "token": "..."})
        store.remove(name)
        store.create(name, _stamped(mine))
    sleep(SETTLE_SECONDS)
    if _read(store, name).get("token") != mine["token"]:
        raise OutputError(f"{str(store.root)!r} is being written by another process, which came at the same moment")


def _has_ended(holder: dict[str, Any]) -> bool:
    if holder.get("host") == socket.gethostname() and not _is_alive(holder.get("process")):
        return True
    try:
        renewed = dt.datetime.fromisoformat(holder["renewed"])
    except (KeyError, ValueError, TypeError):
        return True
    return (dt.datetime.now(dt.UTC) - renewed).total_seconds() > LEASE_SECONDS


def _is_alive(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, TypeError, PermissionError):
        return True
    return True


def _stamped(mine: dict[str, Any]) -> bytes:
    return json.dumps({**mine, "renewed": dt.datetime.now(dt.UTC).isoformat()}).encode()


def _read(store: ObjectStore, name: str) -> dict[str, Any]:
    try:
        found = json.loads(store.path(name).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
