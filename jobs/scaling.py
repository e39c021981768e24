"""How much faster are more workers? Throughput over worker processes, as a table, a CSV file and a picture.

Each number of workers takes its turn in each round, so that a noisy machine is noisy for all of them; the ratios are
taken within a round, and their median counts. What is timed is the second fleet that the workers make: with the first
one they import their libraries and ask the system for their memory.

example:
    python jobs/scaling.py                              hourly_200 on 1, 2, ... worker processes, up to the cores
    python jobs/scaling.py --workers 1 2 --runs 7       more rounds
    python jobs/scaling.py --servers 20 --granularity daily --csv scaling.csv --plot scaling.png

exit codes: 0 done; 2 wrong input
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pandas as pd

import dask_synth


class Measured(NamedTuple):
    """One run: `busy` is the share of the workers' time that was spent in tasks."""

    round: int
    workers: int
    rows: int
    seconds: float
    busy: float


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--workers", type=int, nargs="+", default=list(range(1, cores + 1)), help="numbers to try")
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--granularity", default="hourly")
    parser.add_argument("--format", default="parquet", choices=["parquet", "csv"])
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--csv", type=Path, help="write every run here")
    parser.add_argument("--plot", type=Path, default=Path("scaling.png"), help="draw here [scaling.png]")
    args = parser.parse_args()
    runs = [measure(args, workers, turn) for turn in range(args.runs) for workers in args.workers]
    table = pd.DataFrame(runs)
    table["rows_per_second"] = table.rows / table.seconds
    # The first number of workers that was named is what the others are compared with, in the same round.
    base = table[table.workers == args.workers[0]].set_index("round").rows_per_second
    table["speedup"] = table.rows_per_second / table["round"].map(base)
    summary = table.groupby("workers")[["rows_per_second", "speedup", "busy"]].median()
    print(summary.to_string(float_format=lambda value: f"{value:,.2f}"))
    if args.csv:
        table.to_csv(args.csv, index=False)
    draw(summary, args.plot)
    print(args.plot)


def measure(args: argparse.Namespace, workers: int, turn: int) -> Measured:
    """Make the fleet on so many worker processes of one thread: once to warm them up, then timed."""
    changes = {"fleet.servers": args.servers, "time.granularity": args.granularity, "output.formats": [args.format]}
    receipts: list[Any] = []  # their type is not public
    with tempfile.TemporaryDirectory() as folder, dask_synth.connect(f"processes:{workers}") as client:
        client.wait_for_workers(workers)
        dask_synth.generate(dask_synth.load_config(None, {**changes, "output.path": f"{folder}/warm"}), client)
        config = dask_synth.load_config(None, {**changes, "output.path": f"{folder}/fleet"})
        start = time.perf_counter()
        dask_synth.generate(config, client, receipts.append)
        seconds = time.perf_counter() - start
    rows = sum(receipt.rows for receipt in receipts)
    busy = sum(sum(receipt.seconds.values()) for receipt in receipts)
    return Measured(turn, workers, rows, seconds, busy / seconds / workers)


def draw(summary: pd.DataFrame, path: Path) -> None:
    """Draw the speed-up beside the ideal."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    workers = summary.index.to_numpy()
    axes.plot(workers, workers / workers[0], linestyle="--", color="0.5", label="ideal")
    axes.plot(workers, summary.speedup, marker="o", color="#0072b2", label="measured")
    axes.set(xlabel="worker processes", ylabel="speed-up", title="Generation over worker processes", xticks=workers)
    axes.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
