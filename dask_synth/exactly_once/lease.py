"""One writer of a prefix: an object with a token, which its holder renews, and which others may take once it does not.

Object stores have no lock that ends with a process, and a process can be away for longer than any lease. So each step
is a conditional write, which the store refuses to whoever has lost it; and whoever holds it asks before what matters.
Whether a holder lives is seen by its renewals, on the watch of who waits: no clock of another machine counts, and no
process number, which other containers have as well.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from dask_synth.errors import OutputError, RunError, StoreAwayError
from dask_synth.storage.objects import Content, ObjectStore, patiently

logger = logging.getLogger(__name__)

RENEW_SECONDS = 5
LEASE_SECONDS = 30
"""After this without a renewal, a lease is anybody's."""

POLL_SECONDS = 0.5
SETTLE_SECONDS = 0.3
"""Where the store knows no conditions, two that came at once see by then whose token stayed."""


class Lease:
    """A lease that is held until it is lost.

    Attributes
    ----------
    store, name
        The object.
    owner
        What others are told of the holder.
    """

    def __init__(self, store: ObjectStore, name: str, owner: dict[str, Any]) -> None:
        self.store, self.name = store, name
        self.owner = {**owner, "token": uuid.uuid4().hex}
        self._content: Content | None = None
        self._renewed = 0.0
        self._lost = False
        self._turn = threading.Lock()

    def acquire(self) -> None:
        """Take it, or raise OutputError if its holder lives; a holder that is gone is waited for."""
        found = self._put(None)
        if not self._is_mine(found):
            found = self._take_over(found)
        if found and self._is_mine(found) and not self.store.is_conditional(self.name, found.data):
            sleep(SETTLE_SECONDS)
            found = self.store.read(self.name)
        if not self._is_mine(found):
            raise OutputError(f"{str(self.store.root)!r} is being written by {_described(found)}; wait for it")

    def _take_over(self, found: Content | None) -> Content | None:
        """Wait until a lease has not been renewed for long enough, and replace it; return what is there then."""
        begin = monotonic()
        logger.warning(
            "%s is held by %s; waiting for %g s at most to see whether it lives",
            self.store.root,
            _described(found),
            LEASE_SECONDS,
        )
        while monotonic() - begin < LEASE_SECONDS:
            sleep(POLL_SECONDS)
            now = patiently(lambda: self.store.read(self.name))
            if now is None:  # it was given back
                found = None
                break
            if found is not None and now.data != found.data:
                raise OutputError(f"{str(self.store.root)!r} is being written by {_described(now)}; wait for it")
        return self._put(found)

    def _put(self, expected: Content | None) -> Content | None:
        """Write a renewal over what is expected to be there; return what is there then."""
        begin = monotonic()
        stamp = dt.datetime.now(dt.UTC).isoformat()
        data = json.dumps({**self.owner, "renewed": stamp}).encode()
        self.store.put_if(self.name, data, expected)
        found = self.store.read(self.name)
        if self._is_mine(found):
            # Counted from before the request: how long the store took is not known.
            self._content, self._renewed = found, begin
        return found

    def renew(self) -> None:
        """Renew it, unless it is lost; a store that is away raises what its client does."""
        with self._turn:
            if not self._lost and not self._is_mine(self._put(self._content)):
                self._lost = True

    def check(self) -> None:
        """Raise RunError if it is lost, or can no more be renewed; cheap if it was renewed lately."""
        if not self._lost and monotonic() - self._renewed > LEASE_SECONDS / 2:
            patiently(self.renew)
        if self._lost:
            raise RunError(f"another process took over {str(self.store.root)!r}, since this one was away for too long")

    def release(self) -> None:
        """Give it back, if it is still held."""
        with suppress(Exception):  # a store that is away: the lease ends by itself
            self.renew()
            if not self._lost:
                self.store.path(self.name).unlink(missing_ok=True)

    def _is_mine(self, found: Content | None) -> bool:
        return bool(_read(found).get("token") == self.owner["token"])


@contextmanager
def hold_lease(root: Path, name: str, owner: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Be the only writer of `root`; gives a function that raises RunError if that has ended.

    Raises
    ------
    OutputError
        If another process is, which lives; the message says which, and since when. Or if the store refuses.
    """
    lease = Lease(ObjectStore(root), name, owner)
    try:
        lease.acquire()
    except OutputError:
        raise
    except Exception as error:  # each store's client has its own classes for a refusal
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error}") from None
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(RENEW_SECONDS):
            with suppress(Exception):  # an outage: the next time, or `check` sees that it is lost
                lease.renew()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield lease.check
    except StoreAwayError:  # the lease ends by itself
        stop.set()
        raise
    except BaseException:
        stop.set()
        lease.release()
        raise
    stop.set()
    lease.release()


def _described(found: Content | None) -> str:
    known = {"process": "?", "host": "?", "user": "?", "since": "?", **_read(found)}
    return f"process {known['process']} of {known['user']} on {known['host']} since {known['since']}"


def _read(found: Content | None) -> dict[str, Any]:
    try:
        known = json.loads(found.data) if found else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}
