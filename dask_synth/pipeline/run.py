"""Generate, resume, overwrite: plan, submit, gather, commit. Wiring; what is done stands elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from distributed import Client

from dask_synth.config import RunConfig
from dask_synth.errors import RunError
from dask_synth.pipeline.plan import RunPlan
from dask_synth.pipeline.preflight import check_output
from dask_synth.pipeline.scheduler import connect
from dask_synth.pipeline.submit import Job, chunk_jobs, run_jobs
from dask_synth.pipeline.write import Receipt, Target, join_csv, write_servers
from dask_synth.storage import commit
from dask_synth.storage.dataset import CSV_FOLDER, Dataset
from dask_synth.storage.lock import hold
from dask_synth.storage.manifest import MANIFEST_NAME, PLAN_NAME, FileEntry, Manifest, versions
from dask_synth.storage.places import is_local, place, store_of

OnReceipt = Callable[[Receipt], None]
CheckHold = Callable[[], None]


def generate(
    config: RunConfig,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> Dataset:
    """Make a dataset and commit it.

    Parameters
    ----------
    config
        What to make, and where.
    client
        The cluster that makes it; None starts a local one for this call.
    on_receipt
        Called with each chunk's receipt as it lands.
    resume
        Go on with an interrupted run of the same configuration: parts that are whole stay.
    overwrite
        Replace the dataset, or the unfinished run, that is there; the old one goes when the new one is complete.

    Returns
    -------
    Dataset
        What was committed.

    Raises
    ------
    SchedulerError
        If a worker differs from this process in what decides the bytes, or cannot write the output.
    OutputError
        If the output is not as `resume` and `overwrite` say, is being written, or cannot be written.
    RunError
        If a chunk fails, the output fills up, or no worker is left. What was finished is kept for `resume`.
    """
    plan = RunPlan.of(config)
    root = prepare_output(plan, resume=resume, overwrite=overwrite)
    replaces = overwrite and not commit.is_bare(root)
    # Imports the countries of the holiday library: tasks in threads of this process would all wait for that.
    plan.spec.calendar()
    with nullcontext(client) if client else connect() as running:
        check_output(running, root)
        try:
            if is_local(root):
                root.mkdir(parents=True, exist_ok=True)
            with hold(root) as check_hold:
                if (root / MANIFEST_NAME).exists() and not replaces:
                    tidy(root)
                else:
                    (_replace if replaces else _make)(plan, root, running, on_receipt, check_hold)
        except OSError as error:
            what = f"{error.strerror or error} ({error.filename or root})"
            raise RunError(f"the output cannot be written: {what}") from error
    return Dataset(root, Manifest.from_json((root / MANIFEST_NAME).read_bytes()))


def prepare_output(plan: RunPlan, *, resume: bool = False, overwrite: bool = False) -> Path:
    """Return the absolute path of a run's output, or raise OutputError if it cannot be made there as asked."""
    root = place(plan.config.output.path, plan.config.output.storage_options)
    commit.check_writable(root)
    if resume:
        commit.check_resumable(root, plan.record())
    elif overwrite:
        commit.check_own(root)
    else:
        commit.check_new(root)
    return root


def write_parts(
    plan: RunPlan, root: Path, client: Client, on_receipt: OnReceipt | None, before: FileEntry | None = None
) -> tuple[FileEntry, ...]:
    """Write the plan, all parts that are not there yet, and what is made once a dataset; return the files.

    Parameters
    ----------
    plan, root, client, on_receipt
        As in :func:`generate`.
    before
        The joined CSV.gz file that new rows are appended to.
    """
    store = store_of(root)
    store.clean()
    keep = commit.is_begun(root, plan.run_id)
    if not keep:
        store.put(PLAN_NAME, plan.record().to_json())
    target = Target(root, plan.config.output.formats, plan.run_id, keep)
    servers = Job("write-servers", 0, "the list of servers", write_servers, (plan.spec, target))
    of_chunk: dict[int, tuple[FileEntry, ...]] = {}
    files: list[FileEntry] = []
    try:
        for result in run_jobs(chain([servers], chunk_jobs(plan.spec, plan.chunks, target)), client):
            if not isinstance(result, Receipt):
                files.append(result)
                continue
            of_chunk[result.chunk.index] = result.files
            if on_receipt:
                on_receipt(result)
        entries = [entry for index in sorted(of_chunk) for entry in of_chunk[index]]
        parts = [entry for entry in entries if target.joins and entry.path.startswith(f"{CSV_FOLDER}/")]
        if parts:
            joining = Job("join-csv", 0, "the joined CSV.gz file", join_csv, (parts, target, before))
            files.extend(run_jobs([joining], client))
        return (*(entry for entry in entries if entry not in parts), *files)
    finally:
        store.clean()


def tidy(root: Path) -> None:
    """Remove what only an unfinished run needs. Only after the manifest is there."""
    store = store_of(root)
    if is_local(root):
        for name in list(store.names()):
            if name.startswith(f"{CSV_FOLDER}/"):
                store.remove(name)
        if (root / CSV_FOLDER).is_dir():
            (root / CSV_FOLDER).rmdir()
    store.remove(PLAN_NAME)


def _make(plan: RunPlan, root: Path, client: Client, on_receipt: OnReceipt | None, check_hold: CheckHold) -> None:
    started = dt.datetime.now(dt.UTC)
    files = write_parts(plan, root, client, on_receipt)
    manifest = Manifest(
        run_id=plan.run_id,
        started=started,
        created=dt.datetime.now(dt.UTC),
        config=plan.config.model_dump(mode="json"),
        versions=versions(),
        categories=plan.spec.fleet.categories(),
        rows=plan.rows,
        servers=plan.spec.fleet.servers,
        time=plan.spec.grid.span(),
        files=files,
    )
    check_hold()
    commit.commit(root, manifest)
    tidy(root)


def _replace(plan: RunPlan, root: Path, client: Client, on_receipt: OnReceipt | None, check_hold: CheckHold) -> None:
    staged = commit.open_staging(root, plan.record())
    # In an object store the successor is made where the old dataset is, which is held already.
    with nullcontext(check_hold) if staged == root else hold(staged) as check:
        _make(plan, staged, client, on_receipt, check)
        commit.take_place(staged, root)
