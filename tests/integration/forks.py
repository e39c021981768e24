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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.conftest import BARE, environment

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
        return bool(select.select([self.link], [], [], within)[0])

    def is_stopped(self) -> bool:
        """Whether SIGSTOP has stopped it."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    def send(self, number: int) -> None:
        if not self.has_ended():
            os.kill(self.pid, number)

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
    """The server, seen from the tests."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.numbers = count()
        self.address = f"\0{self.folder}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen(100)
            words = [sys.executable, "-m", "tests.integration.forkserver", str(listener.fileno())]
            self.server = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                cwd=self.folder,
                env=environment() | {"OPENBLAS_NUM_THREADS": "1"},  # a thread would not survive the fork
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self.close)

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(10)
        shutil.rmtree(self.folder)

    def call(
        self,
        function: str,
        *arguments: Any,
        folder: Path,
        at: int = 0,
        number: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> Running:
        """Call ``module:function`` in a process that works in `folder`.

        Right before its event number `at` below `folder` it sends itself the signal `number`. It finds an S3 server
        as this process does now.
        """
        store = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        files = self.folder / str(next(self.numbers))
        link = socket.socket(socket.AF_UNIX)
        link.connect(self.address)
        request = {"function": function, "arguments": arguments, "folder": str(folder), "files": str(files)}
        link.sendall(
            json.dumps(request | {"at": at, "number": number, "env": store | dict(env or {})}).encode() + b"\n"
        )
        return Running(link, int(link.recv(100)), files)

    def start(self, words: Sequence[object], folder: Path, **how: Any) -> Running:
        """Start ``python -m dask_synth``."""
        patches = how.pop("patches", {})
        return self.call("tests.integration.forkserver:command", list(map(str, words)), patches, folder=folder, **how)

    def run(self, words: Sequence[object], folder: Path, **how: Any) -> Ended:
        return self.start(words, folder, **how).wait()


@cache
def forks() -> Forks:
    """The server of this test process."""
    return Forks()
