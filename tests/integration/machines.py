"""A scheduler and workers as processes of their own, as they run on a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.forks import Running as Forked
from tests.integration.forks import forks
from tests.integration.surroundings import environment

READY_SECONDS = 30

Running = subprocess.Popen[bytes]
Process = Running | Forked
Words = Sequence[object]


def until(happened: Callable[[], object], what: str, seconds: float = READY_SECONDS) -> None:
    """Return when it happened; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


@contextmanager
def process(words: Words, log: Path, variables: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a command in the background; end it, whatever happens."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            [str(word) for word in words], stdout=output, stderr=output, env=environment() | dict(variables or {})
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(5)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait(5)


@contextmanager
def forked(words: Words, log: Path) -> Iterator[Forked]:
    """Run ``dask`` with these words, as :func:`process` does, from a process that has imported it."""
    call = "tests.integration.forkserver:dask", list(map(str, words))
    log.touch()
    running = forks().call(*call, folder=log.parent, log=str(log), is_watched=False)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@dataclass
class Machines:
    """A `dask scheduler` and its workers.

    Attributes
    ----------
    folder
        Where logs and the scheduler file lie.
    options
        What scheduler and workers are given alike, such as certificates.
    """

    folder: Path
    stack: ExitStack
    options: Words = ()

    @property
    def file(self) -> Path:
        """The scheduler file."""
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self.file.read_text())["address"])

    def scheduler(self, *options: object, prefix: Words = (), **variables: str) -> Process:
        """Start the scheduler, and return when it listens."""
        words = ("scheduler", "--port", 0, "--no-dashboard", "--scheduler-file", self.file, *options)
        running = self._start("scheduler", (*prefix, sys.executable), words, variables)
        until(self.is_told, "the scheduler's start")
        return running

    def is_told(self) -> bool:
        """Whether the scheduler's file is there, and whole."""
        try:
            return bool(self.address)
        except (FileNotFoundError, ValueError):
            return False

    def worker(
        self,
        name: str,
        *options: object,
        prefix: Words = (),
        python: object = sys.executable,
        **variables: str,
    ) -> Process:
        """Start a worker of one thread and one process, and return when the scheduler knows it."""
        words = ("worker", self.address, "--nthreads", 1, "--name", name, "--no-dashboard", "--no-nanny", *options)
        running = self._start(name, (*prefix, python), words, variables)
        until(lambda: b"Registered to:" in (self.folder / f"{name}.log").read_bytes(), f"the registration of {name}")
        return running

    def _start(self, name: str, python: Words, words: Words, variables: Mapping[str, str]) -> Process:
        log = self.folder / f"{name}.log"
        if tuple(python) == (sys.executable,) and not variables:
            return self.stack.enter_context(forked((*words, *self.options), log))
        return self.stack.enter_context(process([*python, "-m", "dask", *words, *self.options], log, variables))


@contextmanager
def machines(folder: Path, *options: object) -> Iterator[Machines]:
    """Give an empty cluster; end all that was started in it."""
    with ExitStack() as stack:
        yield Machines(folder, stack, options)
