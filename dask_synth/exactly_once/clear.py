"""What goes once it was replaced: only what is known to be dask-synth's own. What a person put there stays.

Known are the files that a manifest lists, and those of a run whose plan is there; no others, whatever they look like.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from dask_synth.exactly_once.lock import Hold
from dask_synth.exactly_once.state import State
from dask_synth.storage.manifest import DamagedRecordError, Manifest
from dask_synth.storage.names import (
    DERIVED,
    LOCK_NAME,
    MANIFEST_NAME,
    OBSOLETE_NAME,
    PLAN_NAME,
    has_form,
    is_control,
    is_folder,
    is_of_run,
    is_replaced_record,
    journal_of,
)
from dask_synth.storage.places import Store, is_local, store_of
from dask_synth.storage.store import LocalStore

logger = logging.getLogger(__name__)

RECORDS = (PLAN_NAME, MANIFEST_NAME)
MARKS = (LOCK_NAME, OBSOLETE_NAME)
"""Removed last, in this order: what was interrupted is known again as long as they are there."""


def settle(root: Path, held: Hold, keep: str | None = None) -> None:
    """Remove what other runs have left among the files of `root`. Only for who holds it.

    Parameters
    ----------
    root, held
        The place, and that it is held.
    keep
        Suffix of the unfinished run that goes on, if one does.
    """
    store, state = store_of(root), State.of(root)
    store.clean()
    if state.damage:  # what belongs to the dataset is not known
        return
    data, records = _left(store, state, keep)
    for name in data:
        held.check()
        store.remove(name)
    if is_local(root):
        _remove_folders(root)
    for name in records:
        held.check()
        store.remove(name)


def _left(store: Store, state: State, keep: str | None) -> tuple[list[str], list[str]]:
    """Return the names of what can go: data, and the records that know of it, which have to go last."""
    names = list(store.names())
    listed = {entry.path for entry in state.manifest.files} if state.manifest else set()
    goes_on = state.plan is not None and state.plan.suffix == keep and not state.plan.is_over(state.manifest)
    journals = [name for name in names if journal_of(name) not in (None, keep if goes_on else None)]
    ended = {journal_of(name) or "" for name in journals}
    if state.plan and not goes_on:
        ended.add(state.plan.suffix)
    records = {name: _manifest(store, name) for name in names if is_replaced_record(name)}
    records = {name: old for name, old in records.items() if old != state.manifest}
    replaced = {entry.path for old in records.values() if old for entry in old.files}
    data = [
        name
        for name in names
        if name not in listed and (name in replaced or any(is_of_run(name, suffix) for suffix in ended))
    ]
    return data, [*records, *journals, *([PLAN_NAME] if state.plan and not goes_on else [])]


def _manifest(store: Store, name: str) -> Manifest | None:
    try:
        return Manifest.from_json(store.path(name).read_bytes())
    except (FileNotFoundError, DamagedRecordError):
        return None


def clear(old: Path, root: Path, *, unfinished: bool = False) -> None:
    """Empty and remove a folder beside `root`; what dask-synth did not write goes over to `root`.

    What cannot go over, because something is there, or because it looks like a part of a dataset and is listed
    nowhere, stays where it is: the folder is left beside `root` under a name that shows, and that is logged.

    Parameters
    ----------
    old, root
        The folder, and the one that took its place, or keeps it.
    unfinished
        Whether it is a successor that nobody goes on with: then all that looks like a part is its own.
    """
    store, state = LocalStore(old), State.of(old)
    listed = {entry.path for entry in state.manifest.files} if state.manifest else set()

    def is_known(name: str) -> bool:
        of_run = state.plan is not None and is_of_run(name, state.plan.suffix)
        own = name in listed or of_run or (unfinished and has_form(name))
        return own or is_control(name) or name in (MANIFEST_NAME, *DERIVED)

    _move_over(old, root, is_known)
    for name in list(store.names()):
        if is_known(name) and name not in (*RECORDS, *MARKS):
            store.remove(name)
    for name in RECORDS:
        store.remove(name)
    _remove_folders(old)
    for name in MARKS:
        store.remove(name)
    with suppress(OSError):
        old.rmdir()
    if old.exists():
        _leave_beside(old, root)


def _move_over(old: Path, root: Path, is_known: Callable[[str], bool], below: str = "") -> None:
    """Move what is a person's, whole folders where they are: nothing that is there is replaced."""
    for source in sorted((old / below).iterdir()):
        name = source.relative_to(old).as_posix()
        target = root / name
        if is_folder(name) and source.is_dir() and not source.is_symlink():
            _move_over(old, root, is_known, name)
        elif not (is_known(name) or has_form(name) or os.path.lexists(target)):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)


def _remove_folders(old: Path) -> None:
    for folder, _, _ in os.walk(old, topdown=False):
        if is_folder(Path(folder).relative_to(old).as_posix()):
            with suppress(OSError):  # something is in it, or came just now
                Path(folder).rmdir()


def _leave_beside(old: Path, root: Path) -> None:
    names = (root.with_name(f"{root.name}.kept-{number}") for number in count(1))
    free = next(path for path in names if not os.path.lexists(path))
    old.rename(free)
    logger.warning("what dask-synth did not write and could not move over stays in %s", free)
