"""Append to a dataset: the new days as new parts, then one step to the next generation. Wiring."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from distributed import Client

from dask_synth.clusters.connect import connect
from dask_synth.clusters.preflight import check_output
from dask_synth.config.problems import validated
from dask_synth.errors import ConfigError, OutputError, Problem, RunError
from dask_synth.exactly_once import commit
from dask_synth.exactly_once.admission import check_same_versions, check_writable
from dask_synth.exactly_once.committed import Committed, open_committed
from dask_synth.exactly_once.exchange import check_exchangeable, staging_of
from dask_synth.exactly_once.state import State
from dask_synth.pipeline.parts import OnReceipt, Work, write_parts
from dask_synth.pipeline.plan import RunPlan, spec_of
from dask_synth.pipeline.recorded import recorded_config
from dask_synth.pipeline.run import writing
from dask_synth.storage.formats import FORMATS, format_of
from dask_synth.storage.manifest import FileEntry, Manifest, Plan
from dask_synth.storage.names import BEFORE_NAME, CSV_NAME
from dask_synth.storage.places import is_local


def append_plan(dataset: Committed, until: dt.date | str) -> RunPlan | None:
    """Return the plan of the rows that take a dataset through the whole of the day `until`; None if it has them.

    Raises
    ------
    ConfigError
        If `until` is not a day.
    OutputError
        If this installation would not continue the random streams exactly.
    """
    manifest = dataset.manifest
    day = _day(until)
    if day <= manifest.time[1].date():
        return None
    check_same_versions(manifest)
    old = recorded_config(dataset.path, manifest)
    changes = {
        "time": {**manifest.config["time"], "end_date": day},
        "output": {**manifest.config["output"], "path": str(dataset.path)},
    }
    config = validated({**manifest.config, **changes})
    parts = [
        sum(entry.path.startswith(f"{format_.folder}/") for entry in manifest.files) for format_ in FORMATS.values()
    ]
    return RunPlan.of(config, first_row=spec_of(old).grid.size, first_index=next(filter(None, parts), 0))


def _day(day: dt.date | str) -> dt.date:
    if isinstance(day, dt.datetime):  # and pandas' timestamps, which are such
        return day.date()
    try:
        return day if isinstance(day, dt.date) else dt.date.fromisoformat(day)
    except (ValueError, TypeError) as error:
        raise ConfigError([Problem("until", f"{day!r} is not a day: {error}; write YYYY-MM-DD")]) from None


def append(
    path: str | os.PathLike[str],
    until: dt.date | str,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Committed:
    """Add the days after a dataset's end, as :func:`dask_synth.append` says.

    The next generation is completed beside the dataset (old parts are hard links) and takes its place in one step.
    """
    seen = open_committed(path, storage_options)
    if prepare_append(seen, until) is None:
        # What an interrupted append has left goes all the same; a dataset that may not be written has nothing to add.
        with suppress(OutputError, RunError), writing(seen.path) as held:
            commit.recover(seen.path, held)
        return seen
    with nullcontext(client) if client else connect() as running, writing(seen.path) as held:
        # All that was seen before may have changed since: only now nobody else can change it.
        commit.recover(seen.path, held)
        state = State.of(seen.path)
        old = open_committed(seen.path)
        plan = append_plan(old, until)
        if plan is None:
            return old
        check_output(running, old.path)
        record = plan.record(state.digest, shared=not is_local(old.path))
        with commit.given_up(old.path, record):
            manifest = _extend(Work(plan, running, held, on_receipt), old, record, state)
    return Committed(old.path, manifest)


def prepare_append(dataset: Committed, until: dt.date | str) -> RunPlan | None:
    """Do what :func:`append_plan` does, and raise OutputError if the dataset cannot be replaced where it lies."""
    plan = append_plan(dataset, until)
    if plan is not None:
        check_exchangeable(dataset.path)
        check_writable(staging_of(dataset.path))
    return plan


def _extend(work: Work, old: Committed, record: Plan, state: State) -> Manifest:
    started = dt.datetime.now(dt.UTC)
    staged = commit.open_staging(old.path, record, work.held)
    done = State.of(staged).manifest if staged != old.path and commit.is_complete(staged, record) else None
    if done is None:
        files = _write(work, old, staged, record)
        done = _next_generation(old.manifest, work.plan, files, started)
        commit.commit(staged, done, state, work.held)
    commit.succeed(staged, old.path, work.held)
    return done


def _write(work: Work, old: Committed, staged: Path, record: Plan) -> tuple[FileEntry, ...]:
    if staged == old.path:
        kept = [entry for entry in old.manifest.files if format_of(entry.path)]
        return (*kept, *write_parts(work, staged, record))
    commit.begin(staged, record, work.held)
    kept = [entry for entry in old.manifest.files if (known := format_of(entry.path)) and not known.joined]
    before = next((entry for entry in old.manifest.files if entry.path == CSV_NAME), None)
    links = {entry.path: entry.path for entry in kept}
    if before:
        links[CSV_NAME] = BEFORE_NAME
        before = before.model_copy(update={"path": BEFORE_NAME})
    for source, name in links.items():
        _link(old.path / source, staged / name)
    new = write_parts(work, staged, record, before)
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
            "replaces": old.digest,
            "started": started,
            "created": dt.datetime.now(dt.UTC),
            "config": plan.config.model_dump(mode="json"),
            "rows": old.rows + plan.rows,
            "time": (old.time[0], plan.spec.grid.span()[1]),
            "files": files,
        }
    )
