"""Ctrl-C and SIGTERM: the first stops the run cleanly and soon, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

from dask_synth.cli.logs import complain, mute_dask

EXIT_INTERRUPTED = 3
GRACE_SECONDS = 3.5
"""After this, what a task in this process still does is not waited for."""

_came = threading.Event()


def check() -> None:
    """Raise KeyboardInterrupt if a signal came: Python drops one that is raised in a finalizer."""
    if _came.is_set():
        raise KeyboardInterrupt


@contextmanager
def stopping(clean_up: Callable[[], None], message: Callable[[], str]) -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on the first signal, and end the process if the block then takes too long.

    Parameters
    ----------
    clean_up
        Called before the process is ended.
    message
        Gives what is printed on stderr when the run has stopped.
    """

    @cache
    def say() -> None:
        complain(message())

    def end() -> None:
        clean_up()
        say()
        os._exit(EXIT_INTERRUPTED)

    deadline = threading.Timer(GRACE_SECONDS, end)
    deadline.daemon = True

    def on_signal(number: int, frame: FrameType | None) -> None:
        if deadline.is_alive():
            os._exit(EXIT_INTERRUPTED)
        deadline.start()
        _came.set()
        mute_dask()
        sys.unraisablehook = lambda _: None
        raise KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        check()
    except KeyboardInterrupt:
        clean_up()
        say()
        # The deadline stays: on its way out the interpreter waits for the threads of tasks.
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        _came.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
