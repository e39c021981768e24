"""The command line: parse, call, print. No logic."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

import dask_synth
from dask_synth.cli.ahead import Ahead, prepare
from dask_synth.cli.logs import complain, name_run
from dask_synth.cli.options import After, Choice, Where, after_options, config_options, scheduler_options
from dask_synth.cli.session import again, connected, console_of, resumable
from dask_synth.cli.share import recompute_option
from dask_synth.cli.surroundings import speak_any_alphabet
from dask_synth.errors import ConfigError, DamagedManifestError, DaskSynthError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distributed import Client
    from rich.console import Console

    from dask_synth.dataset import Dataset

EXIT_INVALID = 1
EXIT_FAILED = 3

EPILOG = """Exit codes: 0 done; 1 validation failed; 2 wrong input; 3 the run failed or was interrupted."""


class _DefaultGroup(click.Group):
    """`generate` is what runs where no command is named: where nothing, or an option, stands first."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h", "--version")):
            args = ["generate", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Turn every error that a user can act on into one message and an exit code."""
        speak_any_alphabet()
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            count = len(error.problems)
            lines = str(error).splitlines()
            head = "Error in the configuration:" if count == 1 else f"{count} errors in the configuration:"
            complain("\n".join([head, *(f"  {line}" for line in lines)]))
            ctx.exit(error.exit_code)
        except DaskSynthError as error:
            complain(f"Error: {error}")
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            complain("Interrupted.")
            ctx.exit(EXIT_FAILED)


@click.group("synth", cls=_DefaultGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dask_synth.__version__, prog_name="dask-synth")
def main() -> None:
    """Make fleets of synthetic servers on Dask.

    Without a command, `generate` runs: 120 servers, daily, 2022 to 2025, into ./output.

    \b
    python -m dask_synth                                       the baseline, on this machine
    python -m dask_synth --servers 200 --granularity hourly    7 million rows
    python -m dask_synth --config FILE --dry-run               show the plan, write nothing
    python -m dask_synth config --servers 200                  show every key, and where its value comes from
    python -m dask_synth generate --help                       all options
    """  # noqa: D301 (click wants the character, not two)


@main.command(epilog=EPILOG)
@config_options
@click.option("--resume", is_flag=True, help="Go on with an interrupted run; finished parts stay.")
@click.option("--overwrite", is_flag=True, help="Replace the dataset that is there, once the new one is complete.")
@after_options
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing.")
@scheduler_options
def generate(choice: Choice, where: Where, after: After, resume: bool, overwrite: bool, dry_run: bool) -> None:
    """Make a dataset: Parquet and CSV.gz, and a manifest once it is whole."""
    start = perf_counter()
    from dask_synth.cli.progress import progress, show_plan, show_result
    from dask_synth.config.layers import effective_config
    from dask_synth.pipeline.plan import RunPlan

    if resume and overwrite:
        raise ConfigError([Problem("--resume", "cannot be given with --overwrite, which goes on by itself")])
    config = effective_config(choice.path, choice.overrides).config
    plan = RunPlan.of(config)
    console = console_of(where)
    name_run(plan.run_id)
    if dry_run:
        from dask_synth.pipeline.estimate import estimated_sizes

        show_plan(console, plan, estimated_sizes(plan))
        return
    if console.is_terminal:
        show_plan(console, plan)
    from dask_synth.pipeline.run import prepare_output

    root = prepare_output(plan, resume=resume, overwrite=overwrite)
    command = again("--overwrite" if overwrite else "--resume")
    with resumable(root, plan.run_id, command), connected(console, where) as client:
        theory = prepare(after, plan.spec)
        with progress(console, plan) as (tally, on_receipt):
            dataset = dask_synth.generate(config, client, on_receipt, resume=resume, overwrite=overwrite)
        if not tally.whole.chunks:
            click.echo("complete: nothing was left to do")
        show_result(console, dataset, tally, perf_counter() - start)
        _prove(console, dataset, client, after, theory)


@main.command(epilog=EPILOG)
@click.argument("path")
@click.option("--until", required=True, metavar="DATE", help="The new last day, YYYY-MM-DD, included.")
@after_options
@scheduler_options
def append(path: str, until: str, after: After, where: Where) -> None:
    """Add the days after a dataset's end, as one longer run would have made them.

    Interrupted, the same command goes on where it stopped; where there is nothing to add, it says so.
    """
    start = perf_counter()
    from dask_synth.cli.progress import progress, show_plan, show_result
    from dask_synth.pipeline.append import prepare_append

    console = console_of(where)
    dataset = _open(path)
    plan = prepare_append(dataset, until)
    if plan is None:
        dataset = dask_synth.append(dataset.path, until)
        click.echo(f"nothing to add: the dataset ends on {dataset.manifest.time[1].date()}: {dataset.path}")
        return
    name_run(plan.run_id)
    if console.is_terminal:
        show_plan(console, plan)
    with resumable(dataset.path, plan.run_id, again()), connected(console, where) as client:
        theory = prepare(after, plan.spec)
        with progress(console, plan) as (tally, on_receipt):
            dataset = dask_synth.append(dataset.path, until, client, on_receipt)
        show_result(console, dataset, tally, perf_counter() - start)
        _prove(console, dataset, client, after, theory)


@main.command(epilog=EPILOG)
@click.argument("path")
@scheduler_options
@click.pass_context
def verify(ctx: click.Context, path: str, where: Where) -> None:
    """Re-hash every file of a dataset; name each that is missing, changed, or not in the manifest."""
    console = console_of(where)
    try:
        dataset = _open(path)
    except DamagedManifestError as error:
        click.echo(f"Not as committed: {error}")
        ctx.exit(EXIT_INVALID)
    with connected(console, where, dataset.path) as client:
        findings = dataset.verify(client)
    for finding in findings:
        click.echo(f"{finding.path}: {finding.what}")
    files = f"{len(dataset.manifest.files):,} files"
    if findings:
        click.echo(f"{len(findings)} of {files} are not as committed: {dataset.path}")
        ctx.exit(EXIT_INVALID)
    click.echo(f"{files}, {dataset.manifest.total_bytes():,} bytes: all as committed")


@main.command(epilog=EPILOG)
@click.argument("path")
@recompute_option
@scheduler_options
@click.pass_context
def validate(ctx: click.Context, path: str, recompute: float, where: Where) -> None:
    """Test a dataset against the closed-form expectation of its model, and its rows against the seed.

    Leaves validation.json in it.
    """
    console = console_of(where)
    dataset = _open(path)
    with connected(console, where, dataset.path) as client:
        passed = _validate(console, dataset, client, After(no_validate=False, no_report=True, recompute=recompute))
    if not passed:
        ctx.exit(EXIT_INVALID)


@main.command("config")
@config_options
def show_config(choice: Choice) -> None:
    """Print the effective configuration as YAML, with where each value came from."""
    from dask_synth.config.layers import as_yaml, effective_config

    click.echo(as_yaml(effective_config(choice.path, choice.overrides)), nl=False)


@main.command("report", epilog=EPILOG)
@click.argument("path")
@scheduler_options
def show_report(path: str, where: Where) -> None:
    """Draw a dataset: overview.png, and report.html to explore it in a browser; both land beside its manifest."""
    console = console_of(where)
    dataset = _open(path)
    with connected(console, where, dataset.path) as client:
        _report(console, dataset, client)


def _open(path: str) -> Dataset:
    """Open a dataset with the storage options that the environment gives."""
    return dask_synth.open_dataset(path, dask_synth.load_config().output.storage_options)


def _prove(console: Console, dataset: Dataset, client: Client, after: After, theory: Ahead) -> None:
    """Validate and draw what was just committed; exit with 1 if it is not valid."""
    if after.no_validate:
        if not after.no_report:
            _report(console, dataset, client)
        return
    if not _validate(console, dataset, client, after, theory):
        click.get_current_context().exit(EXIT_INVALID)


def _validate(console: Console, dataset: Dataset, client: Client, after: After, theory: Ahead = None) -> bool:
    from dask_synth.cli.verdict_table import show_verdict
    from dask_synth.proof.validate import proved

    with console.status("validating"):
        proof = proved(dataset, client, recompute=after.recompute, picture=not after.no_report, theory=theory)
    show_verdict(console, proof.verdict)
    if not after.no_report:
        from dask_synth.reporting.report import draw

        with console.status("drawing"):
            files = draw(dataset, proof.measured, proof.theory, proof.verdict)
        _name(console, files)
    return proof.verdict.passed


def _report(console: Console, dataset: Dataset, client: Client) -> None:
    with console.status("drawing"):
        files = dask_synth.report(dataset.path, client)
    _name(console, files)


def _name(console: Console, files: Sequence[Path]) -> None:
    for file in files:
        console.print(str(file), highlight=False, soft_wrap=True, markup=False)
