"""The options that several commands share, and what they set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dask_synth.cli.logs import LogFormat
from dask_synth.cli.share import recompute_option
from dask_synth.cli.surroundings import check_dask
from dask_synth.config.presets import presets
from dask_synth.errors import ConfigError, Problem

if TYPE_CHECKING:
    from dask_synth.clusters.resources import Resources

LOG_LEVELS = ("debug", "info", "warning", "error")
SCHEDULER_HELP = """\b
local               threads of this process, on all cores (the default)
synchronous         one thread: for debugging
threads[:N]         N threads of this process
processes[:N]       N worker processes on this machine
tcp://host:port     a scheduler that is running; tls:// likewise
FILE                the scheduler file that `dask scheduler` wrote
ssh:host1,host2     or ssh:FILE, as cluster/ssh.yaml
slurm[:FILE]        batch jobs, as cluster/slurm.yaml; PBS, LSF, SGE too
kubernetes[:FILE]   the Dask operator, as cluster/kubernetes-workers.yaml
Without it, Dask's own setting scheduler-address counts, where there is one."""
CONFIG_HELP = f"YAML file, or a preset: {', '.join(presets())}."
FORMAT_HELP = "parquet or csv; repeat for both [both]."
DASHBOARD = "127.0.0.1:8787"
COUNT = click.IntRange(min=1)
SECONDS = click.FloatRange(min=0)
PATIENCE = click.FloatRange(min=0, min_open=True)
PATIENCE_HELP = "Seconds to wait without any result before giving up."
SET_HELP = "Any key of the configuration, such as --set archetypes.web.base.cpu=60; the value is YAML. Repeatable."

# (option, configuration key, help): each sets one key of the configuration.
KEY_OPTIONS = (
    ("--servers", "fleet.servers", "Number of servers [120]."),
    ("--start-date", "time.start_date", "First day, YYYY-MM-DD [2022-01-01]."),
    ("--end-date", "time.end_date", "Last day, included [2025-12-31]."),
    ("--years", "time.years", "Number of years, instead of --end-date."),
    ("--granularity", "time.granularity", "daily, hourly, 30min, 15min, 5min or 1min [daily]."),
    ("--seed", "seed", "Seed of all random numbers [42]."),
    ("--output", "output.path", "Folder to make [output]."),
)


@dataclass(frozen=True)
class Choice:
    """Which configuration was asked for: a file, and what the options set, as dotted keys with value and origin."""

    path: str | None
    overrides: dict[str, tuple[Any, str]]


@dataclass(frozen=True)
class Where:
    """Where the work shall be done, as it was typed."""

    scheduler: str | None
    workers: int | None
    threads_per_worker: int | None
    memory_limit: str | None
    adaptive: str | None
    wait: float
    patience: float
    upload: bool
    keep_open: bool
    dashboard_address: str
    tls_ca: str | None
    tls_cert: str | None
    tls_key: str | None
    insecure: bool
    performance_report: str | None
    log_level: str
    log_format: LogFormat


@dataclass(frozen=True)
class After:
    """What shall be done with a finished dataset, and what not."""

    no_validate: bool
    no_report: bool
    recompute: float


Command = Callable[..., Any]


def config_options(command: Command) -> Command:
    """Add the options that make up a configuration; the command gets them as `choice`."""
    options = [
        click.option("--config", "config_path", metavar="FILE", help=CONFIG_HELP),
        *(click.option(name, key.replace(".", "__"), metavar="VALUE", help=text) for name, key, text in KEY_OPTIONS),
        click.option("--format", "formats", multiple=True, metavar="FORMAT", help=FORMAT_HELP),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP),
    ]

    @wraps(command)
    def gathered(*args: Any, config_path: str | None, **rest: Any) -> Any:
        typed = {key.replace(".", "__"): rest.pop(key.replace(".", "__")) for _, key, _ in KEY_OPTIONS}
        overrides = overrides_of(rest.pop("settings"), rest.pop("formats"), typed)
        return command(*args, choice=Choice(config_path, overrides), **rest)

    return _with(gathered, options)


def scheduler_options(command: Command) -> Command:
    """Add the options of every command that works on Dask; the command gets them as `where`."""
    options = [
        click.option("--scheduler", metavar="WHERE", help=SCHEDULER_HELP),
        click.option("--workers", type=COUNT, help="Workers of a cluster that this starts."),
        click.option("--threads-per-worker", type=COUNT, help="Threads of each of them."),
        click.option("--memory-limit", metavar="BYTES", help="Memory of each of them, such as 4GiB."),
        click.option("--adaptive", metavar="MIN:MAX", help="Let Dask choose the number of workers by load."),
        click.option("--wait", default=60.0, show_default=True, type=SECONDS, help="Seconds to wait for a worker."),
        click.option("--patience", default=600.0, show_default=True, type=PATIENCE, help=PATIENCE_HELP),
        click.option("--upload", is_flag=True, help="Send this dask-synth to workers that lack it."),
        click.option("--keep-open", is_flag=True, help="Keep the cluster and its dashboard until Enter is pressed."),
        click.option("--dashboard-address", default=DASHBOARD, show_default=True, help="Where our dashboard listens."),
        click.option("--tls-ca", metavar="FILE", help="Certificate of the authority that signed all others."),
        click.option("--tls-cert", metavar="FILE", help="Our certificate."),
        click.option("--tls-key", metavar="FILE", help="The key of our certificate."),
        click.option("--performance-report", metavar="FILE", help="Write Dask's report of the run, an HTML page."),
        click.option("--insecure", is_flag=True, help="Allow tcp:// to another machine, unencrypted."),
        click.option(
            "--log-level", default="warning", show_default=True, type=click.Choice(LOG_LEVELS), help="What to log."
        ),
        click.option(
            "--log-format", default="text", show_default=True, type=click.Choice(["text", "json"]), help="How to log."
        ),
    ]

    @wraps(command)
    def gathered(*args: Any, **rest: Any) -> Any:
        where = Where(**{field.name: rest.pop(field.name) for field in fields(Where)})
        check_dask(where.scheduler)
        return command(*args, where=where, **rest)

    return _with(gathered, options)


def after_options(command: Command) -> Command:
    """Add the options of the commands that make a dataset; the command gets them as `after`."""
    options = [
        click.option("--no-validate", is_flag=True, help="Do not validate what was made."),
        click.option("--no-report", is_flag=True, help="Do not draw overview.png and report.html."),
    ]

    @wraps(command)
    def gathered(*args: Any, no_validate: bool, no_report: bool, recompute: float, **rest: Any) -> Any:
        return command(*args, after=After(no_validate, no_report, recompute), **rest)

    return _with(recompute_option(gathered), options)


def _with(command: Command, options: Sequence[Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def resources_of(where: Where, log_level: int) -> Resources:
    """Return what the options ask of a cluster, or raise ConfigError with everything that is wrong with them."""
    from dask.utils import parse_bytes
    from distributed import Security

    from dask_synth.clusters.resources import Resources

    times = {"--wait": where.wait, "--patience": where.patience}
    problems = [Problem(option, "nan is not a number of seconds") for option, time in times.items() if isnan(time)]
    if where.memory_limit is not None:
        try:
            parse_bytes(where.memory_limit)
        except ValueError:
            problems.append(Problem("--memory-limit", f"{where.memory_limit!r} is not a size; write for example 4GiB"))
    fewest, _, most = (where.adaptive or "1:1").partition(":")
    if not (fewest.isdecimal() and most.isdecimal() and 1 <= int(fewest) <= int(most)):
        problems.append(
            Problem("--adaptive", f"{where.adaptive!r} is not MIN:MAX with MIN of at least 1; write for example 1:10")
        )
    given = {name: getattr(where, name) for name in ("tls_ca", "tls_cert", "tls_key")}
    for name, file in given.items():
        option = "--" + name.replace("_", "-")
        if file is None and any(given.values()):
            problems.append(Problem(option, "must be given too: --tls-ca, --tls-cert and --tls-key go together"))
        elif file is not None and not Path(file).is_file():
            problems.append(Problem(option, f"there is no file {file!r}"))
    report = where.performance_report
    if report is not None and (Path(report).is_dir() or not Path(report).parent.is_dir()):
        problems.append(
            Problem("--performance-report", f"{report!r} cannot be written: name a file in a folder that is there")
        )
    if problems:
        raise ConfigError(problems)
    roles = ("client", "worker", "scheduler")
    pairs = {f"tls_{role}_{part}": given[f"tls_{part}"] for role in roles for part in ("cert", "key")}
    return Resources(
        workers=where.workers,
        threads_per_worker=where.threads_per_worker,
        memory_limit=where.memory_limit,
        adaptive=(int(fewest), int(most)) if where.adaptive else None,
        dashboard=where.dashboard_address,
        security=Security(tls_ca_file=where.tls_ca, require_encryption=True, **pairs) if where.tls_ca else None,
        insecure=where.insecure,
        wait=where.wait,
        patience=where.patience,
        log_level=log_level,
    )


def overrides_of(
    settings: tuple[str, ...], formats: tuple[str, ...], options: dict[str, Any]
) -> dict[str, tuple[Any, str]]:
    """Return what the options of :func:`config_options` set, as dotted keys with a value and its origin."""
    from dask_synth.config.problems import may_be_secret
    from dask_synth.config.sources import ValueTextError, parse_value

    overrides: dict[str, tuple[Any, str]] = {}
    problems = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            shown = "what was given" if may_be_secret(setting) else repr(setting)
            problems.append(Problem("--set", f"{shown} is not KEY=VALUE; write for example --set fleet.servers=200"))
            continue
        try:
            overrides[key] = parse_value(text), f"--set {key}"
        except ValueTextError as error:
            problems.append(Problem(key, f"{error.about(key)} (from --set)"))
    if problems:
        raise ConfigError(problems)
    for option, key, _ in KEY_OPTIONS:
        if (value := options[key.replace(".", "__")]) is not None:
            overrides[key] = value, option
    if formats:
        overrides["output.formats"] = list(formats), "--format"
    return overrides
