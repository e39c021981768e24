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
    """Log from `level` on to standard error, as one line of text or one JSON object a record."""
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
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


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
        The level that its log has now. At info or debug it is heard as well.
    """
    level = logging.getLogger().level
    level = logging.CRITICAL if level == logging.WARNING else level
    logging.getLogger("distributed").setLevel(level)
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado", "bokeh"):
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).propagate = True
    return level


def complain(message: str) -> None:
    """Say on standard error what ended a command: for machines as one more line of the log."""
    if _form.json:
        logger.error(message)
    else:
        print(message, file=sys.stderr, flush=True)  # noqa: T201
