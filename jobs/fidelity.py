"""Does a fleet behave like real ones? 66 figures of real servers, and the same figures of a dataset, as a table.

The figures, their ranges and definitions stand in `real_traces.csv`. What is looked at is 91 days from the dataset's
first Monday, or as many whole weeks as it has. Hourly figures of finer data are those of its hourly means; a day's P95
is that of its samples, or the value itself where the dataset is daily (27 figures apply). A figure that the dataset has
no data for says what it needs; `--fine` names a dataset of the same fleet at 5min, for those of 5-minute samples.
Correlations between servers are of all pairs of 400 servers, whole pools among them;
near-equal ones are sought within a pool, or within an application where the table of servers names no pools.
A row of the source's table is whole where all its figures lie inside. Its rows 24 to 26, of gaps, rows twice and
servers that are off, have no figures among the 66. All servers count; of the real ones, those with a mean CPU of 1 %.

Servers are measured where they lie: a task holds one partition's, and returns a row a server.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import cloudpickle
import fidelity_figures
import fidelity_fleet
import fidelity_series
import fidelity_table
import pandas as pd
from dask.delayed import Delayed, delayed
from distributed import Client
from fidelity_figures import FIVE, Part, Window
from fidelity_table import FINE

import dask_synth

EPILOG = """example:
  python jobs/fidelity.py /data/fleet
  python jobs/fidelity.py /data/fleet --start 2023-06-01 --json fidelity.json
  python jobs/fidelity.py /data/hourly --fine /data/5min
  python jobs/fidelity.py s3://bucket/fleet --scheduler tcp://127.0.0.1:8786

exit codes: 0 the table was made, whatever it says; 2 wrong input; 3 the run failed"""
LEAST_DAYS = 28
PATIENCE = 600.0


def main() -> int:
    """Measure, print, write."""
    parser, args = arguments()
    storage_options = dask_synth.load_config().output.storage_options  # an object store's, from the environment
    paths = [args.dataset, *filter(None, [args.fine])]
    datasets = [dask_synth.open_dataset(path, storage_options) for path in paths]
    windows = [
        long_enough(parser, path, window_of(dataset.manifest, args.start))
        for path, dataset in zip(paths, datasets, strict=True)
    ]
    if args.fine and windows[1].step > FIVE:
        parser.error(f"--fine {args.fine} has samples every {windows[1].step // 60} minutes; it takes 5min or finer")
    with dask_synth.connect(args.scheduler, dask_synth.Resources(insecure=args.insecure)) as client:
        seen, *fine = (measure(*one, client, args.patience) for one in zip(datasets, windows, strict=True))
    seen |= {name: value for more in fine for name, value in more.items() if name.startswith(FINE)}
    has_incidents = bool(datasets[0].manifest.config.get("events"))
    figures = fidelity_table.scored(seen, windows[0], fine=windows[-1], has_incidents=has_incidents)
    looked = [
        {"dataset": path, "start": f"{window.start:%Y-%m-%d}", "days": window.days}
        for path, window in zip(paths, windows, strict=True)
    ]
    for one, dataset in zip(looked, datasets, strict=True):
        print(f"{one['dataset']}: {one['days']} days from {one['start']}, {dataset.manifest.servers:,} servers")
    print(fidelity_table.table(figures))
    if args.json:
        about = looked[0] | ({"fine": looked[1]} if args.fine else {})
        about |= fidelity_table.counts(figures) | {"table": [one._asdict() for one in figures]}
        args.json.write_text(json.dumps(about, indent=1) + "\n")
    return 0


def long_enough(parser: argparse.ArgumentParser, path: str, window: Window) -> Window:
    """Return a window, or say that it is too short."""
    if window.days < LEAST_DAYS:
        has = f"{window.days} days in whole weeks from Monday {window.start:%Y-%m-%d} on"
        parser.error(f"{path} has {has}; the figures need {LEAST_DAYS}")
    return window


def arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return the parser, which can say what is wrong, and what it read."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", help="folder or URL of a committed dataset")
    parser.add_argument("--fine", metavar="DATASET", help="the same fleet at 5min, for the figures of 5-minute samples")
    parser.add_argument("--start", type=day, metavar="DATE", help="begin at the first Monday from here on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--scheduler", default="local", help="as for `python -m dask_synth generate` [local]")
    parser.add_argument("--insecure", action="store_true", help="allow tcp:// to another machine: it is not encrypted")
    parser.add_argument("--patience", type=seconds, default=PATIENCE, help="give up where no task ends so long [600]")
    return parser, parser.parse_args()


def day(text: str) -> pd.Timestamp:
    """Read YYYY-MM-DD."""
    return pd.Timestamp(dt.date.fromisoformat(text))


def seconds(text: str) -> float:
    """Read a time that ends, and is not over."""
    if not 0 < (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


def window_of(manifest: Any, start: pd.Timestamp | None = None) -> Window:
    """Return the whole weeks to look at, at most 13, from the first Monday on."""
    name = manifest.config["time"]["granularity"]
    step = int(pd.Timedelta({"daily": "1D", "hourly": "1h"}.get(name, name)).total_seconds())
    first, last = (pd.Timestamp(time).tz_localize(None) for time in manifest.time)
    regions = manifest.config["fleet"]["regions"]
    told = {name: region for name, region in regions.items() if isinstance(region, Mapping)}
    zones = {name: region["timezone"] for name, region in told.items() if region.get("timezone")}
    begin = max(first, start) if start is not None else first
    return Window.between(begin, last + pd.Timedelta(seconds=step), step, zones)


def measure(
    dataset: dask_synth.Dataset, window: Window, client: Client, patience: float = PATIENCE
) -> dict[str, float]:
    """Return all figures that the dataset has data for, measured on the client's cluster."""
    pools = pools_of(dataset)
    frame = dataset.frame()[["timestamp", "server_id", "server_type", "region", *fidelity_figures.COLUMNS.values()]]
    frame = frame[(frame["timestamp"] >= window.start) & (frame["timestamp"] < window.end)]
    unique = [delayed(pd.unique)(ids) for ids in frame["server_id"].to_delayed()]
    names = [name for part in gathered(unique, client, patience) for name in part]
    if len(names) > len(set(names)):  # an appended dataset, or a file a year: a server lies in several partitions
        frame = frame.shuffle("server_id", shuffle_method="tasks")
    code = carried(window, fidelity_fleet.sampled(pools))
    shared = delayed(code, name=f"figures-{uuid4().hex}", traverse=False)

    def run(code: bytes, rows: pd.DataFrame) -> Any:
        return pickle.loads(code)(rows)

    tasks = [delayed(run, pure=False)(shared, rows) for rows in frame.to_delayed()]
    parts = [Part(*found) for found in gathered(tasks, client, patience) if found]
    return fidelity_fleet.of_fleet(parts, pools)


def carried(window: Window, sample: frozenset[str]) -> bytes:
    """Return what a worker does with a partition's rows, and the modules that it needs: none of them has jobs/.

    Pickled here and once. What Dask is given as functions, its scheduler pickles again for each worker: a module by
    its name alone where the scheduler's process happens to have one of that name, which ends the worker.
    """

    def measured(rows: pd.DataFrame) -> tuple[pd.DataFrame, ...] | None:
        part = fidelity_figures.measure(rows, window, sample)
        return tuple(part) if part else None  # no class of these modules travels back

    modules = (fidelity_series, fidelity_figures)
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        code: bytes = cloudpickle.dumps(measured)
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return code


def gathered(tasks: Sequence[Delayed], client: Client, patience: float) -> list[Any]:
    """Return the results in order.

    Raises
    ------
    TimeoutError
        If no task ends for `patience` seconds: a cluster without workers would be waited for without end.
    """
    futures = client.compute(list(tasks))
    done: SimpleQueue[Any] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    found: dict[Any, Any] = {}
    try:
        while len(found) < len(futures):
            future = done.get(timeout=patience)
            found[future.key] = future.result(timeout=patience)
    except (Empty, TimeoutError):
        left = f"{len(futures) - len(found)} of {len(futures)} tasks are left"
        hint = "see whether the cluster has workers, or wait for longer with --patience"
        raise TimeoutError(f"no worker ended a task for {patience:g} s, and {left}; {hint}") from None
    return [found[future.key] for future in futures]


def pools_of(dataset: dask_synth.Dataset) -> dict[str, str]:
    """Return each server's pool, or the application that it runs where there are none."""
    with dataset.servers.open("rb") as file:
        is_text = dataset.servers.suffix != ".parquet"
        servers = pd.read_csv(file, keep_default_na=False) if is_text else pd.read_parquet(file)
    alone = servers["server_id"]
    pools = servers["pool"].astype("object") if "pool" in servers else servers["app_name"]
    pools = pools.where(pools.notna() & (pools != ""), alone)
    return dict(zip(servers["server_id"], pools, strict=True))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        # A line, and an exit code that says whether a retry helps.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))
