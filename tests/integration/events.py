"""Count what a process does to the files below a folder, and send it a signal right before one of these events."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

PATHS = {
    "open": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
    "fcntl.flock": ((0, None),),
    "fcntl.lockf": ((0, None),),
    "shutil.rmtree": ((0, None),),
}
"""Audit event -> where its arguments are a path, and where the descriptor of the folder that this is relative to."""

EXCHANGE = "renameat2"
"""Called through ctypes, which is seen when the name is looked up."""


HOLD = 0
"""In place of a signal: each thread that comes to this event, or a later one of its kind, stands still for good."""


class Events:
    """The events of this process below a folder, one line each in a log.

    Those that the pattern `of` is found in are counted; right before number `at` of them comes the signal `number`.
    A path that is relative to a descriptor which the event does not tell counts as below the folder: the process works
    in it.
    """

    def __init__(self, folder: Path, log: Path, at: int = 0, number: int = 0, of: str = "") -> None:
        self.folder, self.at, self.number, self.of = f"{folder}/", at, number, re.compile(of)
        self.count = 0
        self.lock = threading.Lock()
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def watch(self) -> None:
        """Begin; there is no end."""
        ctypes.CDLL(None)  # what it looks up itself is none of the code under test
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not (found := self._paths(event, arguments)):
            return
        line = f"{event.removeprefix('os.')} {' '.join(found)}"
        with self.lock:
            is_counted = bool(self.of.search(line))
            self.count += is_counted
            is_it = is_counted and self.count == self.at
            is_held = is_counted and self.count >= self.at > 0 and self.number == HOLD
            os.write(self.log, f"{line}\n".encode())
        while is_held:
            time.sleep(60)
        if is_it and self.number == signal.SIGSTOP:
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # so that this very thread stops here
        elif is_it:
            os.kill(os.getpid(), self.number)

    def _paths(self, event: str, arguments: tuple[Any, ...]) -> list[str]:
        """Return the event's paths below the folder, relative to it."""
        if event == "ctypes.dlsym":
            return [EXCHANGE] if arguments[1] == EXCHANGE else []
        if event not in PATHS or (event == "open" and not arguments[2] & WRITING):
            return []
        full = [
            _full(arguments[path], arguments[folder] if folder and folder < len(arguments) else -1)
            for path, folder in PATHS[event]
        ]
        return [path.removeprefix(self.folder) for path in full if path.startswith(self.folder)]


def _full(path: Any, folder: int | None) -> str:
    if hasattr(path, "fileno"):
        path = path.fileno()
    if isinstance(path, int):
        return _of_descriptor(path)
    above = _of_descriptor(folder) if folder is not None and folder >= 0 else Path.cwd()
    return os.path.normpath(Path(above, os.fsdecode(path)))


def _of_descriptor(number: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{number}").readlink())
    except OSError:
        return ""


def commits(events: Sequence[str]) -> list[int]:
    """Return which events, counted from 1, may be a commit: a manifest that appears, an exchange."""
    return [at for at, event in enumerate(events, 1) if re.search(r"rename .*manifest\.json|renameat2", event)]
