"""Who may write where: what a run is told before it works, and again by who holds the place."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from enum import Enum
from pathlib import Path

from dask_synth.errors import OutputError
from dask_synth.exactly_once.exchange import check_exchangeable, restore, staging_of
from dask_synth.exactly_once.state import State, state_of
from dask_synth.storage.identity import identifying, versions
from dask_synth.storage.manifest import Manifest, Plan
from dask_synth.storage.places import is_local


class Way(Enum):
    """What a run has to do at a place."""

    MAKE = "begin, or go on with, a dataset where nothing else is"
    REPLACE = "make the successor of what is there"
    NOTHING = "it is there"


def look(root: Path) -> State:
    """Return what is at a place that is about to be written to, or raise OutputError if it cannot be."""
    check_writable(root)
    restore(root)
    state = state_of(root)
    check_outside(root)
    return state


def way(state: State, plan: Plan, *, resume: bool, overwrite: bool) -> Way:
    """Return what a run has to do, or raise OutputError; the message says what is there, and what can be done."""
    root = f"output.path: {str(state.root)!r}"
    if state.is_bare:
        return Way.MAKE
    if not (state.manifest or state.plan or state.damage):
        raise OutputError(f"{root} exists and is not empty, and dask-synth did not write it; name another --output")
    if overwrite:
        check_exchangeable(state.root)
        check_writable(staging_of(state.root))
        return Way.REPLACE
    if state.damage:
        raise OutputError(f"{root}: {state.damage}; begin anew with --overwrite")
    if not resume and state.manifest:
        raise OutputError(
            f"{root} holds a finished dataset; replace it with --overwrite, or name another with --output"
        )
    if not resume:
        raise OutputError(
            f"{root} holds an unfinished run; go on with it with --resume, or begin anew with --overwrite"
        )
    begun = state.manifest or state.plan
    assert begun is not None
    if begun.run_id == plan.run_id:
        return Way.NOTHING if state.manifest else Way.MAKE
    raise OutputError(
        f"{root}: the run begun there differs from this one, so it cannot be resumed:\n"
        + "\n".join(f"  {line}" for line in differences(begun, plan))
        + "\nrun it again with its own configuration, or begin anew with --overwrite"
    )


def check_writable(root: Path) -> None:
    """Raise OutputError unless files can be made at the folder `root`. Nothing is left behind."""
    if not is_local(root):  # what holds it finds out, with its first object
        return
    try:
        root.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # a name that is too long, a closed folder, a zero byte
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error}") from None
    if root.exists() and not root.is_dir():
        raise OutputError(f"output.path: {str(root)!r} is a file; name a folder that does not exist yet")
    existing = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error.strerror} ({existing})") from None


def check_outside(root: Path) -> None:
    """Raise OutputError if `root` lies in another dataset: each would take the other's files for strays."""
    for above in root.parents:
        with suppress(Exception):  # what may not be read there is not ours
            state = State.of(above, patient=False)
            if state.manifest or state.plan:
                break
    else:
        return
    raise OutputError(f"output.path: {str(root)!r} lies in the dataset {str(above)!r}; name a folder outside it")


def differences(begun: Plan | Manifest, plan: Plan) -> list[str]:
    """Return one line for each key in which two plans differ."""
    before = _flat({"config": identifying(begun.config), "versions": begun.versions})
    now = _flat({"config": identifying(plan.config), "versions": plan.versions})
    changed = [
        f"{key.removeprefix('config.')}: {before.get(key, 'not set')}, now {now.get(key, 'not set')}"
        for key in sorted(before | now)
        if before.get(key) != now.get(key)
    ]
    return changed or ["it was begun, or appended to, by another step of the same configuration"]


def _flat(value: object, above: str = "") -> dict[str, object]:
    if not isinstance(value, dict) or not value:
        return {above: value}
    return {k: v for key, below in value.items() for k, v in _flat(below, f"{above}.{key}" if above else key).items()}


def check_same_versions(manifest: Manifest) -> None:
    """Raise OutputError if this installation would not continue the dataset's random streams bit by bit."""
    now = versions()
    changed = [
        f"{name} {was} (here {now.get(name)})" for name, was in manifest.versions.items() if now.get(name) != was
    ]
    if changed:
        raise OutputError(f"the dataset was made with {', '.join(changed)}; only the same versions continue it exactly")
