"""Append to a dataset: the new days as new parts, then one step to the next generation. Wiring."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from distributed import Client

from dask_synth.config import RunConfig
from dask_synth.errors import ConfigError, OutputError, Problem, RunError
from dask_synth.pipeline.plan import FleetSpec, RunPlan
from dask_synth.pipeline.preflight import check_output
from dask_synth.pipeline.run import OnReceipt, tidy, write_parts
from dask_synth.pipeline.scheduler import connect
from dask_synth.problems import validated
from dask_synth.storage import commit
from dask_synth.storage.dataset import CSV_FOLDER, CSV_NAME, METRICS, Dataset, open_dataset
from dask_synth.storage.lock import hold
from dask_synth.storage.manifest import FileEntry, Manifest

BEFORE_NAME = "csv/before.csv.gz"


def append_plan(dataset: Dataset, until: dt.date | str) -> RunPlan:
    """Return the plan of the rows that take a dataset through the whole of the day `until`.

    Raises
    ------
    ConfigError
        If `until` is not a day, or does not lie after the dataset's end.
    OutputError
        If this installation would not continue the random streams exactly.
    """
    manifest = dataset.manifest
    commit.check_same_versions(manifest)
    last, day = manifest.time[1].date(), _day(until)
    if day <= last:
        raise ConfigError([Problem("until", f"{day} does not lie after the dataset's last day, {last}")])
    old = RunConfig(**manifest.config)
    changes = {
        "time": {**manifest.config["time"], "end_date": day},
        "output": {**manifest.config["output"], "path": str(dataset.path)},
    }
    config = validated({**manifest.config, **changes})
    parts = sum(entry.path.startswith(f"{METRICS}/") for entry in manifest.files) or sum(
        entry.path.startswith(f"{CSV_FOLDER}/") for entry in manifest.files
    )
    return RunPlan.of(config, first_row=FleetSpec.of(old).grid.size, first_index=parts)


def _day(day: dt.date | str) -> dt.date:
    try:
        return day if isinstance(day, dt.date) else dt.date.fromisoformat(day)
    except ValueError as error:
        raise ConfigError([Problem("until", f"{day!r} is not a day: {error}; write YYYY-MM-DD")]) from None


def append(
    path: str | os.PathLike[str],
    until: dt.date | str,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Add the days after a dataset's end, through the whole of `until`, as one longer run would have made them.

    The next generation is completed beside the dataset (old parts are hard links) and takes its place in one step.
    Interrupted, the same call goes on where it stopped.

    Parameters
    ----------
    path
        A committed dataset.
    until
        The new last day; a string is read as YYYY-MM-DD.
    client, on_receipt
        As in :func:`dask_synth.generate`.
    storage_options
        As in :func:`dask_synth.open_dataset`.

    Returns
    -------
    Dataset
        The new generation.
    """
    old = open_dataset(path, storage_options)
    plan = append_plan(old, until)
    started = dt.datetime.now(dt.UTC)
    with nullcontext(client) if client else connect() as running:
        check_output(running, old.path)
        try:
            with hold(old.path) as check_hold:
                staged = commit.open_staging(old.path, plan.record())
                with nullcontext(check_hold) if staged == old.path else hold(staged) as check:
                    if not commit.is_complete(staged, plan.run_id):
                        files = _write(plan, old, staged, running, on_receipt)
                        manifest = _next_generation(old.manifest, plan, files, started)
                        check()
                        commit.commit(staged, manifest)
                        tidy(staged)
                    commit.take_place(staged, old.path)
        except OSError as error:
            raise RunError(f"the output cannot be written: {error.strerror or error} ({error.filename})") from error
    return open_dataset(old.path)


def _write(
    plan: RunPlan, old: Dataset, staged: Path, client: Client, on_receipt: OnReceipt | None
) -> tuple[FileEntry, ...]:
    if staged == old.path:
        kept = [entry for entry in old.manifest.files if entry.path.startswith((f"{METRICS}/", f"{CSV_FOLDER}/"))]
        return (*kept, *write_parts(plan, staged, client, on_receipt))
    kept = [entry for entry in old.manifest.files if entry.path.startswith(f"{METRICS}/")]
    before = next((entry for entry in old.manifest.files if entry.path == CSV_NAME), None)
    links = {entry.path: entry.path for entry in kept}
    if before:
        links[CSV_NAME] = BEFORE_NAME
        before = before.model_copy(update={"path": BEFORE_NAME})
    for source, name in links.items():
        _link(old.path / source, staged / name)
    new = write_parts(plan, staged, client, on_receipt, before)
    return (*kept, *new)


def _link(source: Path, target: Path) -> None:
    if not source.exists():
        raise OutputError(f"{str(source)!r} is missing, so nothing can be appended; see `verify`")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.hardlink_to(source)


def _next_generation(old: Manifest, plan: RunPlan, files: tuple[FileEntry, ...], started: dt.datetime) -> Manifest:
    return old.model_copy(
        update={
            "generation": old.generation + 1,
            "run_id": plan.run_id,
            "started": started,
            "created": dt.datetime.now(dt.UTC),
            "config": plan.config.model_dump(mode="json"),
            "rows": old.rows + plan.rows,
            "time": (old.time[0], plan.spec.grid.span()[1]),
            "files": files,
        }
    )
