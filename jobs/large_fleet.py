"""A large fleet on any Dask: generate, go on after a crash, re-hash what landed, prove it.

The same command line again goes on with an interrupted run: parts that are whole stay.
"""

from __future__ import annotations

import argparse
import sys
import time

import dask_synth

EPILOG = """example:
  python jobs/large_fleet.py --servers 2000 --granularity hourly --years 4 --output /data/fleet
  python jobs/large_fleet.py --servers 2000 --output /shared/fleet --scheduler tcp://127.0.0.1:8786
  python jobs/large_fleet.py --servers 2000 --output /shared/fleet --scheduler scheduler.json

schedulers: as `python -m dask_synth generate --help` lists them; certificates for tls:// as Dask is configured

exit codes: 0 made, whole and valid; 1 not whole or not valid; 2 wrong input; 3 the run failed: the same goes on"""


def main() -> int:
    """Generate or resume, verify, validate."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scheduler", default="local", help="where to run, see below [local]")
    parser.add_argument("--servers", type=int, default=1000, help="[1000]")
    parser.add_argument("--granularity", default="hourly", help="daily, hourly, 30min, 15min, 5min or 1min [hourly]")
    parser.add_argument("--years", type=int, default=4, help="from 2022-01-01 on [4]")
    parser.add_argument("--output", required=True, help="folder or URL that every worker reaches")
    parser.add_argument("--insecure", action="store_true", help="allow tcp:// to another machine: it is not encrypted")
    args = parser.parse_args()
    overrides = {"fleet.servers": args.servers, "time.granularity": args.granularity, "time.years": args.years}
    # Parquet alone: workers write its parts side by side, while CSV.gz ends in one file that one of them joins.
    output = {"output.path": args.output, "output.formats": ["parquet"]}
    config = dask_synth.load_config(None, {**overrides, **output})
    with dask_synth.connect(args.scheduler, dask_synth.Resources(insecure=args.insecure)) as client:
        print(f"dashboard {client.dashboard_link}", flush=True)
        start, made = time.perf_counter(), []
        dataset = dask_synth.generate(config, client, lambda receipt: made.append(receipt.rows), resume=True)
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
