"""Schedulers and workers in processes of their own: the right ones work, and the wrong ones are refused beforehand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import dask_synth
from tests.integration.conftest import HOURLY_48, Command, digests, files, start
from tests.integration.machines import Machines, machines, until
from tests.integration.surroundings import BARE, ROOT

SMALL = ("--servers", 8, "--no-report")
ALL_SITES = [path for path in sys.path if path.endswith("site-packages")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, command: Command) -> dask_synth.Dataset:
    path = tmp_path_factory.mktemp("small") / "fleet"
    assert command(*SMALL, "--no-validate", "--output", path).returncode == 0
    return dask_synth.open_dataset(path)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Machines]:
    with machines(tmp_path) as started:
        started.scheduler("--host", "127.0.0.1")
        yield started


def test_three_workers_one_killed_and_the_bytes_are_the_same(
    undisturbed: dask_synth.Dataset, cluster: Machines, command: Command
) -> None:
    workers = [cluster.worker(f"w{number}") for number in range(3)]
    path = cluster.folder / "fleet"
    run = start(*HOURLY_48, *BARE, "--scheduler", cluster.file, "--output", path)
    until(lambda: len(list(path.glob("metrics/*/*.parquet"))) > 2 or run.has_ended(), "the first part")
    workers[0].kill()
    ended = run.wait()
    assert ended.code == 0, ended.err
    made = dask_synth.open_dataset(path)
    assert digests(made) == digests(undisturbed)
    assert files(path) == files(undisturbed.path)
    assert [worker.poll() for worker in workers[1:]] == [None, None], "a cluster that was joined stays"


def refused(done: subprocess.CompletedProcess[str], path: Path, *says: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in done.stderr
    assert not path.exists()
    assert not list(path.parent.glob(".dask-synth*"))


def test_a_worker_with_another_numpy_is_refused(cluster: Machines, command: Command, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(other), "numpy==2.3.5"]
    subprocess.run(pip, check=True, timeout=120)
    cluster.worker("odd", PYTHONPATH=f"{other}:{ROOT}")
    cluster.worker("even")
    path = tmp_path / "out" / "fleet"
    path.parent.mkdir()
    done = command(*SMALL, "--scheduler", cluster.address, "--output", path)
    refused(done, path, "has numpy 2.3.5, here ")
    assert len(re.findall(r"tcp://", done.stderr.split("cannot do this run")[1])) == 1, "one of the two is wrong"


def without_dask_synth(folder: Path) -> Path:
    """Make an environment that has all packages but this one: paths of PYTHONPATH do not follow editable installs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def test_a_worker_without_dask_synth_is_refused_or_sent_it(
    small: dask_synth.Dataset, cluster: Machines, command: Command, tmp_path: Path
) -> None:
    bare = without_dask_synth(tmp_path / "bare")
    cluster.worker("bare", python=bare, PYTHONPATH=":".join(ALL_SITES), PYTHONSAFEPATH="1")
    path = tmp_path / "out" / "fleet"
    path.parent.mkdir()
    done = command(*SMALL, "--scheduler", cluster.address, "--output", path)
    refused(done, path, "has no dask-synth; install it there, or send this one with --upload")
    done = command(*SMALL, "--scheduler", cluster.address, "--output", path, "--upload")
    assert done.returncode == 0, done.stderr
    assert digests(dask_synth.open_dataset(path)) == digests(small)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="hiding a folder takes root and unshare")
def test_a_worker_that_cannot_see_the_output_is_refused(cluster: Machines, command: Command, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    hide = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs none {shared} && exec "$@"', "sh")
    cluster.worker("blind", prefix=hide)
    done = command(*SMALL, "--scheduler", cluster.address, "--output", shared / "fleet")
    refused(done, shared / "fleet", "cannot use the output in", "No such file", "that all workers share")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificates(folder: Path, authority: trustme.CA, name: str = "ours") -> tuple[Path, Path, Path]:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    ca, cert, key = (folder / f"{name}.{part}.pem" for part in ("ca", "cert", "key"))
    authority.cert_pem.write_to_path(ca)
    issued.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return ca, cert, key


def options(ca: Path, cert: Path, key: Path, ca_option: str = "--tls-ca") -> tuple[object, ...]:
    return (ca_option, ca, "--tls-cert", cert, "--tls-key", key)


def test_tls_needs_the_right_certificates(
    small: dask_synth.Dataset, tmp_path: Path, authority: trustme.CA, command: Command
) -> None:
    ours, others = certificates(tmp_path, authority), certificates(tmp_path, trustme.CA(), "others")
    out = tmp_path / "out"
    out.mkdir()
    with machines(tmp_path, *options(*ours, "--tls-ca-file")) as cluster:
        cluster.scheduler("--host", "tls://127.0.0.1")
        assert cluster.address.startswith("tls://")
        cluster.worker("one")
        made = command(*SMALL, *options(*ours), "--scheduler", cluster.address, "--output", out / "fleet")
        assert made.returncode == 0, made.stderr
        assert digests(dask_synth.open_dataset(out / "fleet")) == digests(small)
        path = out / "wrong"
        wrong = command(*SMALL, *options(*others), "--wait", 5, "--scheduler", cluster.address, "--output", path)
        refused(wrong, path, "no scheduler answers", "certificate")
        missing = command(*SMALL, "--scheduler", cluster.address, "--output", path)
        refused(missing, path, "needs --tls-ca, --tls-cert and --tls-key")
        plain = command(*SMALL, "--wait", 5, "--scheduler", cluster.address.replace("tls", "tcp"), "--output", path)
        refused(plain, path, "no scheduler answers")


def test_our_own_processes_speak_tls(
    small: dask_synth.Dataset, tmp_path: Path, authority: trustme.CA, command: Command
) -> None:
    ours = certificates(tmp_path, authority)
    made = command(*SMALL, *options(*ours), "--scheduler", "processes:1", "--output", tmp_path / "fleet")
    assert made.returncode == 0, made.stderr
    assert digests(dask_synth.open_dataset(tmp_path / "fleet")) == digests(small)
