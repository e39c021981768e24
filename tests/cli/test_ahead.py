from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from dask_synth.cli import ahead
from dask_synth.cli.ahead import prepare
from dask_synth.cli.options import After

LOOK = """
import sys
from dask_synth.cli.ahead import prepare
from dask_synth.cli.options import After
prepare(After(no_validate=sys.argv[1] == "True", no_report=sys.argv[2] == "True", recompute=1.0)).join()
print(*sorted({"matplotlib", "bokeh.models", "scipy", "dask_synth.proof.judge"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("no_validate", "no_report", "there"),
    [
        (False, False, ["bokeh.models", "dask_synth.proof.judge", "matplotlib", "scipy"]),
        (False, True, ["dask_synth.proof.judge", "scipy"]),
        (True, False, ["bokeh.models", "matplotlib", "scipy"]),
        (True, True, []),
    ],
)
def test_what_will_be_needed_is_imported_and_nothing_else(no_validate: bool, no_report: bool, there: list[str]) -> None:
    command = [sys.executable, "-c", LOOK, str(no_validate), str(no_report)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == there


def test_what_cannot_be_imported_is_told_by_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("threading.excepthook", told.append)
    monkeypatch.setattr(ahead, "DRAWS", ("dask_synth.no_such_module",))
    prepare(After(no_validate=True, no_report=False, recompute=1.0)).join()
    assert told == []


def test_what_is_there_already_is_looked_through_no_more() -> None:
    gc.unfreeze()
    prepare(After(no_validate=True, no_report=True, recompute=1.0)).join()
    assert gc.get_freeze_count() > 10_000
    gc.unfreeze()
