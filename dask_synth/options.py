"""The options that several commands share, and what they set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dask_synth.errors import ConfigError, Problem

LOG_LEVELS = ("debug", "info", "warning", "error")
SCHEDULER_HELP = "local, threads[:N], processes[:N], tcp://host:port, or a scheduler file."
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


def overrides_of(
    settings: tuple[str, ...], formats: tuple[str, ...], options: dict[str, Any]
) -> dict[str, tuple[Any, str]]:
    """Return what the options of :func:`config_options` set, as dotted keys with a value and its origin."""
    from dask_synth.sources import parse_value

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


def scheduler_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that works on Dask."""
    levels = click.Choice(LOG_LEVELS)
    log_level = click.option("--log-level", default="warning", show_default=True, type=levels, help="What to log.")
    scheduler = click.option("--scheduler", default="local", show_default=True, metavar="WHERE", help=SCHEDULER_HELP)
    return scheduler(log_level(command))
