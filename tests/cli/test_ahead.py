from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from dask_synth.cli import ahead
from dask_synth.cli.ahead import prepare
from dask_synth.cli.options import After
from dask_synth.config.layers import load_config
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import spec_of

NOTHING = After(no_validate=True, no_report=True, recompute=1.0)

# Printed as the process ends, which waits for the thread.
LOOK = """
import sys, threading
from dask_synth.cli.ahead import prepare
from dask_synth.cli.options import After
from dask_synth.config.layers import load_config
from dask_synth.pipeline.plan import spec_of
after = After(no_validate=sys.argv[1] == "True", no_report=sys.argv[2] == "True", recompute=1.0)
prepare(after, spec_of(load_config(None, {"time.end_date": "2022-02-01"})))
for thread in threading.enumerate():
    if thread.name.startswith("ahead"):
        thread.join()
print(*sorted({"matplotlib", "bokeh.models", "dask_synth.proof.judge"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def spec() -> FleetSpec:
    return spec_of(load_config(None, {"time.end_date": "2022-02-01"}))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("no_validate", "no_report", "there"),
    [
        (False, False, ["bokeh.models", "dask_synth.proof.judge", "matplotlib"]),
        (False, True, ["dask_synth.proof.judge"]),
        (True, False, ["bokeh.models", "matplotlib"]),
        (True, True, []),
    ],
)
def test_what_will_be_needed_is_imported_and_nothing_else(no_validate: bool, no_report: bool, there: list[str]) -> None:
    command = [sys.executable, "-c", LOOK, str(no_validate), str(no_report)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == there


def test_theory_is_of_the_fleet_that_is_made_and_only_where_it_is_proved(spec: FleetSpec) -> None:
    theory = prepare(After(no_validate=False, no_report=True, recompute=1.0), spec)
    assert theory is not None
    assert theory.result().spec is spec
    assert prepare(NOTHING, spec) is None


def test_what_cannot_be_imported_is_told_by_what_needs_it(spec: FleetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("threading.excepthook", told.append)
    monkeypatch.setattr(ahead, "DRAWS", ("dask_synth.no_such_module",))
    theory = prepare(After(no_validate=False, no_report=False, recompute=1.0), spec)
    assert theory is not None
    assert theory.result().spec is spec
    assert told == []


def test_what_is_there_already_is_looked_through_no_more(spec: FleetSpec) -> None:
    gc.unfreeze()
    prepare(NOTHING, spec)
    assert gc.get_freeze_count() > 10_000
    gc.unfreeze()
