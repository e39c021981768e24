from __future__ import annotations

import pytest

from tests.integration.surroundings import ROOT
from tests.jobs.conftest import Job

JOBS = ["baseline.py", "fidelity.py", "large_fleet.py", "nightly_append.py", "scaling.py"]


@pytest.mark.parametrize("name", JOBS)
def test_help_has_an_example(job: Job, name: str) -> None:
    done = job(name, "--help")
    assert done.returncode == 0
    assert f"python jobs/{name}" in done.stdout
    assert "exit codes" in done.stdout


@pytest.mark.parametrize("name", JOBS)
def test_a_job_uses_the_public_api_alone(name: str) -> None:
    code = (ROOT / "jobs" / name).read_text()
    assert "import dask_synth\n" in code
    assert "from dask_synth" not in code
    assert "import dask_synth." not in code
