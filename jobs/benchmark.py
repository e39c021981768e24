"""How fast is it, against the floor? All in one run, so that the ratios hold on a noisy machine.

The floor is what cannot be left out: NumPy drawing the same random numbers and pyarrow writing the same finished table,
on one thread: alone, and one on every core at once. Floors and whole run take turns; the median of each counts.

    python jobs/benchmark.py                    hourly_200 to Parquet
    python jobs/benchmark.py --format csv       to CSV.gz
    python jobs/benchmark.py --compare          threads against processes
    python jobs/benchmark.py --overhead         what exactly-once costs
    python jobs/benchmark.py --validate         what the proof costs
    python jobs/benchmark.py --everything       what proof and report cost, of the whole command
    python jobs/benchmark.py --servers 2000     ten times the rows: is memory flat?
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client

import dask_synth
from dask_synth.clusters.connect import connect
from dask_synth.clusters.heap import keep_freed_memory
from dask_synth.config.run import RunConfig
from dask_synth.model.seeds import Purpose, generator
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_table, servers_table
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.pipeline.submit import Job, run_jobs
from dask_synth.storage.parquet import encode_parquet
from dask_synth.storage.store import LocalStore

FLOOR_CHUNKS = 8
GENERATE_ALONE = ("--no-validate", "--no-report")


class Whole(NamedTuple):
    """One run of the command line, from outside."""

    seconds: float
    cpu_seconds: float
    started_seconds: float
    peak_bytes: int
    bytes_written: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--granularity", default="hourly")
    parser.add_argument("--format", default="parquet", choices=["parquet", "csv"])
    parser.add_argument("--scheduler", default="local")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compare", action="store_true", help="threads against processes")
    parser.add_argument("--overhead", action="store_true", help="the exactly-once dataset against files simply written")
    parser.add_argument("--validate", action="store_true", help="validation against generation")
    parser.add_argument("--everything", action="store_true", help="proof and report against the command without them")
    args = parser.parse_args()
    settings = {"fleet.servers": args.servers, "time.granularity": args.granularity}
    plan = RunPlan.of(dask_synth.load_config(None, settings))
    cores = len(os.sched_getaffinity(0))
    schedulers = [f"threads:{cores}", f"processes:{cores}"] if args.compare else [args.scheduler]
    print(f"{plan.rows:,} rows in {len(plan.chunks)} chunks, {cores} cores, median of {args.runs} runs in turn")
    if args.validate:
        validation(plan, args.runs)
        return
    if args.overhead:
        overhead(plan, args.runs)
        return
    if args.everything:
        everything(args)
        return
    floors: dict[int, list[float]] = {threads: [] for threads in sorted({1, cores})}
    wholes: dict[str, list[Whole]] = {scheduler: [] for scheduler in schedulers}
    for _ in range(args.runs):
        for threads, found in floors.items():
            found.append(floor_seconds_per_row(plan, threads))
        for scheduler in schedulers:
            wholes[scheduler].append(whole_run(args, scheduler))
    for threads, found in floors.items():
        floor = statistics.median(found)
        print(f"floor, {threads} at once: {floor * 1e9:.0f} ns a row, {1 / floor / 1e6:.2f} M rows/s per core")
    for scheduler, runs in wholes.items():
        # In a run of its own: the watcher would compete with what is timed.
        peak = whole_run(args, scheduler, watch=True).peak_bytes
        report(scheduler, runs, peak, (plan.rows, cores), floors)


def floor_seconds_per_row(plan: RunPlan, threads: int) -> float:
    """Draw the random numbers of a few chunks and write their finished tables; return the seconds of a thread a row.

    With one thread, one core works and the others rest. With one a core, each does the same floor at the
    same time: what a core is worth while its neighbours work too.
    """
    chunks = plan.chunks[:: max(1, len(plan.chunks) // FLOOR_CHUNKS)]
    tables = [chunk_table(plan.spec, chunk) for chunk in chunks]
    keep_freed_memory()
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(floor_of, [plan.spec] * len(chunks), chunks, tables))
    rows: int = sum(table.num_rows for table in tables)
    return (time.perf_counter() - start) * threads / rows


def floor_of(spec: FleetSpec, chunk: Chunk, table: pa.Table) -> None:
    """Do for one chunk what cannot be left out."""
    draw(spec, range(chunk.start, chunk.stop))
    encode_parquet(table, "")


def draw(spec: FleetSpec, servers: range) -> None:
    """Draw what the model draws, and throw it away."""
    for server in servers:
        generator(spec.seed, Purpose.NOISE, server).standard_normal((spec.grid.size, 4))
        np.count_nonzero(generator(spec.seed, Purpose.SPIKES, server).random(spec.grid.size))


def validation(plan: RunPlan, runs: int) -> None:
    """Time validation against the generation of the same dataset, on one client."""
    ratios = []
    with connect("local") as client:
        for _ in range(runs + 1):
            with tempfile.TemporaryDirectory() as folder:
                config = parquet_in(folder, plan)
                start = time.perf_counter()
                dataset = dask_synth.generate(config, client)
                made = time.perf_counter()
                dask_synth.validate(dataset, client)
                ratios.append((time.perf_counter() - made) / (made - start))
    counted = ratios[1:]
    print(f"validation against generation: {statistics.median(counted):.2f} times the time", end=" ")
    print(f"({min(counted):.2f} to {max(counted):.2f} in {runs} pairs)")


def parquet_in(folder: str, plan: RunPlan) -> RunConfig:
    """Return the plan's configuration, to Parquet alone, in a folder."""
    changes = {"output": {"path": f"{folder}/fleet", "formats": ["parquet"]}}
    return RunConfig(**{**plan.config.model_dump(), **changes})


def everything(args: argparse.Namespace) -> None:
    """Time the whole command, every row drawn anew and the report included, against generation alone, in turn."""
    pairs = [
        (whole_run(args, args.scheduler), whole_run(args, args.scheduler, after=()))
        for _ in range(args.runs + 1)  # the first pair warms caches
    ][1:]
    for what, field in (("elapsed", "seconds"), ("CPU", "cpu_seconds")):
        alone, whole = ([getattr(run, field) for run in runs] for runs in zip(*pairs, strict=True))
        ratios = [both / one for one, both in zip(alone, whole, strict=True)]
        print(f"everything against generation, {what}: {statistics.median(ratios):.2f} times", end=" ")
        print(f"({min(ratios):.2f} to {max(ratios):.2f} in {args.runs} pairs;", end=" ")
        print(f"{statistics.median(whole):.2f} s against {statistics.median(alone):.2f} s)")


def overhead(plan: RunPlan, runs: int) -> None:
    """Time what makes a dataset exactly-once (lock, plan, rename, digest, manifest) against plain writing.

    The same tasks write plain files, twice: left in the page cache, from which this benchmark deletes them before a
    disk has seen them, and waited for until they are on the disk, as a dataset's are before its commit.
    """
    ratios: dict[str, list[float]] = {"in the page cache": [], "on the disk": []}
    with connect("local") as client:
        for _ in range(runs + 1):
            exact = timed_dataset(plan, client)
            for where, found in ratios.items():
                found.append(exact / timed_plainly(plan, client, settle=where == "on the disk"))
    for where, found in ratios.items():
        counted = found[1:]
        print(f"exactly-once against plain files {where}: {statistics.median(counted):.3f} times the time", end=" ")
        print(f"({min(counted):.3f} to {max(counted):.3f} in {runs} pairs)")


def timed_dataset(plan: RunPlan, client: Client) -> float:
    """Return the seconds that a whole dataset takes."""
    with tempfile.TemporaryDirectory() as folder:
        config = parquet_in(folder, plan)
        start = time.perf_counter()
        dask_synth.generate(config, client)
        return time.perf_counter() - start


def timed_plainly(plan: RunPlan, client: Client, *, settle: bool) -> float:
    """Return the seconds that the same files take without anything that would survive a crash."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        parts = [
            Job("write-plainly", chunk.index, "a chunk", write_plainly, (plan.spec, chunk, folder))
            for chunk in plan.chunks
        ]
        servers = Job("write-servers", 0, "the servers", write_servers_plainly, (plan.spec, folder))
        for _ in run_jobs([servers, *parts], client):
            pass
        if settle:
            LocalStore(Path(folder)).settle(path.name for path in Path(folder).iterdir())
        return time.perf_counter() - start


def write_plainly(spec: FleetSpec, chunk: Chunk, folder: str) -> None:
    """Write one chunk with nothing that would survive a crash."""
    data = encode_parquet(chunk_table(spec, chunk), "")
    Path(folder, f"{chunk.index}.parquet").write_bytes(data)


def write_servers_plainly(spec: FleetSpec, folder: str) -> None:
    """Write the list of servers likewise."""
    pq.write_table(servers_table(spec), Path(folder, "servers.parquet"))


def whole_run(
    args: argparse.Namespace, scheduler: str, *, watch: bool = False, after: Sequence[str] = GENERATE_ALONE
) -> Whole:
    """Run the command line as a user does; if asked, watch the memory of its process tree."""
    folder = Path(tempfile.mkdtemp())
    command = [sys.executable, "-m", "dask_synth", "--scheduler", scheduler, "--servers", str(args.servers)]
    command += ["--granularity", args.granularity, "--format", args.format, "--output", str(folder / "fleet"), *after]
    start, cpu = time.time(), cpu_of_children()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=watch_memory if watch else lambda *_: None, args=(process.pid, peak))
    watcher.start()
    code = process.wait()
    seconds, cpu = time.time() - start, cpu_of_children() - cpu
    watcher.join()
    if code:
        sys.exit(f"{' '.join(command)} failed with exit code {code}")
    dataset = dask_synth.open_dataset(folder / "fleet")
    started = dataset.manifest.created.timestamp() - dataset.manifest.started.timestamp()
    size = sum(entry.bytes for entry in dataset.manifest.files)
    shutil.rmtree(folder)
    return Whole(seconds, cpu, started, peak[0], size)


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that were started here, or by those, and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch_memory(pid: int, peak: list[int]) -> None:
    """Keep the highest sum of resident set sizes of a process and its children; shared pages count once a process."""
    while True:
        try:
            root = psutil.Process(pid)
            if root.status() == psutil.STATUS_ZOMBIE:
                return
            peak[0] = max(peak[0], sum(member.memory_info().rss for member in [root, *root.children(recursive=True)]))
        except psutil.NoSuchProcess:
            if not psutil.pid_exists(pid):
                return
        time.sleep(0.05)


def report(scheduler: str, runs: list[Whole], peak: int, size: tuple[int, int], floors: dict[int, list[float]]) -> None:
    """Print one scheduler's figures; `size` is rows and cores."""
    rows, cores = size
    whole = statistics.median(run.seconds for run in runs)
    started = statistics.median(run.started_seconds for run in runs)
    rate = rows / started
    print(f"{scheduler}:")
    print(f"  whole command      {whole:.2f} s, {rows / whole / 1e6:.2f} M rows/s")
    print(
        f"  once started       {started:.2f} s, {rate / 1e6:.2f} M rows/s, {rate / cores / 1e6:.2f} M rows/s per core"
    )
    # Pair by pair: a floor and the run right after it met the same weather.
    for threads, found in floors.items():
        shares = [rows / run.started_seconds / cores * floor for run, floor in zip(runs, found, strict=True)]
        spread = f"{min(shares):.0%} to {max(shares):.0%}"
        print(f"  share of the floor {statistics.median(shares):.0%} per core, {threads} at once ({spread})")
    print(f"  peak memory        {peak / 2**20:.0f} MiB, the process tree")
    print(f"  bytes a row        {runs[0].bytes_written / rows:.2f}")


if __name__ == "__main__":
    main()
