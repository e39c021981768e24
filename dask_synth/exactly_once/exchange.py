"""How what is complete takes the place of a folder in one step, and how an interrupted step is finished.

The successor of a folder is made beside it, in `.NAME.dask-synth-next`. Then the two change names at once (renameat2
with RENAME_EXCHANGE): a reader finds the old dataset or the new one. What was replaced then lies beside, with a mark
that was put into it before, so that whoever comes next can tell it from a successor, and finish.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from dask_synth.errors import OutputError
from dask_synth.exactly_once.clear import clear
from dask_synth.exactly_once.lock import Hold, hold
from dask_synth.storage.names import MANIFEST_NAME, OBSOLETE_NAME
from dask_synth.storage.places import is_local
from dask_synth.storage.store import LocalStore

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}

RENAMING_SECONDS = 5
"""How long a writer that is between two renames is waited for: it has nothing else to do there."""


def staging_of(root: Path) -> Path:
    """Return where the successor of `root` is made: a folder beside it; in an object store, where it is."""
    return root.with_name(f".{root.name}.dask-synth-next") if is_local(root) else root


def aside_of(root: Path) -> Path:
    """Return where the old folder lies between two renames, where the file system knows no exchange."""
    return root.with_name(f".{root.name}.dask-synth-old")


def check_exchangeable(root: Path) -> None:
    """Raise OutputError if the folder `root` cannot be replaced in one step."""
    if is_local(root) and root.is_dir() and _is_mount_point(root):
        raise OutputError(
            f"output.path: {str(root)!r} is a mount point, and the folder of a dataset is exchanged when it is "
            "replaced or appended to; use a folder below it"
        )


def _is_mount_point(root: Path) -> bool:
    if root.is_mount():
        return True
    try:  # a folder bound to another one of the same file system shows here alone
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    mounted = str(root).replace(" ", "\\040")
    return any(line.split(" ", 5)[4] == mounted for line in lines)


def take_place(staged: Path, root: Path) -> None:
    """Put the finished dataset `staged` in the place of `root` at once, and remove what was there.

    Only for who holds both. What dask-synth did not write is moved over.
    """
    (root / OBSOLETE_NAME).touch()
    beside = staged
    if not _exchange(staged, root):
        # Without it there is no dataset at all for a moment; whoever comes then finishes, or waits for it.
        beside = aside_of(root)
        root.rename(beside)
        staged.rename(root)
    # The names are on the disk before anything goes: else a machine that stops could have neither.
    LocalStore(root.parent).settle([root.name])
    clear(beside, root)


def _exchange(one: Path, other: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(other))


def is_obsolete(beside: Path) -> bool:
    """Whether a folder beside a dataset is what that has replaced."""
    return (beside / OBSOLETE_NAME).exists()


def finish(root: Path, held: Hold) -> None:
    """Finish what an interrupted exchange has left beside `root`. Only for who holds it."""
    with suppress(FileNotFoundError):
        (root / OBSOLETE_NAME).unlink()  # the exchange did not come
    for beside in (staging_of(root), aside_of(root)):
        if is_obsolete(beside):
            held.also(beside)
            clear(beside, root)
        with suppress(OSError):  # the mark went, and then the process
            beside.rmdir()


def restore(root: Path) -> None:
    """Finish an exchange of which only the first of two renames came; for anybody, before `root` is looked at."""
    if not is_local(root) or os.path.lexists(root) or not aside_of(root).is_dir():
        return
    held = Hold()
    try:
        held.also(staging_of(root))
    except FileNotFoundError:  # it has just come
        return
    except OutputError:  # its writer lives, and is about to
        end = monotonic() + RENAMING_SECONDS
        while not root.exists() and monotonic() < end:
            sleep(0.01)
        return
    try:
        whole = (staging_of(root) / MANIFEST_NAME).exists()
        (staging_of(root) if whole else aside_of(root)).rename(root)
    finally:
        held.release()


def finish_for_reader(root: Path) -> None:
    """Finish what an interrupted exchange has left, if there is any, and nobody is at work, and it may be done."""
    if not is_local(root):
        return
    with suppress(OSError, OutputError):
        restore(root)
        if any(map(is_obsolete, (staging_of(root), aside_of(root)))):
            with hold(root) as held:
                finish(root, held)


def tidy(root: Path) -> None:
    """Remove what workers that were ended have left half-written at and beside `root`, unless somebody writes there."""
    if not is_local(root):
        return
    for folder in (root, staging_of(root)):
        with suppress(OSError, OutputError):
            if folder.is_dir():
                with hold(folder):
                    LocalStore(folder).clean()
