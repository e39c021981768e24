"""Who may write where, and how a finished dataset takes the place of an older one in a single step.

A new dataset is written where it will stay, and becomes one when its manifest appears. What replaces a dataset (an
overwrite, an append) is first completed beside it, in a folder of its own, and then the two folders change names at
once (renameat2 with RENAME_EXCHANGE): a reader finds the old dataset or the new one, never a mixture. An object store
knows no such step: there files of another run have other names, and the manifest, replaced in one request, says which
of them are the dataset.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import uuid
from pathlib import Path

from dask_synth.errors import OutputError
from dask_synth.storage.dataset import CSV_FOLDER, CSV_NAME, METRICS, SERVERS_NAME, SERVERS_STEM
from dask_synth.storage.integrity import DERIVED
from dask_synth.storage.lock import LOCK_NAME
from dask_synth.storage.manifest import (
    MANIFEST_NAME,
    PLAN_NAME,
    DamagedRecordError,
    Manifest,
    Plan,
    identifying,
    versions,
)
from dask_synth.storage.places import is_local, store_of
from dask_synth.storage.store import TEMPORARY

OWN_FILES = {MANIFEST_NAME, PLAN_NAME, SERVERS_NAME, CSV_NAME, LOCK_NAME, *DERIVED}
OWN_FOLDERS = (f"{METRICS}/", f"{CSV_FOLDER}/")

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def staging_of(root: Path) -> Path:
    """Return where the successor of `root` is made: a folder beside it; in an object store, where it is."""
    if not is_local(root):
        return root
    return root.with_name(f".{root.name}.dask-synth-next")


def check_writable(root: Path) -> None:
    """Raise OutputError unless files can be made at `root`. Nothing is left behind."""
    if not is_local(root):
        _check_store(root)
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


def _check_store(root: Path) -> None:
    probe = root / f"{TEMPORARY}{uuid.uuid4().hex}.tmp"
    try:
        probe.write_bytes(b"can it be written?")
        probe.unlink()
    except Exception as error:  # each store's client has its own classes for a refusal
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {error}") from None


def check_new(root: Path) -> None:
    """Raise OutputError unless nothing is at `root` yet; the message says what is there, and what can be done."""
    if is_bare(root):
        return
    if (root / MANIFEST_NAME).exists():
        what = "holds a finished dataset; replace it with --overwrite, or name another with --output"
    elif (root / PLAN_NAME).exists():
        what = "holds an unfinished run; go on with it with --resume, or begin anew with --overwrite"
    else:
        what = "exists and is not empty; name another with --output"
    raise OutputError(f"output.path: {str(root)!r} {what}")


def check_own(root: Path) -> None:
    """Raise OutputError if anything at `root` is not dask-synth's: such a folder is never replaced."""
    if is_bare(root):
        return
    foreign = [name for name in sorted(store_of(root).names()) if not _is_own(name)]
    if foreign or not any((root / name).exists() for name in (MANIFEST_NAME, PLAN_NAME)):
        example = f"{foreign[0]!r}" if foreign else "no manifest and no plan"
        raise OutputError(
            f"output.path: {str(root)!r} is not replaced, because dask-synth did not write all of it "
            f"(it holds {example}); name another with --output"
        )


def check_resumable(root: Path, plan: Plan) -> None:
    """Raise OutputError unless the run at `root`, unfinished or finished, is the run that `plan` describes."""
    try:
        begun = _begun(root)
    except FileNotFoundError:
        raise OutputError(f"output.path: {str(root)!r} holds no unfinished run; leave out --resume") from None
    except DamagedRecordError as error:
        raise OutputError(f"a record in {str(root)!r} is damaged: {error}; begin anew with --overwrite") from None
    if begun.run_id != plan.run_id:
        raise OutputError(
            f"output.path: the run begun in {str(root)!r} differs from this one, so it cannot be resumed:\n"
            + "\n".join(f"  {line}" for line in differences(begun, plan))
            + "\nrun it again with its own configuration, or begin anew with --overwrite"
        )


def _begun(root: Path) -> Plan | Manifest:
    if (root / MANIFEST_NAME).exists():
        return Manifest.from_json((root / MANIFEST_NAME).read_bytes())
    return Plan.from_json((root / PLAN_NAME).read_bytes())


def differences(begun: Plan | Manifest, plan: Plan) -> list[str]:
    """Return one line for each key in which two plans differ."""
    before = _flat({"config": identifying(begun.config), "versions": begun.versions})
    now = _flat({"config": identifying(plan.config), "versions": plan.versions})
    return [
        f"{key.removeprefix('config.')}: {before.get(key, 'not set')}, now {now.get(key, 'not set')}"
        for key in sorted(before | now)
        if before.get(key) != now.get(key)
    ]


def check_same_versions(manifest: Manifest) -> None:
    """Raise OutputError if this installation would not continue the dataset's random streams bit by bit."""
    now = versions()
    changed = [
        f"{name} {was} (here {now.get(name)})" for name, was in manifest.versions.items() if now.get(name) != was
    ]
    if changed:
        raise OutputError(f"the dataset was made with {', '.join(changed)}; only the same versions continue it exactly")


def open_staging(root: Path, plan: Plan) -> Path:
    """Return the folder for the successor of `root`, with its plan: what the same run left stays, all else goes."""
    staged = staging_of(root)
    if not is_local(root):
        if _run_begun(staged) != plan.run_id:
            store_of(staged).put(PLAN_NAME, plan.to_json())
        return staged
    if staged.is_dir():
        check_own(staged)
        if plan.run_id not in (_run_begun(staged), _run_of(staged)):
            shutil.rmtree(staged)
    staged.mkdir(exist_ok=True)
    if is_bare(staged):
        # Before all else: a folder without a plan would not be known as ours.
        store_of(staged).put(PLAN_NAME, plan.to_json())
    return staged


def is_complete(root: Path, run_id: str) -> bool:
    """Whether the dataset at `root` is committed, and of this run."""
    return _run_of(root) == run_id


def is_begun(root: Path, run_id: str) -> bool:
    """Whether a run of this id was begun at `root`, and left what can be kept."""
    return _run_begun(root) == run_id


def _run_of(root: Path) -> str | None:
    try:
        return Manifest.from_json((root / MANIFEST_NAME).read_bytes()).run_id
    except (OSError, DamagedRecordError):
        return None


def _run_begun(root: Path) -> str | None:
    try:
        return Plan.from_json((root / PLAN_NAME).read_bytes()).run_id
    except (OSError, DamagedRecordError):
        return None


def commit(root: Path, manifest: Manifest) -> None:
    """Write the manifest, after all that it lists is on the disk."""
    store = store_of(root)
    store.settle(entry.path for entry in manifest.files)
    store.put(MANIFEST_NAME, manifest.to_json())
    store.settle([MANIFEST_NAME])


def take_place(staged: Path, root: Path) -> None:
    """Put the finished dataset `staged` in the place of `root` at once, and remove what was there.

    In an object store its manifest has taken that place already, and what it does not list is removed.
    """
    if staged == root:
        remove_unlisted(root)
        return
    if not root.exists():
        staged.rename(root)
        return
    _exchange(staged, root)
    shutil.rmtree(staged)


def remove_unlisted(root: Path) -> None:
    """Remove what the manifest at `root` does not list: what an older generation, or an unfinished run, left."""
    manifest = Manifest.from_json((root / MANIFEST_NAME).read_bytes())
    listed = {entry.path for entry in manifest.files} | {MANIFEST_NAME, LOCK_NAME}
    store = store_of(root)
    for name in list(store.names()):
        if name not in listed and _is_own(name):
            store.remove(name)


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        done = libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        if done == 0:
            return
    # Where the file system knows no exchange: for the moment between the two renames there is no dataset at all.
    aside = one.with_name(one.name + "-old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def is_bare(root: Path) -> bool:
    """Whether nothing is there, or only what a run that was ended in its first moment leaves."""
    if is_local(root):
        return not root.is_dir() or all(path.name.startswith(TEMPORARY) and path.is_file() for path in root.iterdir())
    return all(name.startswith(TEMPORARY) for name in store_of(root).names())


def _is_own(name: str) -> bool:
    is_servers = name.startswith(SERVERS_STEM) and name.endswith(".parquet")
    return name in OWN_FILES or name.startswith(OWN_FOLDERS) or Path(name).name.startswith(TEMPORARY) or is_servers


def _flat(value: object, above: str = "") -> dict[str, object]:
    if not isinstance(value, dict) or not value:
        return {above: value}
    return {k: v for key, below in value.items() for k, v in _flat(below, f"{above}.{key}" if above else key).items()}
