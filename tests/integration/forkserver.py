"""A process of one thread that has imported everything; what it forks need not.

For each connection it forks a process that forks the command, waits for it, and sends its status. It ends with the test
that started it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.events import Events

WARM = ("--servers", "4", "--start-date", "2024-01-01", "--end-date", "2024-01-10", "--no-validate", "--no-report")
PRELOAD = (
    "dask_synth.cli.commands",
    "distributed",
    "s3fs",
    "tests.integration.forkserver",
    "tests.integration.rereading",
)


def command(words: list[str], patches: Mapping[str, Any]) -> None:
    """Be ``python -m dask_synth``, with some ``module.NAME`` set to other values."""
    for name, value in patches.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(importlib.import_module(module), constant), name
        setattr(sys.modules[module], constant, value)
    sys.argv = ["dask_synth", *words]
    importlib.import_module("dask_synth.cli.commands").main(prog_name="python -m dask_synth")


def _serve(listener: socket.socket) -> None:
    _import_what_a_command_imports()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            os.killpg(0, signal.SIGKILL)
        link, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return _handle(link)
        link.close()


def _import_what_a_command_imports() -> None:
    """Import what is known, and what a run in a process of its own then still needs: a run would start threads."""
    _import(PRELOAD)
    folder = Path(tempfile.mkdtemp())
    if (pid := os.fork()) == 0:
        os.chdir(folder)
        for words in ((*WARM, "--output", "it"), ("append", "it", "--until", "2024-01-12", *WARM[-2:])):
            with suppress(SystemExit):
                command([*words, "--scheduler", "threads:1", "--dashboard-address", "127.0.0.1:0"], {})
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
    function: str, arguments: list[Any], folder: str, files: str, at: int, number: int, env: dict[str, str]
) -> None:
    for descriptor, path in ((0, os.devnull), (1, f"{files}.out"), (2, f"{files}.err")):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    os.environ.update(env)
    os.chdir(folder)
    Events(Path(folder), Path(f"{files}.log"), at, number).watch()
    module, _, name = function.partition(":")
    getattr(importlib.import_module(module), name)(*arguments)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
