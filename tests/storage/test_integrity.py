from __future__ import annotations

from pathlib import Path

import pytest

from dask_synth.storage.integrity import examine, unlisted
from dask_synth.storage.manifest import Manifest
from dask_synth.storage.store import LocalStore
from tests.exactly_once.conftest import finish, record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fleet"


@pytest.fixture
def manifest(root: Path) -> Manifest:
    manifest = finish(root, record())
    (root / "plan.json").unlink()
    for part in (root / "csv").iterdir():
        part.unlink()
    return manifest


def found(root: Path, manifest: Manifest) -> dict[str, str]:
    return {finding.path: finding.what for entry in manifest.files if (finding := examine(root, entry))}


def test_what_lies_behind_a_link_is_not_the_datasets_own(root: Path, manifest: Manifest) -> None:
    assert found(root, manifest) == {}
    folder = root / "metrics" / "server_type=web"
    folder.rename(root.with_name("elsewhere"))
    folder.symlink_to(root.with_name("elsewhere"))
    (root / "servers.parquet").rename(root / "copy")
    (root / "servers.parquet").symlink_to(root / "copy")
    links = {name.rpartition("/")[0] or name: what for name, what in found(root, manifest).items()}
    assert links == {
        "metrics/server_type=web": "not a file of its own: 'metrics/server_type=web' is a symbolic link",
        "servers.parquet": "not a file of its own: 'servers.parquet' is a symbolic link",
    }


def test_what_runs_keep_beside_and_what_persons_keep_is_no_finding(root: Path, manifest: Manifest) -> None:
    names = ("journal-0123abcd-00000.jsonl", ".dask-synth-x.tmp", "metrics/.dask-synth-x.tmp", "notes.txt", "own/a")
    for name in (*names, "validation.json", "replaced-0123abcd.json", ".dask-synth-lock", ".dask-synth-obsolete"):
        LocalStore(root).put(name, b"")
    assert list(unlisted(root, manifest)) == []


def test_what_readers_of_the_data_would_meet_is_one(root: Path, manifest: Manifest) -> None:
    names = ["csv/x.txt", "metrics/notes.txt", "metrics/server_type=web/part-00009-ffffffff.parquet"]
    for name in names:
        LocalStore(root).put(name, b"")
    (root / "metrics" / "server_type=linked").symlink_to(root)
    assert [finding.path for finding in unlisted(root, manifest)] == [
        *names[:2],
        "metrics/server_type=linked",
        names[2],
    ]
    (root / "plan.json").touch()  # a run is at work, or was: its parts are none
    assert names[2] not in [finding.path for finding in unlisted(root, manifest)]
