"""The lease, against a store in memory that decides as S3 does; against a real one in tests/integration."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from dask_synth.errors import OutputError, RunError, StoreAwayError
from dask_synth.exactly_once import lease as module
from dask_synth.exactly_once.lease import Lease
from dask_synth.storage.objects import Content


class Memory:
    """An object, a store's word for each of its states, and requests that a test can disturb."""

    root = Path("s3:/bucket/fleet")

    def __init__(self) -> None:
        self.content: Content | None = None
        self.tags = itertools.count()
        self.conditional = True
        self.lose_answers = 0
        self.away = False

    def read(self, name: str) -> Content | None:
        if self.away:
            raise ConnectionError("away")
        return self.content

    def put_if(self, name: str, data: bytes, expected: Content | None) -> bool:
        if self.away:
            raise ConnectionError("away")
        if self.conditional and (self.content and self.content.etag) != (expected and expected.etag):
            return False
        self.content = Content(data, str(next(self.tags)))
        if self.lose_answers:
            # The client tries again, and its own first try is in the way.
            self.lose_answers -= 1
            return False
        return True

    def is_conditional(self, name: str, data: bytes) -> bool:
        return not self.put_if(name, data, Content(b"", "none"))

    def path(self, name: str) -> Memory:
        return self

    def unlink(self, missing_ok: bool) -> None:
        self.content = None


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr("dask_synth.storage.objects.OUTAGE_SECONDS", 0)
    return Memory()


def lease(store: Memory, process: int = 1) -> Lease:
    owner = {"process": process, "user": "somebody", "host": "here", "since": "2026-01-01"}
    return Lease(store, "lock", owner)  # type: ignore[arg-type]  # all of a store that a lease asks for


@pytest.fixture
def living(store: Memory) -> Iterator[Lease]:
    """Hold a lease whose holder renews it."""
    held, stop = lease(store), threading.Event()
    held.acquire()

    def keep() -> None:
        while not stop.wait(0.1):
            held.renew()

    thread = threading.Thread(target=keep)
    thread.start()
    yield held
    stop.set()
    thread.join()


def test_a_lease_is_given_back(store: Memory) -> None:
    for _ in range(2):
        held = lease(store)
        held.acquire()
        held.check()
        held.release()
        assert store.content is None


def test_a_holder_that_lives_is_named_whatever_its_process_number_says(store: Memory, living: Lease) -> None:
    other = lease(store, 2**22 + 1)  # no such process on any machine: another container's may be
    living.owner["process"] = 2**22 + 7
    with pytest.raises(OutputError, match="being written by process 4194311 of somebody on here since 2026-01-01"):
        other.acquire()
    living.check()


def test_a_holder_that_is_gone_is_waited_for_and_finds_out(store: Memory) -> None:
    gone, heir = lease(store, 1), lease(store, 2)
    gone.acquire()
    begin = monotonic()
    heir.acquire()
    assert monotonic() - begin >= 0.6
    heir.check()
    with pytest.raises(RunError, match="another process took over"):
        gone.check()
    gone.release()
    assert store.content is not None, "what is another's is not given back"
    heir.check()


def test_no_clock_but_the_own_counts(store: Memory, living: Lease) -> None:
    assert store.content is not None
    data = store.content.data.replace(b"2026", b"1999")
    with living._turn:
        store.content = Content(data, store.content.etag)
        living._content = store.content
    with pytest.raises(OutputError, match="being written"):
        lease(store, 2).acquire()


def test_a_lost_answer_to_ones_own_request_is_no_refusal(store: Memory) -> None:
    store.lose_answers = 1
    held = lease(store)
    held.acquire()
    store.lose_answers = 1
    held.renew()
    held.check()


def test_an_outage_costs_nothing_where_nobody_else_came(store: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lease(store)
    held.acquire()
    store.away = True
    with pytest.raises(ConnectionError):
        held.renew()
    monkeypatch.setattr(module, "monotonic", lambda: monotonic() + 100)
    with pytest.raises(StoreAwayError, match="does not answer"):
        held.check()
    store.away = False
    held.check()


def test_without_conditions_the_last_of_two_has_it(store: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    store.conditional = False
    one, other = lease(store, 1), lease(store, 2)

    def meanwhile(_: float) -> None:
        monkeypatch.setattr(module, "sleep", lambda _: None)
        other.acquire()

    monkeypatch.setattr(module, "sleep", meanwhile)
    with pytest.raises(OutputError, match="being written by process 2"):
        one.acquire()
    other.check()
