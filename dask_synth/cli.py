"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import click

import dask_synth
from dask_synth.errors import ConfigError, DaskSynthError, Problem

EXIT_FAILED = 3

EPILOG = """Exit codes: 0 done; 1 validation failed; 2 wrong input; 3 the run failed or was interrupted."""


class _DefaultGroup(click.Group):
    """`generate` is what runs when no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h", "--version")):
            args = ["generate", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Turn every error that a user can act on into one message and an exit code."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            count = len(error.problems)
            lines = str(error).splitlines()
            head = "Error in the configuration:" if count == 1 else f"{count} errors in the configuration:"
            click.echo("\n".join([head, *(f"  {line}" for line in lines)]), err=True)
            ctx.exit(error.exit_code)
        except DaskSynthError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted: the dataset is not finished, and has no manifest.", err=True)
            ctx.exit(EXIT_FAILED)


LOG_LEVELS = ("debug", "info", "warning", "error")
SCHEDULER_HELP = "local, threads[:N], processes[:N], tcp://host:port, or a scheduler file."
SET_HELP = "Any key of the configuration, such as --set fleet.mix.web=0.5; the value is YAML. Repeatable."

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


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that make up a configuration."""
    command = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)(command)
    formats = click.option(
        "--format", "formats", multiple=True, metavar="FORMAT", help="parquet or csv; repeat for both [both]."
    )
    command = formats(command)
    for option, key, text in reversed(KEY_OPTIONS):
        command = click.option(option, key.replace(".", "__"), metavar="VALUE", help=text)(command)
    return click.option("--config", "config_path", metavar="FILE", help="YAML file; see `config` for all keys.")(
        command
    )


def _overrides(
    settings: tuple[str, ...], formats: tuple[str, ...], options: dict[str, Any]
) -> dict[str, tuple[Any, str]]:
    from dask_synth.layers import parse_value

    overrides: dict[str, tuple[Any, str]] = {}
    problems = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            problems.append(
                Problem("--set", f"{setting!r} is not KEY=VALUE; write for example --set fleet.servers=200")
            )
            continue
        try:
            overrides[key] = parse_value(text), f"--set {key}"
        except ValueError as error:
            problems.append(Problem(key, f"{error} (from --set)"))
    if problems:
        raise ConfigError(problems)
    for option, key, _ in KEY_OPTIONS:
        if (value := options[key.replace(".", "__")]) is not None:
            overrides[key] = value, option
    if formats:
        overrides["output.formats"] = list(formats), "--format"
    return overrides


@click.group("synth", cls=_DefaultGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dask_synth.__version__, prog_name="dask-synth")
def main() -> None:
    r"""Make fleets of synthetic servers on Dask.

    Without a command, `generate` runs: 120 servers, daily, 2022 to 2025, into ./output.

    \b
    python -m dask_synth                                       the baseline, on this machine
    python -m dask_synth --servers 200 --granularity hourly    7 million rows
    python -m dask_synth --config FILE --dry-run               show the plan, write nothing
    python -m dask_synth config --servers 200                  show every key, and where its value comes from
    python -m dask_synth generate --help                       all options
    """


@main.command(epilog=EPILOG)
@config_options
@click.option("--scheduler", default="local", show_default=True, metavar="WHERE", help=SCHEDULER_HELP)
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing.")
@click.option("--log-level", default="warning", show_default=True, type=click.Choice(LOG_LEVELS), help="What to log.")
def generate(
    config_path: str | None,
    settings: tuple[str, ...],
    formats: tuple[str, ...],
    scheduler: str,
    dry_run: bool,
    log_level: str,
    **options: Any,
) -> None:
    """Make a dataset: Parquet and CSV.gz, and a manifest once it is whole."""
    start = perf_counter()
    from rich.console import Console

    from dask_synth.layers import effective_config
    from dask_synth.pipeline.plan import RunPlan
    from dask_synth.progress import progress_bar, show_plan, show_result

    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config = effective_config(config_path, _overrides(settings, formats, options)).config
    plan = RunPlan.of(config)
    console = Console()
    if dry_run or console.is_terminal:
        show_plan(console, plan)
    if dry_run:
        return
    from dask_synth.pipeline.run import prepare_output
    from dask_synth.pipeline.scheduler import connect

    prepare_output(config)
    with connect(scheduler) as client:
        if console.is_terminal:
            console.print(f"dashboard {client.dashboard_link}", highlight=False)
        with progress_bar(console, plan) as on_receipt:
            dataset = dask_synth.generate(config, client, on_receipt)
    show_result(console, dataset, perf_counter() - start)


@main.command("config")
@config_options
def show_config(config_path: str | None, settings: tuple[str, ...], formats: tuple[str, ...], **options: Any) -> None:
    """Print the effective configuration as YAML, with where each value came from."""
    from dask_synth.layers import as_yaml, effective_config

    click.echo(as_yaml(effective_config(config_path, _overrides(settings, formats, options))), nl=False)


@main.command("report")
@click.argument("path")
@click.option("--scheduler", default="local", show_default=True, metavar="WHERE", help=SCHEDULER_HELP)
def show_report(path: str, scheduler: str) -> None:
    """Draw a dataset at PATH: overview.png and an interactive report.html, both inside it."""
    from dask_synth.pipeline.scheduler import connect
    from dask_synth.quality.report import report
    from dask_synth.storage.dataset import open_dataset

    open_dataset(path)  # a wrong path is said before a cluster starts
    with connect(scheduler) as client:
        for file in report(path, client):
            click.echo(file)
