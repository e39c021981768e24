"""Reading a dataset's files by the names that its manifest gives, while others may replace it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from dask_synth.errors import DamagedFileError
from dask_synth.exactly_once.state import check_current
from dask_synth.schema import Categories, Columns
from dask_synth.storage.formats import format_of
from dask_synth.storage.manifest import FileEntry
from dask_synth.storage.places import is_local

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def _of_dataset(root: Path, digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        check_current(root, digest)
        raise


class _Object:
    """An open object: of which what is not read yet can be gone."""

    def __init__(self, file: Any, root: Path, digest: str) -> None:
        self._file, self._dataset = file, (root, digest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int = -1) -> Any:
        with _of_dataset(*self._dataset):
            return self._file.read(size)


class CommittedFiles(DirFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one dataset, named as in its manifest: a name is no pattern, whatever stands in the path above.

    A file that is gone with its dataset says so.

    Parameters
    ----------
    root
        Where the dataset lies.
    digest
        Of its manifest.
    """

    cachable = False

    def __init__(self, root: Any, digest: str, **options: Any) -> None:
        self.root, self.digest = root, digest
        inner = LocalFileSystem() if is_local(root) else root.fs
        super().__init__(path=str(root) if is_local(root) else root.path, fs=inner, **options)

    def open(self, path: str, *args: Any, **options: Any) -> Any:
        """Open a file."""
        with _of_dataset(self.root, self.digest):
            file = super().open(path, *args, **options)
        return file if is_local(self.root) else _Object(file, self.root, self.digest)

    def info(self, path: str, **options: Any) -> Any:
        """Return what is known of a file."""
        with _of_dataset(self.root, self.digest):
            return super().info(path, **options)

    def isfile(self, path: str) -> bool:
        """Whether there is such a file: Arrow asks before it opens one."""
        if super().isfile(path):
            return True
        check_current(self.root, self.digest)
        return False


def read_rows(entry: FileEntry, root: Path, digest: str, categories: Categories, layout: Columns) -> pd.DataFrame:
    """Return the rows of a file, if it is as it was committed: that of a joined one is every run's name.

    Raises
    ------
    ReplacedError
        If it is another dataset's by now.
    DamagedFileError
        If it was changed.
    """
    with _of_dataset(root, digest):
        data = (root / entry.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        check_current(root, digest)
        raise DamagedFileError(f"{str(root / entry.path)!r} is not as it was committed; see `verify`")
    format_ = format_of(entry.path)
    assert format_, entry.path
    return format_.decode(data, entry.path, categories, layout)
