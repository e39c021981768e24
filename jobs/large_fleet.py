"""A large fleet on any Dask: generate, go on after a crash, re-hash what landed, prove it.

The same command line again goes on with an interrupted run: parts that are whole stay.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import dask
from distributed import Client
from upath import UPath

import dask_synth

EPILOG = """example:
  python jobs/large_fleet.py --servers 2000 --granularity hourly --years 4 --output /data/fleet
  python jobs/large_fleet.py --servers 2000 --output /shared/fleet --scheduler tcp://127.0.0.1:8786
  python jobs/large_fleet.py --servers 2000 --output /shared/fleet --scheduler scheduler.json

schedulers: threads[:N], processes[:N], tcp://host:port, tls://host:port (certificates as Dask is configured), or the
file that `dask scheduler` wrote. For Slurm, SSH and Kubernetes: python -m dask_synth --scheduler slurm (and --help).

exit codes: 0 made, whole and valid; 1 not whole or not valid; 2 wrong input; 3 the run failed: the same goes on"""


def client_of(scheduler: str) -> Client:
    """Return a client: of a cluster that is there, or of one on this machine that ends with it."""
    kind, _, count = scheduler.partition(":")
    if kind == "threads":
        # A scheduler in this process has no address, and Dask would guess the machine's outer one for the link.
        dask.config.set({"distributed.dashboard.link": "http://127.0.0.1:{port}/status"})
        threads = int(count) if count else None
        return Client(processes=False, n_workers=1, threads_per_worker=threads, dashboard_address="127.0.0.1:0")
    if kind == "processes":
        return Client(n_workers=int(count) if count else None, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    return Client(scheduler_file=scheduler) if Path(scheduler).is_file() else Client(scheduler, timeout=15)


def begun(path: str, options: dict[str, object]) -> bool:
    """Whether a run was begun, or finished, at a folder or in an object store."""
    root = UPath(path, **options)
    return any((root / name).exists() for name in ("plan.json", "manifest.json"))


def main() -> int:
    """Generate or resume, verify, validate."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scheduler", default="threads", help="where to run, see below [threads]")
    parser.add_argument("--servers", type=int, default=1000, help="[1000]")
    parser.add_argument("--granularity", default="hourly", help="daily, hourly, 30min, 15min, 5min or 1min [hourly]")
    parser.add_argument("--years", type=int, default=4, help="from 2022-01-01 on [4]")
    parser.add_argument("--output", required=True, help="folder or URL that every worker reaches")
    parser.add_argument("--insecure", action="store_true", help="allow tcp:// to another machine: it is not encrypted")
    args = parser.parse_args()
    outside = urlsplit(args.scheduler).hostname not in ("127.0.0.1", "localhost", "::1")
    if args.scheduler.startswith("tcp://") and outside and not args.insecure:
        parser.error(
            f"{args.scheduler} is on another machine and not encrypted; use tls://, or allow it with --insecure"
        )

    overrides = {"fleet.servers": args.servers, "time.granularity": args.granularity, "time.years": args.years}
    # Parquet alone: workers write its parts side by side, while CSV.gz ends in one file that one of them joins.
    output = {"output.path": args.output, "output.formats": ["parquet"]}
    config = dask_synth.load_config(None, {**overrides, **output})
    resume = begun(args.output, config.output.storage_options)
    with client_of(args.scheduler) as client:
        print(f"{'going on' if resume else 'beginning'}; dashboard {client.dashboard_link}", flush=True)
        start, made = time.perf_counter(), []
        dataset = dask_synth.generate(config, client, lambda receipt: made.append(receipt.rows), resume=resume)
        seconds = time.perf_counter() - start
        files = dataset.manifest.files
        print(f"{dataset.manifest.rows:,} rows, {len(files):,} files, {sum(file.bytes for file in files):,} bytes")
        print(f"{len(made)} parts in {seconds:.1f} s: {sum(made) / seconds / 1e6:.2f} M rows/s", flush=True)
        findings = dataset.verify(client)
        for finding in findings:
            print(f"{finding.path}: {finding.what}")
        verdict = dask_synth.validate(dataset, client)
    print(f"{len(findings)} files damaged; {len(verdict.failures)} of {len(verdict.checks):,} checks failed")
    for check in verdict.failures:
        print(check.message)
    return 0 if verdict.passed and not findings else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        # Never 1, which says "not valid"; a scheduler that does not answer is no more than a failed run.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))
