"""How a run begins at a place, and how it is committed.

A new dataset is written where it will stay, and becomes one when its manifest appears. What replaces a dataset in a
folder (an overwrite, an append) is completed beside it and then takes its place (``exchange.py``). An object store
knows no such step: there files of each run have names of their own, and the manifest, replaced in one conditional
request, says which of them are the dataset.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dask_synth.errors import RunError, StoreAwayError
from dask_synth.exactly_once.clear import clear, settle
from dask_synth.exactly_once.exchange import finish, is_obsolete, staging_of, take_place
from dask_synth.exactly_once.lock import Hold
from dask_synth.exactly_once.state import State
from dask_synth.storage.manifest import Manifest, Plan
from dask_synth.storage.names import MANIFEST_NAME, PLAN_NAME, is_of_run, journal_of, replaced_name
from dask_synth.storage.objects import ObjectStore, patiently
from dask_synth.storage.places import is_local, store_of

logger = logging.getLogger(__name__)


def begin(root: Path, plan: Plan, held: Hold) -> None:
    """Leave the plan at a place that files of the run are about to be written to; what the same run left stays."""
    settle(root, held, keep=plan.suffix)
    there = State.of(root).plan
    if there is None or (there.run_id, there.suffix, there.replaces) != (plan.run_id, plan.suffix, plan.replaces):
        store = store_of(root)
        store.put(PLAN_NAME, plan.to_json())
        store.settle([PLAN_NAME])


def open_staging(root: Path, plan: Plan, held: Hold) -> Path:
    """Return where the successor of `root` is made, held: what the same run left there stays, all else goes."""
    staged = staging_of(root)
    if staged == root:
        return root
    if staged.is_dir():
        held.also(staged)
        there = State.of(staged)
        same = there.plan is not None and (there.plan.run_id, there.plan.replaces) == (plan.run_id, plan.replaces)
        if not (same or is_complete(staged, plan)):
            clear(staged, root, unfinished=True)
            held.forget(staged)
    held.make(staged)
    return staged


def is_complete(place: Path, plan: Plan) -> bool:
    """Whether the dataset at `place` is what this plan makes, of what it makes it of."""
    manifest = State.of(place).manifest
    return manifest is not None and (manifest.run_id, manifest.replaces) == (plan.run_id, plan.replaces)


def commit(place: Path, manifest: Manifest, before: State, held: Hold) -> None:
    """Write the manifest, after all that it lists is on the disk.

    Parameters
    ----------
    place
        Where the files lie.
    manifest
        What they are.
    before
        What was there when the run began.
    held
        That the place is held.

    Raises
    ------
    RunError
        If another process has committed meanwhile, or holds the place now: then nothing is committed.
    """
    held.check()
    store = store_of(place)
    if isinstance(store, ObjectStore):
        _commit_object(store, manifest, before, held)
    else:
        store.settle(entry.path for entry in manifest.files)
        store.put(MANIFEST_NAME, manifest.to_json())
        store.settle([MANIFEST_NAME])


def _commit_object(store: ObjectStore, manifest: Manifest, before: State, held: Hold) -> None:
    data = manifest.to_json()
    if before.content and before.digest:
        # Until they are gone, this knows the files of what is replaced.
        store.put(replaced_name(before.digest[:8]), before.content.data)
    refused = RunError(f"another process has committed to {str(store.root)!r} meanwhile: this run is not committed")
    try:
        written = patiently(lambda: store.put_if(MANIFEST_NAME, data, before.content), held.check)
    except StoreAwayError:
        raise
    except RunError as error:  # the place was lost between two tries
        written, refused = False, error
    if not written:
        # By another's commit, or by our own, whose answer was lost.
        now = patiently(lambda: store.read(MANIFEST_NAME))
        if now is None or now.data != data:
            raise refused


def succeed(staged: Path, root: Path, held: Hold) -> None:
    """Let what is complete in `staged` be the dataset at `root`, and remove what it replaces and only a run needs."""
    try:
        settle(staged, held)
        if staged != root:
            take_place(staged, root)
    except (OSError, RunError) as error:
        committed = State.of(root).manifest
        if committed is None or (staged != root and staged.exists() and not is_obsolete(staged)):
            raise
        logger.warning("committed; what is no longer needed is removed by the next command that writes: %s", error)


@contextmanager
def given_up(root: Path, plan: Plan) -> Iterator[None]:
    """Remove a run's files from an object store if it fails since another dataset took its place meanwhile.

    It needs no hold: names of this run can be listed by no manifest any more but, if it is that, by the one there now.
    """
    try:
        yield
    except RunError as error:
        if not is_local(root) and not isinstance(error, StoreAwayError):
            with suppress(Exception):  # a store that is away, too: then they stay, and `verify` names them
                _remove_files(root, plan)
        raise


def _remove_files(root: Path, plan: Plan) -> None:
    manifest = State.of(root, patient=False).manifest
    if manifest is None or not plan.is_over(manifest):
        return
    listed = {entry.path for entry in manifest.files}
    store = store_of(root)
    for name in list(store.names()):
        if journal_of(name) == plan.suffix or (is_of_run(name, plan.suffix) and name not in listed):
            store.remove(name)


def recover(root: Path, held: Hold) -> None:
    """Finish what an interrupted commit has left at and beside `root`; an unfinished run stays. For who holds it."""
    if is_local(root):
        finish(root, held)
    state = State.of(root)
    if state.plan is None or state.plan.is_over(state.manifest):
        settle(root, held)
