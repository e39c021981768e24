"""Does a fleet behave like real ones? 66 figures of real servers, and the same figures of a dataset, as a table.

The figures, their ranges and definitions stand in `real_traces.csv`. What is looked at is 91 days from the dataset's
first Monday, or as many whole weeks as it has. Hourly figures of finer data are those of its hourly means; a day's P95
is that of its samples, or the value itself where the dataset is daily (27 figures apply). A figure that the dataset has
no data for says what it needs. Correlations between servers are of all pairs of 400 servers, whole pools among them;
near-equal ones are sought within a pool, or within an application where the table of servers names no pools.

Servers are measured where they lie: a task holds one partition's, and returns a row a server.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import fidelity_figures
import fidelity_series
import pandas as pd
from dask.delayed import delayed
from distributed import Client
from fidelity_figures import DAY, FIVE, HOUR, Window

import dask_synth

REAL = Path(__file__).with_name("real_traces.csv")
EPILOG = """example:
  python jobs/fidelity.py /data/fleet
  python jobs/fidelity.py /data/fleet --start 2023-06-01 --json fidelity.json
  python jobs/fidelity.py s3://bucket/fleet --scheduler tcp://127.0.0.1:8786

exit codes: 0 the table was made, whatever it says; 2 wrong input; 3 the run failed"""
FULL_DAYS, LEAST_DAYS = 91, 28
TOLERANCE = 0.2
SAMPLE = 400
BY_HOUR = ("h_", "strong_", "peak_")
INCIDENTS = ("f_", "h_spike_")
UNDEFINED = {
    "h_pair_near": "no two near-equal servers of one pool",
    "h_spike_hour": "no server with 20 such starts",
    "peak_": "no server with such a cycle",
    "d_over_run": "no such days",
    "f_run": "no such samples",
    "f_peak": "no such samples",
    "icc_within": "no type of two servers",
    "p90p10_within": "no type of two servers",
}


class Figure(NamedTuple):
    """One figure of real servers, of servers that are all alike (plain), and of the dataset.

    `value` and `inside` are None where it does not apply.
    """

    row: int
    figure: str
    what: str
    real: float
    low: float
    high: float
    plain: float | None
    value: float | None
    inside: bool | None
    note: str


def main() -> int:
    """Measure, print, write."""
    parser, args = arguments()
    storage_options = dask_synth.load_config().output.storage_options  # an object store's, from the environment
    dataset = dask_synth.open_dataset(args.dataset, storage_options)
    window = window_of(dataset.manifest, args.start)
    if window.days < LEAST_DAYS:
        has = f"{window.days} days in whole weeks from Monday {window.start:%Y-%m-%d} on"
        parser.error(f"{args.dataset} has {has}; the figures need {LEAST_DAYS}")
    with dask_synth.connect(args.scheduler, dask_synth.Resources(insecure=args.insecure)) as client:
        seen = measure(dataset, window, client)
    has_incidents = bool(dataset.manifest.config.get("events"))
    figures = [judged(known, seen, window, has_incidents=has_incidents) for known in real_figures()]
    print(f"{args.dataset}: {window.days} days from {window.start:%Y-%m-%d}, {dataset.manifest.servers:,} servers")
    print(table(figures))
    if args.json:
        about = {"dataset": args.dataset, "start": f"{window.start:%Y-%m-%d}", "days": window.days}
        about |= counts(figures) | {"table": [one._asdict() for one in figures]}
        args.json.write_text(json.dumps(about, indent=1) + "\n")
    return 0


def arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return the parser, which can say what is wrong, and what it read."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", help="folder or URL of a committed dataset")
    parser.add_argument("--start", type=day, metavar="DATE", help="begin at the first Monday from here on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--scheduler", default="local", help="as for `python -m dask_synth generate` [local]")
    parser.add_argument("--insecure", action="store_true", help="allow tcp:// to another machine: it is not encrypted")
    return parser, parser.parse_args()


def day(text: str) -> pd.Timestamp:
    """Read YYYY-MM-DD."""
    return pd.Timestamp(dt.date.fromisoformat(text))


def window_of(manifest: Any, start: pd.Timestamp | None = None) -> Window:
    """Return the whole weeks to look at, at most 13, from the first Monday on."""
    name = manifest.config["time"]["granularity"]
    step = int(pd.Timedelta({"daily": "1D", "hourly": "1h"}.get(name, name)).total_seconds())
    first, last = (pd.Timestamp(time).tz_localize(None) for time in manifest.time)
    begin = (max(first, start) if start is not None else first).ceil("D")
    monday = begin + pd.Timedelta(days=-begin.day_of_week % 7)
    days = max(0, (last + pd.Timedelta(seconds=step) - monday).days)
    regions = manifest.config["fleet"]["regions"]
    told = {name: region for name, region in regions.items() if isinstance(region, Mapping)}
    zones = {name: region["timezone"] for name, region in told.items() if region.get("timezone")}
    return Window(monday, min(FULL_DAYS, days // 7 * 7), step, zones)


def measure(dataset: dask_synth.Dataset, window: Window, client: Client) -> dict[str, float]:
    """Return all figures that the dataset has data for, measured on the client's cluster."""
    pools = pools_of(dataset)
    sample = sampled(pools)
    frame = dataset.frame()[["timestamp", "server_id", "server_type", "region", *fidelity_figures.COLUMNS.values()]]
    frame = frame[(frame["timestamp"] >= window.start) & (frame["timestamp"] < window.end)]
    unique = [delayed(pd.unique)(ids) for ids in frame["server_id"].to_delayed()]
    names = [name for part in client.gather(client.compute(unique)) for name in part]
    if len(names) > len(set(names)):  # an appended dataset, or a file a year: a server lies in several partitions
        frame = frame.shuffle("server_id", shuffle_method="tasks")
    # Workers elsewhere have no jobs/ to import from: what they run goes by value, with all that it calls.
    for module in (fidelity_series, fidelity_figures):
        cloudpickle.register_pickle_by_value(module)

    def measured(rows: pd.DataFrame) -> fidelity_figures.Part | None:
        return fidelity_figures.measure(rows, window, sample)

    tasks = [delayed(measured)(rows) for rows in frame.to_delayed()]
    parts = [part for part in client.gather(client.compute(tasks)) if part is not None]
    return fidelity_figures.of_fleet(parts, pools)


def pools_of(dataset: dask_synth.Dataset) -> dict[str, str]:
    """Return each server's pool, or the application that it runs where there are none."""
    with dataset.servers.open("rb") as file:
        is_text = dataset.servers.suffix != ".parquet"
        servers = pd.read_csv(file, keep_default_na=False) if is_text else pd.read_parquet(file)
    alone = servers["server_id"]
    pools = servers["pool"].astype("object") if "pool" in servers else servers["app_name"]
    pools = pools.where(pools.notna() & (pools != ""), alone)
    return dict(zip(servers["server_id"], pools, strict=True))


def sampled(pools: Mapping[str, str], number: int = SAMPLE) -> frozenset[str]:
    """Return the servers whose correlations are looked at: whole pools for a half, single ones for the rest."""
    if len(pools) <= number:
        return frozenset(pools)
    by_pool = pd.Series(pools).groupby(pd.Series(pools), sort=False)
    shared = [list(group.index) for _, group in by_pool if 1 < len(group) <= number // 2]
    members = [name for group in spread(shared, number // 16) for name in group][: number // 2]
    others = [name for name in pools if name not in set(members)]
    return frozenset(members + spread(others, number - len(members)))


def spread(items: list[Any], number: int) -> list[Any]:
    """Return at most so many, evenly from first to last."""
    return [items[place * len(items) // number] for place in range(number)] if len(items) > number else items


def real_figures() -> list[dict[str, str]]:
    """Return the figures of real servers."""
    with REAL.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def judged(known: Mapping[str, str], seen: Mapping[str, float], window: Window, *, has_incidents: bool) -> Figure:
    """Return a figure beside what was seen of it: inside the range of real servers, or within 20 % of their figure."""
    real, name = float(known["real"]), known["figure"]
    low = float(known["q25"] or (1 - TOLERANCE) * real)
    high = float(known["q75"] or (1 + TOLERANCE) * real)
    value, note = seen.get(name, math.nan), needed(name, window)
    if math.isnan(value) and not note:
        note = next((why for start, why in UNDEFINED.items() if name.startswith(start)), "undefined here")
    if name.startswith(INCIDENTS) and not has_incidents:
        note = "; ".join(filter(None, [note, "real ones have incidents"]))
    head = (int(known["row"]), name, known["what"], real, low, high, float(known["plain"]) if known["plain"] else None)
    return Figure(*head, None, None, note) if math.isnan(value) else Figure(*head, value, low <= value <= high, note)


def needed(name: str, window: Window) -> str:
    """Return what a figure needs that the dataset has not."""
    if name.startswith("f_") and window.step > FIVE:
        return "needs samples every 5 minutes"
    if name.startswith(BY_HOUR) and window.step > HOUR:
        return "needs hourly samples"
    if name.startswith("d_ratio") and window.step >= DAY:
        return "needs samples within the day"
    return "needs 91 days from a Monday" if name.startswith("d_month") and window.days < FULL_DAYS else ""


def counts(figures: list[Figure]) -> dict[str, int]:
    """Return how many figures lie inside, how many apply, and how many there are."""
    applying = [one for one in figures if one.inside is not None]
    return {"inside": sum(bool(one.inside) for one in figures), "apply": len(applying), "figures": len(figures)}


def table(figures: list[Figure]) -> str:
    """Return the figures as a table, and how many lie inside."""
    width = max(len(one.what) for one in figures)
    lines = [f"{'row':>3}  {'what':{width}}  {'real':>8}  {'range':^18}  {'plain':>8}  {'this':>8}  inside"]
    for one in figures:
        inside = {True: "yes", False: "no", None: "-"}[one.inside]
        plain, value = ("-" if number is None else f"{number:.3g}" for number in (one.plain, one.value))
        real = f"{one.real:>8.4g}  {f'[{one.low:.4g}, {one.high:.4g}]':^18}"
        line = f"{one.row:>3}  {one.what:{width}}  {real}  {plain:>8}  {value:>8}  {inside:6}  {one.note}"
        lines.append(line.rstrip())
    number = counts(figures)
    lines.append(f"{number['inside']} of {number['figures']} inside; {number['apply']} apply to this dataset")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        # A line, and an exit code that says whether a retry helps.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))
