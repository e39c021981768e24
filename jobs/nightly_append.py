"""Every night: take a dataset through yesterday, then prove all of it. For cron, systemd, Airflow and their kind.

Append is one step: readers see the dataset with the new day or without it. After any failure, the same command goes on
where it stopped; on a night with nothing to add, it validates what is there. Each night adds a file per archetype.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys

import dask_synth

EPILOG = """example:
  python jobs/nightly_append.py /data/fleet
  python jobs/nightly_append.py /data/fleet --until 2026-01-31
  15 0 * * *  python jobs/nightly_append.py /data/fleet       (crontab)

exit codes:
  0  through that day, and valid
  1  appended, but the dataset is not valid: call somebody, do not retry
  2  wrong input, or another writer is at work: a retry alone does not help, or has to wait
  3  the run failed; what was finished is kept: retry"""


def main() -> int:
    """Append what is missing, validate, say in a line how it went."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", help="a committed dataset")
    parser.add_argument("--until", type=dt.date.fromisoformat, metavar="DATE", help="last day [yesterday, UTC]")
    args = parser.parse_args()

    # A dataset's days are UTC, wherever the night is.
    until = args.until or dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    storage_options = dask_synth.load_config().output.storage_options  # an object store's, from the environment
    dataset = dask_synth.open_dataset(args.path, storage_options)
    before, last = dataset.manifest.rows, dataset.manifest.time[1].date()
    if until > last:
        dataset = dask_synth.append(args.path, until, storage_options=storage_options)
    # On a quiet night too: the last one may have been ended between its append and its proof.
    verdict = dask_synth.validate(dataset)
    rows, day = dataset.manifest.rows, dataset.manifest.time[1].date()
    print(f"{args.path}: through {day}, {rows - before:,} rows added, {rows:,} in all, ", end="")
    print(f"{len(verdict.failures)} of {len(verdict.checks):,} checks failed")
    for check in verdict.failures:
        print(check.message, file=sys.stderr)
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:
        # Whatever it was: one line for the night's mail, and never 1, which says "not valid".
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))
