"""Commands as processes of their own that start in milliseconds: the client of ``forkserver.py``."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.surroundings import BARE, ROOT, environment

QUICK = ("--scheduler", "threads:1", "--dashboard-address", "127.0.0.1:0", *BARE)
WAIT_SECONDS = 60


class Ended(NamedTuple):
    """What a process left behind; `code` is negative where a signal ended it."""

    code: int
    out: str
    err: str
    events: list[str]


@dataclass
class Running:
    """A forked process."""

    link: socket.socket
    pid: int
    files: Path

    def has_ended(self, within: float = 0) -> bool:
        """Whether it has ended, or does so within some seconds."""
        return self.link.fileno() == -1 or bool(select.select([self.link], [], [], within)[0])

    def is_stopped(self) -> bool:
        """Whether SIGSTOP has stopped it."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def poll(self) -> bool | None:
        """Return None while it runs, as processes of ``subprocess`` do."""
        return self.has_ended() or None

    def send_signal(self, number: int) -> None:
        if not self.has_ended():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float = WAIT_SECONDS) -> Ended:
        """Return what it left, or kill it and fail."""
        with self.link:
            if not self.has_ended(seconds):
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"no end within {seconds} s: {self._read('err')}")
            code = os.waitstatus_to_exitcode(int(self.link.recv(100)))
        ended = Ended(code, self._read("out"), self._read("err"), self._read("log").splitlines())
        for kind in ("out", "err", "log"):
            self.files.with_suffix(f".{kind}").unlink(missing_ok=True)
        return ended

    def _read(self, kind: str) -> str:
        with suppress(FileNotFoundError):
            return self.files.with_suffix(f".{kind}").read_text()
        return ""


class Forks:
    """The server, seen from the tests: one for all processes of a test run, started by the first that needs it.

    It ends with the last of them. What it forks for one of them ends with that one.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.numbers = count()
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", os.getpid())
        self.address, self.staying = f"\0dask-synth forks {run}", f"\0dask-synth tests {run}"
        self.stays = self._stay()
        atexit.register(self.close)

    def _stay(self) -> socket.socket:
        """Return a connection that keeps the server alive; start the server where there is none."""
        while True:
            with suppress(OSError):  # another process of this test run has bound the address
                self._start()
            stays = socket.socket(socket.AF_UNIX)
            with suppress(OSError):  # it is bound, and not listened at yet; or its server ends just now
                stays.connect(self.staying)
                if stays.recv(1):
                    return stays
            stays.close()
            time.sleep(0.01)

    def _start(self) -> None:
        with socket.socket(socket.AF_UNIX) as requests, socket.socket(socket.AF_UNIX) as tests:
            for listener, address in ((requests, self.address), (tests, self.staying)):
                listener.bind(address)
                listener.listen(100)
            numbers = requests.fileno(), tests.fileno()
            subprocess.run(
                [sys.executable, "-m", "tests.integration.forkserver", *map(str, numbers)],
                check=True,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=environment() | {"OPENBLAS_NUM_THREADS": "1"},  # a thread would not survive the fork
                pass_fds=numbers,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def close(self) -> None:
        self.stays.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(
        self, function: str, *arguments: Any, folder: Path, env: Mapping[str, str] | None = None, **how: Any
    ) -> Running:
        """Call ``module:function`` in a process that works in `folder`, in the environment of this one, and `env`.

        Right before its event number `at` below `folder`, or the one of those in whose line the pattern `of` is found,
        it sends itself the signal `number`; not if `is_watched` is False. What it prints may go to the file `log`.
        """
        files = self.folder / str(next(self.numbers))
        link = socket.socket(socket.AF_UNIX)
        link.connect(self.address)
        request: dict[str, Any] = {
            "function": function,
            "arguments": arguments,
            "folder": str(folder),
            "files": str(files),
        }
        request |= {"env": environment() | dict(env or {}), **how}
        link.sendall(json.dumps(request).encode() + b"\n")
        return Running(link, int(link.recv(100)), files)

    def start(self, words: Sequence[object], folder: Path, **how: Any) -> Running:
        """Start ``python -m dask_synth``."""
        patches = how.pop("patches", {})
        return self.call("tests.integration.forkserver:command", list(map(str, words)), patches, folder=folder, **how)

    def run(self, words: Sequence[object], folder: Path, **how: Any) -> Ended:
        return self.start(words, folder, **how).wait()


@cache
def forks() -> Forks:
    """What this test process asks the server through."""
    return Forks()
