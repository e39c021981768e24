"""Where a dataset lies: a folder, or a prefix of an object store. The one place that tells the two apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from dask_synth.errors import DaskSynthError, OutputError
from dask_synth.storage.objects import ObjectStore
from dask_synth.storage.store import LocalStore

Store = LocalStore | ObjectStore

EXTRAS = "s3:// needs pip install 'dask-synth[s3]', gs:// gcsfs, az:// adlfs"


def place(path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> Path:
    """Return where a path or a URL leads, absolute, with ~ and links resolved.

    Parameters
    ----------
    path
        A folder, or a URL that fsspec knows, such as ``s3://bucket/fleet``.
    storage_options
        What the store's client is given, besides what the environment says.

    Returns
    -------
    pathlib.Path
        For a URL a ``upath.UPath``, which has a Path's methods.

    Raises
    ------
    OutputError
        If the URL is of no known kind, or its package is not installed.
    """
    text = os.fspath(path) if isinstance(path, (str, Path)) else path
    if not isinstance(text, str) or "://" not in text:
        return _local(text)
    if text.startswith("file://"):
        return _local(text.removeprefix("file://"))
    kind, _, rest = text.partition("://")
    if kind == "memory":
        raise OutputError(f"output.path: {text!r} keeps nothing: it ends with this process; name a folder or a bucket")
    if not rest.strip("/"):
        raise OutputError(f"output.path: {text!r} names no bucket; write for example {kind}://bucket/fleet")
    from upath import UPath

    try:
        # A listing that was kept would not show what another process wrote.
        url = UPath(text.rstrip("/"), **{"use_listings_cache": False, **(storage_options or {})})
        _ = url.fs
    except (ValueError, ImportError) as error:
        raise OutputError(f"output.path: {text!r} cannot be used: {error}; {EXTRAS}") from None
    return cast("Path", url)


def _local(path: Any) -> Path:
    if not isinstance(path, (str, Path)):
        return cast("Path", path)  # a UPath as this module made it
    try:
        # Resolved first: what replaces a folder must not replace a link to it.
        return Path(os.path.realpath(Path(path).expanduser()))
    except (RuntimeError, ValueError) as error:  # ~ and a user whom this machine does not have; a zero byte
        raise OutputError(f"output.path: {path!r} cannot be written: {error}") from None


def is_local(path: Path) -> bool:
    """Whether a place is a folder of this machine's file systems."""
    return isinstance(path, Path)


def store_of(root: Path) -> Store:
    """Return what puts files at a place."""
    return LocalStore(root) if is_local(root) else ObjectStore(root)


@contextmanager
def reading(root: Path) -> Iterator[None]:
    """Raise OutputError in the block where what lies at `root` cannot be read."""
    try:
        yield
    except DaskSynthError:
        raise
    except OSError as error:
        raise OutputError(f"{str(root)!r} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        if is_local(root):
            raise
        # A store's client has classes of its own for a store that is away, and for credentials that are not there.
        raise OutputError(f"{str(root)!r} cannot be read: {type(error).__name__}: {error}") from error


def readable(path: Path) -> Path | IO[bytes]:
    """Return what pyarrow and isal can read: a path, or an open object of which they fetch what they need."""
    return path if is_local(path) else path.open("rb")
