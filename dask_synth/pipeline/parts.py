"""The files of a run: submitted, gathered, written down as they land. Wiring; what is done stands elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from distributed import Client

from dask_synth.exactly_once.commit import begin
from dask_synth.exactly_once.journal import journal
from dask_synth.exactly_once.lock import Hold
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import columns_of
from dask_synth.pipeline.plan import Chunk, RunPlan
from dask_synth.pipeline.submit import Job, run_jobs
from dask_synth.pipeline.task import make_chunk
from dask_synth.pipeline.write import Receipt, Target, join_csv, write_servers
from dask_synth.storage.identity import versions
from dask_synth.storage.manifest import FileEntry, Plan
from dask_synth.storage.names import CSV_FOLDER
from dask_synth.storage.places import store_of

OnReceipt = Callable[[Receipt], None]


@dataclass(frozen=True)
class Work:
    """A run at work.

    Attributes
    ----------
    plan
        What is made.
    client
        The cluster that makes it.
    held
        That its place is held.
    on_receipt
        Called with each chunk's receipt as it lands.
    """

    plan: RunPlan
    client: Client
    held: Hold
    on_receipt: OnReceipt | None = None


def write_parts(work: Work, place: Path, record: Plan, before: FileEntry | None = None) -> tuple[FileEntry, ...]:
    """Write the plan, all parts that have not landed yet, and what is made once a dataset; return the files.

    Parameters
    ----------
    work
        The run.
    place
        Where the files go.
    record
        The plan that is left there while it is unfinished.
    before
        The joined CSV.gz file that new rows are appended to.
    """
    plan, store = work.plan, store_of(place)
    begin(place, record, work.held)
    of_chunk: dict[int, tuple[FileEntry, ...]] = {}
    files: list[FileEntry] = []
    with journal(store, record) as (written, landed):
        target = Target(place, plan.config.output.formats, plan.run_id, record.suffix, landed)
        servers = Job("write-servers", 0, "the list of servers", write_servers, (plan.spec, target.of(plan.chunks[0])))
        try:
            for result in run_jobs(chain([servers], chunk_jobs(plan.spec, plan.chunks, target)), work.client):
                work.held.check()
                if not isinstance(result, Receipt):
                    files.append(result)
                    continue
                written.add(result.files)
                of_chunk[result.chunk.index] = result.files
                if work.on_receipt:
                    work.on_receipt(result)
        finally:
            store.clean()
        entries = [entry for index in sorted(of_chunk) for entry in of_chunk[index]]
        parts = [entry for entry in entries if target.joins and entry.path.startswith(f"{CSV_FOLDER}/")]
        if parts:
            joined = (parts, target.of(plan.chunks[0]), before, columns_of(plan.spec).names)
            joining = Job("join-csv", 0, "the joined CSV.gz file", join_csv, joined)
            files.extend(run_jobs([joining], work.client))
    return (*(entry for entry in entries if entry not in parts), *files)


def chunk_jobs(spec: FleetSpec, chunks: Sequence[Chunk], target: Target) -> Iterator[Job]:
    """Yield one job a chunk, the largest first, so that the last ones end together; each gives a Receipt."""
    expected = versions()
    for chunk in sorted(chunks, key=lambda chunk: chunk.servers, reverse=True):
        about = f"the chunk of {chunk.archetype} servers {chunk.start} to {chunk.stop - 1}"
        # The specification goes with each task, in two kilobytes: as a task of its own it would die with its workers.
        yield Job("generate-and-write", chunk.index, about, make_chunk, (spec, chunk, target.of(chunk), expected))
