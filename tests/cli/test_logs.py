from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from dask_synth.cli.logs import LogFormat, complain, name_run, quiet_dask, start_logging

logger = logging.getLogger("dask_synth.test")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, *others = logging.getLogger(), logging.getLogger("distributed"), logging.getLogger("dask_synth")
    handlers, levels = root.handlers[:], [one.level for one in (root, *others)]
    yield
    start_logging("warning", "text")
    root.handlers[:] = handlers
    for one, level in zip((root, *others), levels, strict=True):
        one.setLevel(level)


def test_json_lines_hold_the_run_its_numbers_and_nothing_to_parse(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info", "json")
    logger.info("before")
    name_run("0123456789abcdef")
    logger.info("at %d %%", 40, extra={"rows": 7})
    complain("Error: the disk is full")
    before, during, after = map(json.loads, capsys.readouterr().err.splitlines())
    assert set(before) == {"time", "level", "logger", "message"}
    assert before["time"].endswith("Z")
    assert during | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "dask_synth.test",
        "message": "at 40 %",
        "rows": 7,
        "run_id": "0123456789abcdef",
    }
    assert (after["level"], after["message"]) == ("ERROR", "Error: the disk is full")
    assert after["run_id"] == "0123456789abcdef"


def test_text_lines_hold_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info", "text")
    name_run("0123")
    logger.info("hello")
    complain("Error: no")
    line, error = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO dask_synth.test: hello [run 0123]")
    assert error == "Error: no"


def test_below_its_level_nothing_is_logged_and_errors_still_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("error", "text")
    logger.warning("quiet")
    complain("loud")
    assert capsys.readouterr().err == "loud\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("level", "dask"), [("warning", logging.CRITICAL), ("info", logging.INFO), ("debug", logging.INFO)]
)
def test_dask_is_heard_only_where_more_was_asked_for(form: LogFormat, level: str, dask: int) -> None:
    start_logging(level, form)
    client = logging.getLogger("distributed.client")
    client.setLevel(logging.DEBUG)  # Dask's own configuration gives it WARNING
    assert quiet_dask() == dask == logging.getLogger("distributed").level == client.getEffectiveLevel()


@pytest.mark.parametrize("name", ["distributed.core", "botocore.auth", "aiobotocore", "s3fs", "fsspec", "asyncio"])
def test_at_debug_nobody_else_is_heard_from_below_info(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("debug", "text")
    quiet_dask()
    logger.debug("ours")
    logging.getLogger(name).debug("a secret")
    logging.getLogger(name).info("theirs")
    ours, theirs = capsys.readouterr().err.splitlines()
    assert ours.endswith("DEBUG dask_synth.test: ours")
    assert theirs.endswith(f"INFO {name}: theirs")


def test_a_good_bye_that_took_too_long_is_not_told_and_other_failures_are(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("warning", "text")
    for failure in (TimeoutError("Timeout"), OSError("disk")):
        text = f"Future exception was never retrieved\nfuture: <Future finished exception={failure!r}>"
        logging.getLogger("asyncio").error(text, exc_info=(type(failure), failure, None))
    told = capsys.readouterr().err
    assert "disk" in told
    assert "Timeout" not in told
