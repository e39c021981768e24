"""The files in `cluster` that no test can start here say what the program understands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import dask_synth
from dask_synth.cli.commands import main

CLUSTER = Path(dask_synth.__file__).parent.parent / "cluster"
Services = dict[str, dict[str, Any]]


def test_the_s3_configuration_is_valid_and_holds_no_secret() -> None:
    config = dask_synth.load_config(CLUSTER / "s3.yaml")
    assert config.output.path == "s3://fleets/baseline"
    assert config.output.formats == ("parquet",)
    assert not {"key", "secret", "token"} & set(config.output.storage_options)


@pytest.fixture(scope="module")
def services() -> Services:
    found: Services = yaml.safe_load((CLUSTER / "compose.yaml").read_text())["services"]
    return found


def test_what_a_service_waits_for_is_there(services: Services) -> None:
    assert set(services) == {"s3", "scheduler", "worker", "fleet"}
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
    assert services["worker"]["deploy"] == {"replicas": 2}
    assert services["scheduler"]["ports"] == ["127.0.0.1:8787:8787"], "the dashboard is for this machine alone"


def test_all_services_reach_the_same_store(services: Services) -> None:
    stores = [service["environment"] for name, service in services.items()]
    assert all(store == stores[0] for store in stores)
    assert stores[0]["AWS_ENDPOINT_URL"] == "http://s3:8333"


def test_the_command_of_the_fleet_is_one_that_the_program_understands(services: Services) -> None:
    program, *words = shlex.split(str(services["fleet"]["command"]))
    assert program == "dask-synth"
    shown = CliRunner().invoke(main, [*words, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "s3://fleets/baseline" in shown.output
    assert words[words.index("--scheduler") + 1] == "tcp://scheduler:8786"
    assert str(services["worker"]["command"]).startswith("dask worker tcp://scheduler:8786")
