"""What a person sees of a run: the plan, a bar while it runs, what came of it. Draws; counts nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dask_synth.cli.interrupts import check
from dask_synth.exactly_once.committed import Committed
from dask_synth.pipeline.parts import OnReceipt
from dask_synth.pipeline.plan import RunPlan
from dask_synth.pipeline.tally import Tally
from dask_synth.pipeline.write import Receipt

logger = logging.getLogger(__name__)

LOG_SECONDS = 10
"""How often the log tells how far a run is, from level info on."""


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{(task.finished_speed or task.speed or 0) / 1e6:.2f} M rows/s")


def show_plan(console: Console, plan: RunPlan, sizes: Mapping[str, int] | None = None) -> None:
    """Print what a run will make, with the expected sizes where they are known: a run tells its own in the end."""
    table = Table(show_header=False, box=None, pad_edge=False)
    archetypes = ", ".join(f"{block.stop - block.start} {block.archetype}" for block in plan.spec.fleet.blocks())
    grid = plan.spec.grid
    table.add_row("servers", f"{plan.spec.fleet.servers:,} ({archetypes})")
    table.add_row("time", f"{grid.start} to {grid.end}, {grid.granularity}: {grid.size:,} timestamps")
    table.add_row("rows", f"{plan.rows:,} in {len(plan.chunks):,} partitions")
    if plan.config.metrics:
        table.add_row("metrics", ", ".join(plan.spec.metrics.names))
    if sizes:
        table.add_row("size", ", ".join(f"{name} about {_rounded(size)}" for name, size in sizes.items()))
    table.add_row("output", plan.config.output.path)
    console.print(table, highlight=False)


def _rounded(size: int) -> str:
    """Return a size in two digits: no estimate knows more."""
    return decimal(int(float(f"{size:.1e}"))).replace(".0 ", " ")


@contextmanager
def progress(console: Console, plan: RunPlan) -> Iterator[tuple[Tally, OnReceipt]]:
    """Show how far a run is: a bar on a terminal, else a line of the log now and then.

    Yields
    ------
    tally, on_receipt
        What has come, and what is to be called with each receipt.
    """
    columns = (
        TextColumn("generating"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        _RowsPerSecond(),
        TimeRemainingColumn(),
    )
    tally, last = Tally(), monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("generating", total=plan.rows)

        def on_receipt(receipt: Receipt) -> None:
            nonlocal last
            check()
            tally.add(receipt)
            bars.advance(bar, receipt.rows)
            if monotonic() - last >= LOG_SECONDS:
                last = monotonic()
                counts = {"chunks": tally.whole.chunks, "rows": tally.whole.rows, "bytes": tally.whole.bytes}
                percent = 100 * tally.whole.rows / plan.rows
                logger.info("%.0f %% of %s rows", percent, f"{plan.rows:,}", extra=counts)

        logger.info("begun: %s rows in %s chunks", f"{plan.rows:,}", f"{len(plan.chunks):,}")
        yield tally, on_receipt


def show_result(console: Console, dataset: Committed, tally: Tally, seconds: float) -> None:
    """Print what a run made, who made it, and how to load it; off a terminal, a line each."""
    manifest = dataset.manifest
    rows, files, size = f"{manifest.rows:,}", f"{len(manifest.files):,}", decimal(manifest.total_bytes())
    stages = {stage: round(taken, 3) for stage, taken in tally.stages.items()}
    counts = {"rows": tally.whole.rows, "bytes": tally.whole.bytes, "kept": tally.whole.kept, "stages": stages}
    took = ", ".join(f"{stage} {taken:.1f} s" for stage, taken in stages.items())
    logger.info("committed: %s rows in %s files, %s; in tasks: %s", rows, files, size, took, extra=counts)
    if not console.is_terminal:
        line = f"{rows} rows in {files} files, {size}, {seconds:.1f} s: {dataset.path}"
        console.print(line, highlight=False, soft_wrap=True, markup=False)
        _show_workers(console, tally)
        return
    table = Table("rows", "files", "size", "seconds", "rows/s", "where")
    where = Text(str(dataset.path), overflow="fold")
    table.add_row(rows, files, size, f"{seconds:.1f}", f"{manifest.rows / seconds:,.0f}", where)
    console.print(table, highlight=False)
    _show_workers(console, tally)
    console.print("Load it:", highlight=False)
    for line in (
        "import dask_synth",
        f"ddf = dask_synth.open_dataset({str(dataset.path)!r}).frame()",
        "print(ddf.head())",
    ):
        console.print(f"    {line}", highlight=False, soft_wrap=True, markup=False)


def _show_workers(console: Console, tally: Tally) -> None:
    """Print what each worker did, where there was more than one."""
    if len(tally.workers) < 2:
        return
    table = Table(
        "worker", "chunks", "rows", "share", "seconds in tasks", box=None if not console.is_terminal else HEAVY_HEAD
    )
    for name, share in sorted(tally.workers.items(), key=lambda one: -one[1].rows):
        part = f"{share.rows / tally.whole.rows:.0%}"
        table.add_row(name, f"{share.chunks:,}", f"{share.rows:,}", part, f"{share.seconds:.1f}")
    console.print(table, highlight=False)
