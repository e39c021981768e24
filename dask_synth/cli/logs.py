"""The log: text for people, JSON for machines, the run's id on every line. On standard error."""

from __future__ import annotations

import logging
import sys
import time
from typing import Literal

LogFormat = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
NAMES = {"levelname": "level", "name": "logger", "asctime": "time"}
UTC = "%Y-%m-%dT%H:%M:%SZ"

logger = logging.getLogger("dask_synth")


class _Form(logging.Filter):
    """How this process logs; puts the id of the run on each record, once it is known."""

    json = False
    run_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        if self.run_id:
            record.run_id = self.run_id
        return True


_form = _Form()


def start_logging(level: str, form: LogFormat) -> None:
    """Log from `level` on to standard error, as one line of text or one JSON object a record.

    Below info only dask-synth itself is heard: what Dask and the clients of object stores log at debug holds the very
    messages that they send, credentials too.
    """
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        from pythonjsonlogger.json import JsonFormatter

        formatter = JsonFormatter("{asctime}{levelname}{name}{message}", UTC, "{", rename_fields=NAMES)
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    else:
        handler.setFormatter(_Text(TEXT))
    _form.json, _form.run_id = form == "json", ""
    handler.addFilter(_form)
    handler.addFilter(_is_told)
    logger.setLevel(level.upper())
    logging.basicConfig(level=max(logger.level, logging.INFO), handlers=[handler], force=True)


def _is_told(record: logging.LogRecord) -> bool:
    """Leave out that a good-bye to a cluster took too long: nobody waits for it, and what failed is told by itself."""
    failed = record.exc_info[1] if record.exc_info else None
    unheard = record.name == "asyncio" and record.getMessage().startswith("Future exception was never retrieved")
    return not (unheard and type(failed).__name__ == "TimeoutError")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        run_id = getattr(record, "run_id", "")
        return f"{line} [run {run_id}]" if run_id else line


def name_run(run_id: str) -> None:
    """Put the run's id on every line from here on."""
    _form.run_id = run_id


def quiet_dask() -> int:
    """Hide what Dask says of lost workers and failed tasks, with tracebacks: the run handles them.

    What is heard of it goes the way of all other lines.

    Returns
    -------
    int
        The level that its log has now, also in processes that it starts. At info or debug it is heard, from info on.
    """
    level = logging.getLogger().level
    level = logging.CRITICAL if level == logging.WARNING else level
    for name in logging.root.manager.loggerDict:
        package = name.partition(".")[0]
        if package in ("distributed", "tornado", "bokeh"):
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
        if package == "distributed":
            # Some, such as the client's, have a level of their own.
            logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("distributed").setLevel(level)
    return level


def mute_dask() -> None:
    """Hide what Dask and its event loop say of an interruption: it ends all that is under way, with tracebacks."""
    for name in logging.root.manager.loggerDict:  # some have a level of their own
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio", "bokeh"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def complain(message: str) -> None:
    """Say on standard error what ended a command: for machines as one more line of the log."""
    if _form.json:
        logger.error(message)
    else:
        print(message, file=sys.stderr, flush=True)  # noqa: T201
