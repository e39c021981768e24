"""The baseline fleet: make it, prove it, load it with Dask, answer a question, draw it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import dask_synth

BASELINE = Path(__file__).parents[1] / "config" / "baseline.yaml"
EPILOG = """example:
  python jobs/baseline.py --output output
  python jobs/baseline.py --servers 30 --output /tmp/small --overwrite

exit codes: 0 made and valid; 1 not valid; 2 wrong input; 3 the run failed"""


def main() -> int:
    """Make, prove, ask, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default=BASELINE, type=Path, help="configuration [config/baseline.yaml]")
    parser.add_argument("--servers", type=int, help="another number of servers than the file's")
    parser.add_argument("--output", default="output", help="folder to make [output]")
    parser.add_argument("--overwrite", action="store_true", help="replace the dataset that is there")
    args = parser.parse_args()

    overrides = {"output.path": args.output}
    if args.servers is not None:
        overrides["fleet.servers"] = args.servers
    config = dask_synth.load_config(args.config, overrides)
    dataset = dask_synth.generate(config, overwrite=args.overwrite)
    verdict = dask_synth.validate(dataset)
    print(f"{dataset.manifest.rows:,} rows, {len(verdict.checks):,} checks, {len(verdict.failures)} failed")
    for check in verdict.failures:
        print(check.message)

    fleet = dataset.frame()  # a Dask DataFrame; nothing is read before compute()
    means = fleet.groupby(["server_type", "is_weekend"], observed=True)[["cpu_p95", "mem_p95"]].mean().compute()
    print(means.sort_index().round(1).to_string())

    picture, page = dask_synth.report(dataset.path)
    print(picture, page, sep="\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except dask_synth.DaskSynthError as error:
        # What a user can act on says its exit code; anything else is a bug, and keeps its traceback.
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
