"""Files that are made of a committed dataset afterwards: its verdict, its pictures."""

from __future__ import annotations

from dask_synth.errors import OutputError, ReplacedError
from dask_synth.exactly_once.committed import Committed
from dask_synth.exactly_once.lock import hold
from dask_synth.storage.places import is_local, store_of


def keep(dataset: Committed, files: dict[str, bytes]) -> str | None:
    """Write files beside a dataset's manifest, if it still is the one at its path.

    Parameters
    ----------
    dataset
        Of which they were made.
    files
        Their content, by name.

    Returns
    -------
    str or None
        Why they could not be written; None if they were.

    Raises
    ------
    ReplacedError
        If another dataset took its place meanwhile.
    """
    try:
        if is_local(dataset.path):
            # Held: else it could be exchanged between the look and the write.
            with hold(dataset.path):
                _put(dataset, files)
        else:
            _put(dataset, files)
    except ReplacedError:
        raise
    except OutputError as error:  # held by another process
        return str(error)
    except Exception as error:  # each store's client has its own classes for a refusal
        return str(getattr(error, "strerror", None) or error)
    return None


def _put(dataset: Committed, files: dict[str, bytes]) -> None:
    dataset.check_current()
    for name, data in files.items():
        store_of(dataset.path).put(name, data)
