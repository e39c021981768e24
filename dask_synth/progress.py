"""What a person sees of a run: the plan, a bar while it runs, what came of it. Draws; counts nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dask_synth.pipeline.plan import RunPlan
from dask_synth.pipeline.run import OnReceipt
from dask_synth.storage.dataset import Dataset


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{(task.finished_speed or task.speed or 0) / 1e6:.2f} M rows/s")


def show_plan(console: Console, plan: RunPlan) -> None:
    """Print what a run will make."""
    table = Table(show_header=False, box=None, pad_edge=False)
    archetypes = ", ".join(f"{block.stop - block.start} {block.archetype}" for block in plan.spec.fleet.blocks())
    grid = plan.spec.grid
    sizes = [f"{format_} about {decimal(size)}" for format_, size in plan.estimated_bytes().items()]
    table.add_row("servers", f"{plan.spec.fleet.servers:,} ({archetypes})")
    table.add_row("time", f"{grid.start} to {grid.end}, {grid.granularity}: {grid.size:,} timestamps")
    table.add_row("rows", f"{plan.rows:,} in {len(plan.chunks):,} partitions")
    table.add_row("size", ", ".join(sizes))
    table.add_row("output", plan.config.output.path)
    console.print(table, highlight=False)


@contextmanager
def progress_bar(console: Console, plan: RunPlan) -> Iterator[OnReceipt]:
    """Draw a bar that the receipts fill, with rows a second and the time left; off a terminal, draw nothing."""
    columns = (
        TextColumn("generating"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        _RowsPerSecond(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("generating", total=plan.rows)
        yield lambda receipt: progress.advance(bar, receipt.rows)


def show_result(console: Console, dataset: Dataset, seconds: float) -> None:
    """Print what a run made, and how to load it; off a terminal, one line."""
    manifest = dataset.manifest
    rows, files, size = f"{manifest.rows:,}", f"{len(manifest.files):,}", decimal(manifest.total_bytes())
    if not console.is_terminal:
        line = f"{rows} rows in {files} files, {size}, {seconds:.1f} s: {dataset.path}"
        console.print(line, highlight=False, soft_wrap=True, markup=False)
        return
    table = Table("rows", "files", "size", "seconds", "rows/s", "where")
    where = Text(str(dataset.path), overflow="fold")
    table.add_row(rows, files, size, f"{seconds:.1f}", f"{manifest.rows / seconds:,.0f}", where)
    console.print(table, highlight=False)
    console.print("Load it:", highlight=False)
    for line in (
        "import dask_synth",
        f"ddf = dask_synth.open_dataset({str(dataset.path)!r}).frame()",
        "print(ddf.head())",
    ):
        console.print(f"    {line}", highlight=False, soft_wrap=True, markup=False)
