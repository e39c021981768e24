from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
from distributed import LocalCluster

from dask_synth.clusters import preflight
from dask_synth.clusters.connect import connect
from dask_synth.errors import SchedulerError
from dask_synth.storage.objects import Content, ObjectStore

OWN = {"python": "3.11", "dask-synth": "1.0", "numpy": "2.4"}


def findings(**answers: object) -> list[str]:
    return list(preflight._findings(answers, OWN, Path("/fleet")))


def test_workers_like_this_process_are_passed_over() -> None:
    assert findings(a=(OWN, ""), b=(OWN, "")) == []


def test_each_difference_names_its_workers() -> None:
    lines = findings(a=({**OWN, "numpy": "1.26"}, ""), b=(OWN, "No such file or directory"), c=(OWN, ""))
    assert lines == [
        "a: has numpy 1.26, here 2.4; install the same version",
        "b: cannot use the output in '/fleet' as this process does (No such file or directory); name a folder on a "
        "file system that all workers share, or an object store such as s3://bucket/fleet",
    ]


def test_many_workers_with_one_fault_are_one_line() -> None:
    [line] = findings(**{f"w{number}": ({**OWN, "dask-synth": "missing"}, "") for number in range(9)})
    assert line.startswith("w0, w1, w2, w3, w4 and 4 more: has no dask-synth")
    assert "--upload" in line


def test_a_worker_that_does_not_answer_is_named() -> None:
    assert findings(a=OSError("gone")) == ["a: could not be asked (OSError: gone)"]


def test_threads_of_this_process_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect("threads:1") as client:
        monkeypatch.setattr(client, "run", lambda *_, **__: pytest.fail("asked"))
        preflight.check_output(client, tmp_path / "fleet")
    assert list(tmp_path.iterdir()) == []


def test_processes_of_this_machine_pass_and_nothing_stays(tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, host="127.0.0.1", dashboard_address=":0") as cluster:
        with connect(cluster.scheduler_address) as client:
            preflight.check_output(client, tmp_path / "a" / "fleet")
            assert list(tmp_path.iterdir()) == []
            (tmp_path / "manifest.json").write_text("x")
            preflight.check_input(client, tmp_path / "manifest.json")
            client.run(lambda: None)
            with pytest.raises(SchedulerError, match="cannot use the output"):
                preflight._check(client, Path("/proc/self/stat"), write=False)


def test_a_folder_of_the_packages_name_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "marker"
    marker.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "dask_synth", ModuleType("dask_synth"))
    found, trouble = preflight._probe()((), str(marker), hashlib.sha256(b"x").hexdigest(), True)
    assert found["dask-synth"] == "missing"
    assert trouble == ""


@pytest.mark.parametrize(("conditional", "said"), [(True, False), (False, True)])
def test_a_store_that_cannot_keep_two_writers_apart_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, conditional: bool, said: bool
) -> None:
    monkeypatch.setattr(ObjectStore, "read", lambda *_: Content(b"a lease", "tag"))
    monkeypatch.setattr(ObjectStore, "is_conditional", lambda *_: conditional)
    preflight._check_conditions(ObjectStore(Path("bucket/fleet")))
    assert ("takes no conditional writes (If-Match)" in caplog.text) is said
