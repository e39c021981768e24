"""Generate, resume, overwrite: hold the place, look, make, commit. Wiring; what is done stands elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from distributed import Client

from dask_synth.clusters.connect import connect
from dask_synth.clusters.preflight import check_output
from dask_synth.config.run import RunConfig
from dask_synth.errors import DaskSynthError, RunError
from dask_synth.exactly_once import commit
from dask_synth.exactly_once.admission import Way, look, way
from dask_synth.exactly_once.committed import Committed
from dask_synth.exactly_once.exchange import restore
from dask_synth.exactly_once.lock import Hold, hold
from dask_synth.exactly_once.state import State
from dask_synth.pipeline.parts import OnReceipt, Work, write_parts
from dask_synth.pipeline.plan import RunPlan
from dask_synth.storage.manifest import Manifest, Plan
from dask_synth.storage.places import is_local, place


def generate(
    config: RunConfig,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> Committed:
    """Make a dataset and commit it, as :func:`dask_synth.generate` says."""
    plan = RunPlan.of(config)
    root = prepare_output(plan, resume=resume, overwrite=overwrite)
    # Imports the countries of the holiday library: tasks in threads of this process would all wait for that.
    plan.spec.calendar()
    with nullcontext(client) if client else connect() as running, writing(root) as held:
        # All that was seen before may have changed since: only now nobody else can change it.
        commit.recover(root, held)
        state = State.of(root)
        record = plan.record(state.digest, shared=not is_local(root))
        todo = way(state, record, resume=resume, overwrite=overwrite)
        if todo is Way.NOTHING and state.manifest:
            return Committed(root, state.manifest)
        check_output(running, root)
        work = Work(plan, running, held, on_receipt)
        with commit.given_up(root, record):
            manifest = (_make if todo is Way.MAKE else _replace)(work, root, record, state)
    return Committed(root, manifest)


def prepare_output(plan: RunPlan, *, resume: bool = False, overwrite: bool = False) -> Path:
    """Return the absolute path of a run's output, or raise OutputError if it cannot be made there as asked."""
    root = place(plan.config.output.path, plan.config.output.storage_options)
    way(look(root), plan.record(), resume=resume, overwrite=overwrite)
    return root


@contextmanager
def writing(root: Path) -> Iterator[Hold]:
    """Be the only writer of a place; what a disk or a store refuses ends in a RunError that says what and where."""
    try:
        restore(root)
        with hold(root) as held:
            yield held
    except OSError as error:
        what = f"{error.strerror or error} ({error.filename or root})"
        raise RunError(f"the output cannot be written: {what}") from error
    except DaskSynthError:
        raise
    except Exception as error:
        if is_local(root):
            raise
        # A store's client has classes of its own for a store that is away.
        raise RunError(f"the output cannot be written: {type(error).__name__}: {error} ({root})") from error


def _make(work: Work, place: Path, record: Plan, state: State) -> Manifest:
    plan, started = work.plan, dt.datetime.now(dt.UTC)
    files = write_parts(work, place, record)
    manifest = Manifest(
        run_id=plan.run_id,
        replaces=record.replaces,
        started=started,
        created=dt.datetime.now(dt.UTC),
        config=plan.config.model_dump(mode="json"),
        versions=record.versions,
        categories=plan.spec.fleet.categories(),
        rows=plan.rows,
        servers=plan.spec.fleet.servers,
        time=plan.spec.grid.span(),
        files=files,
    )
    commit.commit(place, manifest, state, work.held)
    if place == state.root:
        commit.succeed(place, place, work.held)
    return manifest


def _replace(work: Work, root: Path, record: Plan, state: State) -> Manifest:
    staged = commit.open_staging(root, record, work.held)
    if staged == root:
        return _make(work, root, record, state)
    there = State.of(staged).manifest if commit.is_complete(staged, record) else None
    manifest = there or _make(work, staged, record, state)
    commit.succeed(staged, root, work.held)
    return manifest
