from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from dask_synth.errors import OutputError, ReplacedError, RunError
from dask_synth.exactly_once.state import check_current
from dask_synth.storage.integrity import examine
from dask_synth.storage.manifest import FileEntry
from dask_synth.storage.places import reading


class ClientError(Exception):
    """Stands for what a store's client has of its own."""


FOLDER, STORE = Path("/data/fleet"), UPath("memory://fleet")


@pytest.mark.parametrize(
    "root, error, said",
    [
        (FOLDER, PermissionError(13, "Permission denied"), "'/data/fleet' cannot be read: Permission denied"),
        (STORE, PermissionError("Access Denied"), "cannot be read: Access Denied"),
        (STORE, ClientError("no credentials"), "cannot be read: ClientError: no credentials"),
    ],
)
def test_what_cannot_be_read_is_one_message(root: Any, error: Exception, said: str) -> None:
    with pytest.raises(OutputError, match=said), reading(root):
        raise error


@pytest.mark.parametrize(
    "root, error",
    [(FOLDER, ClientError("a fault of ours")), (STORE, ReplacedError("replaced")), (STORE, RunError("r"))],
)
def test_what_is_no_failure_to_read_is_left_as_it_is(root: Any, error: Exception) -> None:
    with pytest.raises(type(error)) as raised, reading(root):
        raise error
    assert raised.value is error


def test_whoever_reads_of_a_store_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> Any:
        raise ClientError("away")

    root: Any = UPath("memory://fleet")  # a Path to the package, and none to its types
    for method in ("cat_file", "open", "info", "isfile", "exists", "size"):
        monkeypatch.setattr(root.fs, method, away)
    entry = FileEntry.of("servers.parquet", b"", rows=0, servers=(0, 0), time=None, run_id="r")
    reads: tuple[Callable[[], object], ...] = (lambda: check_current(root, "digest"), lambda: examine(root, entry))
    for read in reads:
        with pytest.raises(OutputError, match="ClientError: away"):
            read()
