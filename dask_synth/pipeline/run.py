"""Generate a dataset on a Dask client: submit, gather receipts, commit. Wiring; what is done stands elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from dask.delayed import delayed
from distributed import Client, Future, as_completed

from dask_synth.config import RunConfig
from dask_synth.errors import OutputError, RunError
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.pipeline.scheduler import connect
from dask_synth.pipeline.write import Receipt, Target, generate_and_write, join_csv, write_servers
from dask_synth.storage.dataset import CSV_FOLDER, Dataset
from dask_synth.storage.manifest import MANIFEST_NAME, FileEntry, Manifest, versions
from dask_synth.storage.store import LocalStore, check_claimable

WINDOW = 1000
"""Tasks that the scheduler knows of at a time: enough to keep a thousand cores busy, whatever the number of chunks."""

OnReceipt = Callable[[Receipt], None]


def generate(config: RunConfig, client: Client | None = None, on_receipt: OnReceipt | None = None) -> Dataset:
    """Make a dataset and commit it.

    Parameters
    ----------
    config
        What to make, and where.
    client
        The cluster that makes it; None starts a local one for this call.
    on_receipt
        Called with each chunk's receipt as it lands.

    Returns
    -------
    Dataset
        What was committed.

    Raises
    ------
    OutputError
        If the output exists or cannot be written.
    RunError
        If a chunk fails; it names the chunk's servers and the cause.
    """
    plan = RunPlan.of(config)
    root = prepare_output(config)
    started = dt.datetime.now(dt.UTC)
    target = Target(root, config.output.formats, plan.run_id)
    with nullcontext(client) if client else connect() as running:
        receipts = []
        for receipt in _write_chunks(plan, target, running):
            receipts.append(receipt)
            if on_receipt:
                on_receipt(receipt)
        receipts.sort(key=lambda receipt: receipt.chunk.index)
        files = _finish_files(plan, target, receipts, running)
    manifest = _manifest(plan, files, started)
    LocalStore(root).put(MANIFEST_NAME, manifest.to_json())
    return Dataset(root, manifest)


def prepare_output(config: RunConfig) -> Path:
    """Return the absolute path of a run's output, or raise OutputError if no dataset can be made there."""
    try:
        root = Path(config.output.path).expanduser().absolute()
    except RuntimeError as error:  # ~ and a user whom this machine does not have
        raise OutputError(f"output.path: {config.output.path!r} cannot be written: {error}") from None
    check_claimable(root)
    return root


def _write_chunks(plan: RunPlan, target: Target, client: Client) -> Iterator[Receipt]:
    """Run one task a chunk, at most WINDOW of them known to the scheduler, and yield receipts as they come."""
    token = uuid4().hex
    # A task of its own, so that the graph holds the specification once, not once a chunk.
    spec = delayed(plan.spec, name=f"fleet-spec-{token}", traverse=False)
    write = delayed(generate_and_write, pure=False)
    tasks = {f"generate-and-write-{token}-{chunk.index}": chunk for chunk in plan.chunks}
    waiting = (write(spec, chunk, target, dask_key_name=key) for key, chunk in tasks.items())
    running = as_completed(client.compute(list(islice(waiting, WINDOW))))
    for future in running:
        if future.status != "finished":
            raise _failure(tasks[future.key], future)
        running.update(client.compute(list(islice(waiting, 1))))
        yield future.result()


def _failure(chunk: Chunk, future: Future[Any]) -> RunError:
    cause = future.exception() if future.status == "error" else future.status
    what = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
    return RunError(f"the chunk of {chunk.archetype} servers {chunk.start} to {chunk.stop - 1} failed: {what}")


def _finish_files(plan: RunPlan, target: Target, receipts: list[Receipt], client: Client) -> tuple[FileEntry, ...]:
    """Write what is made once a dataset, on the cluster: its workers see the output, this process may not."""
    files = [entry for receipt in receipts for entry in receipt.files]
    finishing = [client.submit(write_servers, plan.spec, target, pure=False)]
    if "csv" in target.formats:
        parts = [entry for entry in files if entry.path.startswith(CSV_FOLDER)]
        files = [entry for entry in files if entry not in parts]
        finishing.append(client.submit(join_csv, parts, target, pure=False))
    try:
        return (*files, *client.gather(finishing))
    except OSError as error:
        raise RunError(f"{error.strerror or error} ({error.filename})") from error


def _manifest(plan: RunPlan, files: tuple[FileEntry, ...], started: dt.datetime) -> Manifest:
    timestamps = plan.spec.grid.timestamps()
    return Manifest(
        run_id=plan.run_id,
        started=started,
        created=dt.datetime.now(dt.UTC),
        config=plan.config.model_dump(mode="json"),
        versions=versions(),
        categories=plan.spec.fleet.categories(),
        rows=plan.rows,
        servers=plan.spec.fleet.servers,
        time=(timestamps[0].item(), timestamps[-1].item()),
        files=files,
    )
