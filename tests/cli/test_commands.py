from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml
from click.testing import CliRunner, Result

import dask_synth
from dask_synth.cli.commands import main
from dask_synth.cli.options import KEY_OPTIONS
from dask_synth.config.layers import load_config
from dask_synth.config.run import RunConfig

ROOT = Path(dask_synth.__file__).parent.parent


class Bad(NamedTuple):
    """Wrong input, and what its one message must hold."""

    args: tuple[str, ...]
    says: tuple[str, ...]
    file: str | None = None
    environment: Mapping[str, str] = {}


INDEFINITE = "archetypes: {web: {correlation: {cpu_mem: 0.99}}}\n"
BAD_INPUT = {
    "unknown key in a file": Bad((), ("fleet.srvers", "there is no such key", "'servers'"), "fleet: {srvers: 3}\n"),
    "unknown key in --set": Bad(("--set", "time.granulrity=daily"), ("time.granulrity", "--set", "'granularity'")),
    "unknown archetype": Bad((), ("fleet.mix.wbe", "known are web, application"), "fleet: {mix: {wbe: 1.0}}\n"),
    "shares that sum to 0.9": Bad((), ("fleet.mix", "sum to 0.9", "1"), "fleet: {mix: {web: 0.4, batch: 0.5}}\n"),
    "correlation of 1.2": Bad(
        (),
        ("archetypes.web.correlation.cpu_net", "1.2", "less than or equal to 1"),
        "archetypes: {web: {correlation: {cpu_net: 1.2}}}\n",
    ),
    "matrix not positive definite": Bad((), ("archetypes.web", "not positive definite", "eigenvalue is -"), INDEFINITE),
    "end before start": Bad(("--end-date", "2021-12-31"), ("time", "2021-12-31", "before start_date 2022-01-01")),
    "31 February": Bad(("--start-date", "2022-02-31"), ("time.start_date", "2022-02-31", "--start-date")),
    "31 February in a file": Bad((), ("time.end_date", "2023-02-31"), "time: {end_date: 2023-02-31}\n"),
    "granularity fortnightly": Bad(
        ("--granularity", "fortnightly"), ("time.granularity", "'fortnightly'", "daily, hourly, 30min")
    ),
    "no worker at the least": Bad(("--adaptive", "0:2"), ("--adaptive", "'0:2' is not MIN:MAX", "at least 1")),
    "a report in a folder that is not there": Bad(
        ("--performance-report", "a/b.html"), ("--performance-report", "a/b")
    ),
    "0 servers": Bad(("--servers", "0"), ("fleet.servers", "'0'", "greater than or equal to 1")),
    "-5 servers": Bad(("--servers", "-5"), ("fleet.servers", "-5", "greater than or equal to 1")),
    "many servers": Bad(("--servers", "many"), ("fleet.servers", "'many'", "integer")),
    "missing file": Bad(("--config", "nowhere.yaml"), ("nowhere.yaml", "does not exist")),
    "broken YAML": Bad((), ("run.yaml", "not valid YAML", "line 2"), "fleet: {servers: 3\ntime: [\n"),
    "key given twice": Bad((), ("run.yaml", "'seed' is given twice", "line 2"), "seed: 1\nseed: 2\n"),
    "empty file": Bad((), ("run.yaml", "is empty"), ""),
    "list for a mapping": Bad((), ("run.yaml", "must hold a mapping", "a list"), "- fleet\n"),
    "list for a section": Bad((), ("fleet", "[1, 2]", "a mapping of keys"), "fleet: [1, 2]\n"),
    "text for a list": Bad(("--set", "seasonality.holidays=x"), ("seasonality.holidays", "'x'", "must be a list")),
    "number in a list": Bad(("--set", "seasonality.holidays=[1]"), ("seasonality.holidays.0: 1", "(from --set")),
    "misspelt archetype": Bad(
        ("--set", "archetypes.wbe={growth: 1}"),
        ("archetypes.wbe: base, sd,", "must be given", "did you mean 'archetypes.web'?"),
    ),
    "output that exists": Bad(("--output", "full"), ("output.path", "full", "exists and is not empty", "--output")),
    "output that is a file": Bad(("--output", "full/file"), ("output.path", "file", "is a file")),
    "output below a file": Bad(("--output", "full/file/x"), ("output.path", "cannot be written")),
    "output of too long a name": Bad(("--output", "x" * 300), ("output.path", "cannot be written", "too long")),
    "output of an unknown user": Bad(("--output", "~no-such-user/x"), ("output.path", "cannot be written")),
    "variable with a wrong value": Bad(
        (), ("fleet.servers", "'many'", "DASK_SYNTH__FLEET__SERVERS"), None, {"DASK_SYNTH__FLEET__SERVERS": "many"}
    ),
    "variable that is not YAML": Bad(
        (), ("DASK_SYNTH__FLEET", "not valid YAML"), None, {"DASK_SYNTH__FLEET": "{servers: "}
    ),
    "unknown variable": Bad(
        (), ("DASK_SYNTH__FLET__SERVERS", "did you mean 'fleet'"), None, {"DASK_SYNTH__FLET__SERVERS": "3"}
    ),
    "--set without =": Bad(("--set", "fleet.servers"), ("--set", "'fleet.servers'", "KEY=VALUE")),
    "--set of a key without a name": Bad(("--set", "fleet.=3"), ("--set", "'fleet.=3'", "KEY=VALUE")),
    "--set without a key": Bad(("--set", "=3"), ("--set", "'=3'", "KEY=VALUE")),
    "--set of what is not YAML": Bad(("--set", "fleet.regions=[EU"), ("fleet.regions", "'[EU'", "not valid YAML")),
    "years and end date": Bad(("--years", "2", "--end-date", "2024-12-31"), ("time", "years or end_date, not both")),
    "unknown format": Bad(("--format", "xml"), ("output.formats", "'xml'", "'parquet' or 'csv'")),
    "a format twice": Bad(("--format", "csv", "--format", "csv"), ("output.formats", "listed twice")),
    "unknown scheduler": Bad(("--scheduler", "cloud"), ("--scheduler", "'cloud'", "local, synchronous, threads[:N]")),
    "no workers": Bad(("--scheduler", "threads:0"), ("--scheduler", "'threads:0'", "at least 1")),
    "unknown command": Bad(("verif", "output"), ("No such command 'verif'", "Did you mean 'verify'?")),
    "unknown option": Bad(("--server", "3"), ("--server", "No such option", "--servers")),
}
# A process costs seconds, so a few stand for all in the fast suite.
REPRESENTATIVE = ("unknown key in a file", "many servers", "output that exists", "variable that is not YAML")

Run = Callable[..., Result]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own current folder, in which one output is taken."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(room: Path) -> Run:
    def invoke(*args: str, env: Mapping[str, str] | None = None) -> Result:
        return CliRunner().invoke(main, list(args), env=env, prog_name="python -m dask_synth")

    return invoke


def in_a_process(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(env or {}), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dask_synth", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def arguments(case: Bad, room: Path) -> tuple[str, ...]:
    if case.file is None:
        return case.args
    (room / "run.yaml").write_text(case.file)
    return ("--config", "run.yaml", *case.args)


def assert_refused(code: int, out: str, message: str, case: Bad) -> None:
    assert code == 2
    assert out == ""
    assert "Traceback" not in message
    assert len(message.strip().splitlines()) <= 5
    assert message.count("Error") == 1
    for words in case.says:
        assert words in message


@pytest.mark.parametrize("case", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_with_2_and_one_message_and_nothing_written(case: Bad, run: Run, room: Path) -> None:
    args = arguments(case, room)
    before = everything(room), files(room)
    result = run(*args, env=case.environment)
    assert_refused(result.exit_code, result.stdout, result.stderr, case)
    assert (everything(room), files(room)) == before


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_bad_input_through_the_real_command_line(name: str, room: Path) -> None:
    refused_by_a_process(BAD_INPUT[name], room)


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in BAD_INPUT if name not in REPRESENTATIVE])
def test_all_other_bad_input_through_the_real_command_line(name: str, room: Path) -> None:
    refused_by_a_process(BAD_INPUT[name], room)


def refused_by_a_process(case: Bad, room: Path) -> None:
    args = arguments(case, room)
    before = everything(room), files(room)
    result = in_a_process(*args, env=case.environment)
    assert_refused(result.returncode, result.stdout, result.stderr, case)
    assert (everything(room), files(room)) == before


def test_all_errors_are_told_at_once(run: Run) -> None:
    result = run("--servers", "0", "--granularity", "weekly", "--set", "sed=3")
    assert result.exit_code == 2
    assert "3 errors in the configuration" in result.stderr
    for key in ("fleet.servers", "time.granularity", "sed"):
        assert re.search(rf"^  {re.escape(key)}: ", result.stderr, re.MULTILINE)


def test_a_dry_run_shows_the_plan_and_writes_nothing(run: Run, room: Path) -> None:
    before = everything(room)
    result = run("--dry-run")
    assert result.exit_code == 0
    for words in (
        "42 web, 48 application, 18 database, 12 batch",
        "1,461 timestamps",
        "175,320",
        "parquet",
        "output",
        "parquet about 2.1 MB, csv about 4 MB, servers about 11 kB",
    ):
        assert words in result.stdout
    # How long it takes is another machine's business.
    assert "core" not in result.stdout
    assert everything(room) == before


def test_generate_is_what_runs_without_a_command(run: Run) -> None:
    assert run("generate", "--dry-run", "--servers", "7").stdout == run("--dry-run", "--servers", "7").stdout


def test_a_dry_run_obeys_every_option(run: Run) -> None:
    result = run(
        *("--dry-run", "--servers", "200", "--granularity", "hourly", "--start-date", "2024-02-28"),
        *("--end-date", "2024-03-01", "--output", "elsewhere", "--format", "csv", "--seed", "7"),
    )
    assert result.exit_code == 0
    for words in ("2024-02-28 to 2024-03-01, hourly: 72 timestamps", "14,400", "elsewhere", "csv about"):
        assert words in result.stdout
    assert "parquet" not in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "key", "expected"),
    [
        ("--servers", "7", "fleet.servers", 7),
        ("--start-date", "2023-01-01", "time.start_date", "2023-01-01"),
        ("--end-date", "2024-12-31", "time.end_date", "2024-12-31"),
        ("--years", "2", "time.end_date", "2023-12-31"),
        ("--granularity", "15min", "time.granularity", "15min"),
        ("--seed", "7", "seed", 7),
        ("--output", "7", "output.path", "7"),
        ("--format", "csv", "output.formats", ["csv"]),
        ("--set", "output.formats=csv", "output.formats", ["csv"]),
        ("--set", "archetypes.web.base.cpu=50", "archetypes.web.base.cpu", 50.0),
        ("--set", "fleet.regions=[EU, Asia]", "fleet.regions", {"EU": 1.0, "Asia": 1.0}),
        ("--set", "fleet.regions=EU", "fleet.regions", {"EU": 1.0}),
        ("--set", "output.path=a=b", "output.path", "a=b"),
    ],
)
def test_an_option_sets_its_key_and_says_so(option: str, value: str, key: str, expected: object, run: Run) -> None:
    result = run("config", option, value)
    assert result.exit_code == 0
    found = yaml.load(result.stdout, yaml.SafeLoader)
    for part in key.split("."):
        found = found[part]
    assert found == expected
    assert f"# {option}" in result.stdout


def test_every_option_of_a_key_is_among_those_tried() -> None:
    tried = {"--servers", "--start-date", "--end-date", "--years", "--granularity", "--seed", "--output"}
    assert {option for option, _, _ in KEY_OPTIONS} == tried


def test_the_command_line_stands_above_environment_and_file(run: Run, room: Path) -> None:
    (room / "run.yaml").write_text("seed: 1\nfleet: {servers: 1}\ngrowth: false\n")
    environment = {"DASK_SYNTH__SEED": "2", "DASK_SYNTH__FLEET__SERVERS": "2"}
    result = run("config", "--config", "run.yaml", "--seed", "3", env=environment)
    lines = dict(re.findall(r"^ *(seed|servers|growth|spikes): +(.+?) *$", result.stdout, re.MULTILINE)[:4])
    assert [re.split(" +# +", lines[key]) for key in ("seed", "servers")] == [
        ["3", "--seed"],
        ["2", "DASK_SYNTH__FLEET__SERVERS"],
    ]
    assert re.search(r"^growth: false +# run\.yaml$", result.stdout, re.MULTILINE)
    assert re.search(r"^spikes: true +# default$", result.stdout, re.MULTILINE)


def test_what_config_prints_can_be_fed_back(run: Run, room: Path) -> None:
    options = ("--servers", "7", "--years", "2", "--format", "csv", "--set", "archetypes.web.sd.cpu=1.5")
    (room / "again.yaml").write_text(run("config", *options).stdout)
    config = load_config(room / "again.yaml")
    assert config == load_config(
        None,
        {"fleet.servers": 7, "time.years": 2, "output.formats": ["csv"], "archetypes.web.sd.cpu": 1.5},
    )
    assert config != RunConfig()


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_file_goes_through_a_dry_run(path: Path, run: Run) -> None:
    result = run("--config", str(path), "--dry-run")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("generate", "--help"), ("config", "--help")])
def test_help_is_there(args: tuple[str, ...], run: Run) -> None:
    result = run(*args)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: python -m dask_synth")


def test_help_shows_each_example_on_a_line_of_its_own(run: Run) -> None:
    lines = run("--help").stdout.splitlines()
    examples = [line for line in lines if line.startswith("  python -m dask_synth")]
    assert len(examples) == 5
    assert not any("\\b" in line for line in lines)


def test_help_tells_the_exit_codes_and_every_option_of_generate(run: Run) -> None:
    text = run("generate", "--help").stdout
    assert "2 wrong input" in text
    for option in (*(option for option, _, _ in KEY_OPTIONS), "--config", "--set", "--format", "--dry-run"):
        assert option in text


def test_the_version_is_that_of_the_package(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert dask_synth.__version__ in result.stdout


def test_an_interruption_ends_with_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dask_synth.config.layers.effective_config", interrupt)
    result = run("--dry-run")
    assert result.exit_code == 3
    assert "Interrupted" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_that_fails_ends_with_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask_synth.errors import RunError

    def fail(*_: object) -> None:
        raise RunError("the chunk of web servers 0 to 6 failed: OSError: full")

    monkeypatch.setattr("dask_synth.pipeline.plan.RunPlan.of", fail)
    result = run("--dry-run")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "Error: the chunk of web servers 0 to 6 failed: OSError: full\n"


def test_dask_knows_the_command() -> None:
    (entry,) = importlib.metadata.entry_points(group="dask_cli", name="synth")
    assert entry.value == "dask_synth.cli.commands:main"
    assert isinstance(entry.load(), click.Group)


def test_dask_synth_help_is_shown_by_dask_itself() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "dask", "synth", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "Make fleets of synthetic servers" in result.stdout


def test_with_json_lines_an_error_is_one_too(run: Run) -> None:
    done = run("verify", "nowhere", "--log-format", "json")
    assert done.exit_code == 2
    line = json.loads(done.stderr)
    assert line["level"] == "ERROR"
    assert "nowhere" in line["message"]
