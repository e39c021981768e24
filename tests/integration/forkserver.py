"""A process of one thread that has imported everything; what it forks need not.

For each connection it forks a process that forks the command, waits for it, and sends its status. It ends with the last
test process that stays connected.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.events import Events

BARE = ("--no-validate", "--no-report")
QUICK = ("--scheduler", "threads:1", "--dashboard-address", "127.0.0.1:0")
WARM = (
    ("--servers", "4", "--start-date", "2024-01-01", "--end-date", "2024-01-10", *BARE, *QUICK, "--output", "it"),
    ("append", "it", "--until", "2024-01-12", *BARE, *QUICK),
    ("validate", "it"),
    ("report", "it"),
    ("verify", "it"),
)
PRELOAD = (
    "dask_synth.cli.commands",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "s3fs",
    "tests.integration.forkserver",
    "tests.integration.rereading",
)
STARTER_SECONDS = 10


def command(words: list[str], patches: Mapping[str, Any]) -> None:
    """Be ``python -m dask_synth``, with some ``module.NAME`` set to other values."""
    for name, value in patches.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(importlib.import_module(module), constant), name
        setattr(sys.modules[module], constant, value)
    sys.argv = ["dask_synth", *words]
    importlib.import_module("dask_synth.cli.commands").main(prog_name="python -m dask_synth")


def command_as(user: int, words: list[str]) -> None:
    """Be the command of another user, who is in no group."""
    os.setgroups([])
    os.setregid(user, user)
    os.setreuid(user, user)
    command(words, {})


def dask(words: list[str]) -> None:
    """Be ``python -m dask``."""
    sys.argv = ["dask", *words]
    importlib.import_module("dask.cli").run_cli()


def script(path: str, words: list[str]) -> None:
    """Be ``python path``."""
    sys.argv = [path, *words]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def _serve(requests: socket.socket, tests: socket.socket) -> None:
    _import_what_a_command_imports()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    tests.settimeout(STARTER_SECONDS)  # the one that started this may have been killed meanwhile
    staying = {_stays(tests)}
    while staying:
        for ready in select.select([requests, tests, *staying], [], [])[0]:
            if ready in staying:
                staying.remove(ready)  # it has ended: it never sends anything
                ready.close()
            elif ready is tests:
                staying.add(_stays(tests))
            else:
                link, _ = requests.accept()
                if os.fork() == 0:
                    for inherited in (requests, tests, *staying):
                        inherited.close()
                    return _handle(link)
                link.close()
    os.killpg(0, signal.SIGKILL)


def _stays(tests: socket.socket) -> socket.socket:
    test, _ = tests.accept()
    with suppress(OSError):
        test.sendall(b".")
    return test


def _import_what_a_command_imports() -> None:
    """Import what is known, and what a run in a process of its own then still needs: a run would start threads."""
    _import(PRELOAD)
    folder = Path(tempfile.mkdtemp())
    if (pid := os.fork()) == 0:
        os.chdir(folder)
        for words in WARM:
            with suppress(SystemExit):
                command(list(words), {})
        (folder / "modules").write_text("\n".join(sys.modules))
        os._exit(0)
    os.waitpid(pid, 0)
    _import((folder / "modules").read_text().split())
    shutil.rmtree(folder)


def _import(names: Iterable[str]) -> None:
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)


def _handle(link: socket.socket) -> None:
    request = json.loads(link.makefile().readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (pid := os.fork()) == 0:
        link.close()
        return _become(**request)
    link.sendall(str(pid).encode())
    ended = os.pidfd_open(pid)
    waited_for: list[socket.socket | int] = [link, ended]
    if link in select.select(waited_for, [], [])[0]:  # the test is gone
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):
        link.sendall(str(status).encode())
    os._exit(0)


def _become(
    function: str, arguments: list[Any], folder: str, files: str, env: dict[str, str], log: str = "", **watch: Any
) -> None:
    for descriptor, path in ((0, os.devnull), (1, log or f"{files}.out"), (2, log or f"{files}.err")):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    if watch.pop("is_watched", True):
        Events(Path(folder), Path(f"{files}.log"), **watch).watch()
    module, _, name = function.partition(":")
    _end(_status(getattr(importlib.import_module(module), name), arguments))


def _status(function: Callable[..., object], arguments: list[Any]) -> int:
    try:
        function(*arguments)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        return end.code or 0
    return 0


def _end(status: int) -> None:
    """End as Python does, but for taking every module apart: that would copy each page which this shares.

    What is started afresh does that, too.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    if os.fork():  # nobody's child, as it may outlive the test process that starts it
        os._exit(0)
    os.setsid()
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
