"""Whether scheduler and workers are there while a run waits for them, and for how long nothing has come.

The time counts since the last result, or since a worker was last seen to come, go, pause or go on: a chunk may take
minutes on a slow machine, and its worker's signs of life would not tell a long task from one that hangs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import dask
from distributed import Client
from distributed.client import ClosedClientError, FutureCancelledError, FuturesCancelledError
from distributed.comm.core import CommClosedError

from dask_synth.clusters.resources import PATIENCE_SECONDS
from dask_synth.errors import RunError

logger = logging.getLogger(__name__)

PATIENCE = "dask-synth.patience"
"""The key of Dask's configuration that says after how many seconds without anything a run gives up."""

FIRST_WORD_SECONDS = 20
"""After this it is said what is waited for; then after three times as long, and so on."""

SILENT_SECONDS = 10
"""A worker of which nothing was heard for so long is named as silent: it tells of itself every few seconds."""

ANSWER_SECONDS = 5
"""How long the scheduler may take to answer before it counts as one that does not."""

GONE = "the scheduler is gone"
LOST = (ClosedClientError, FutureCancelledError, FuturesCancelledError, CommClosedError)


@contextmanager
def reached(client: Client) -> Iterator[None]:
    """Raise RunError in the block where Dask says, in one of its ways, that the scheduler is gone."""
    try:
        yield
    except LOST as error:
        raise RunError(GONE) from error
    except OSError as error:
        if client.status == "running":
            raise
        raise RunError(GONE) from error


def ask(client: Client, question: str, **about: Any) -> Any:
    """Return what the scheduler answers, or None where it does not: one that is stopped still takes questions."""
    if client.scheduler is None:
        return None
    try:
        return client.sync(getattr(client.scheduler, question), callback_timeout=ANSWER_SECONDS, **about)
    except OSError as error:
        logger.debug("the scheduler does not answer: %s", error)
        return None


class Watch:
    """What is seen of a cluster while nothing comes from it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._limit = float(dask.config.get(PATIENCE, PATIENCE_SECONDS))
        self._answered = True
        self._states: dict[str, str] = {}
        self._heard: dict[str, tuple[float, float]] = {}
        self.news()

    def news(self) -> None:
        """Count from now: something came."""
        self._since, self._next_word = monotonic(), float(FIRST_WORD_SECONDS)

    def wait_for_scheduler(self, waiting: Mapping[str, str]) -> None:
        """Return when the scheduler answers, or raise as :meth:`look` does."""
        if self.look(waiting) is not None:
            return
        while self.look(waiting) is None:
            sleep(0.1)
        logger.warning("the scheduler is back; what it lost is done again")

    def look(self, waiting: Mapping[str, str]) -> set[str] | None:
        """Look after scheduler and workers, and say what is waited for when it is time.

        Parameters
        ----------
        waiting
            The keys of the tasks that are under way, with what messages call them.

        Returns
        -------
        set of str or None
            The states that workers are in; None where the scheduler does not answer.

        Raises
        ------
        RunError
            If the scheduler is gone, or nothing has come for too long.
        """
        if self._client.status in ("closing", "closed"):
            raise RunError(GONE)
        # While Dask tries to connect again, a question would only wait for that.
        found = ask(self._client, "identity", n_workers=-1) if self._client.status == "running" else None
        self._answered = found is not None
        if found:
            self._see(found["workers"])
        seconds = monotonic() - self._since
        if seconds >= self._limit:
            raise RunError(f"{self._standstill(waiting, seconds)}; gave up after {self._limit:g} s (--patience)")
        if seconds >= self._next_word:
            self._next_word *= 3
            logger.warning("%s", self._standstill(waiting, seconds))
        return set(self._states.values()) if self._answered else None

    def _see(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        now = monotonic()
        for address, worker in workers.items():
            if self._heard.get(address, (None,))[0] != worker["last_seen"]:
                self._heard[address] = worker["last_seen"], now
        states = {address: worker["status"] for address, worker in workers.items()}
        if states != self._states:
            self._states = states
            self.news()

    def _standstill(self, waiting: Mapping[str, str], seconds: float) -> str:
        """Say for how long nothing has come, and what is waited for."""
        more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        first = next(iter(waiting.values()), "the scheduler")
        if not self._answered:
            return f"the scheduler does not answer, and nothing came for {seconds:.0f} s; waiting for {first}{more}"
        processing = ask(self._client, "processing", workers=None) or {}
        where = {key: worker for worker, keys in processing.items() for key in keys if key in waiting}
        nothing = f"nothing came from any worker for {seconds:.0f} s; waiting for"
        if not where:
            return f"{nothing} {first}, which no worker has taken{more}"
        # All wait, most likely, for the worker that has been silent for longest.
        key = min(where, key=lambda key: self._heard[where[key]][1])
        silence = monotonic() - self._heard[where[key]][1]
        silent = f", silent for {silence:.0f} s" if silence >= SILENT_SECONDS else ""
        return f"{nothing} {waiting[key]} on {where[key]}{silent}{more}"
