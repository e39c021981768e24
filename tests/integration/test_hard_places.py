"""Folders of odd names, behind links, of other users, on full disks: one message, and nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from distributed import Client

import dask_synth
from dask_synth.errors import DamagedFileError, DamagedManifestError, OutputError, ReplacedError
from dask_synth.storage.manifest import Manifest
from tests.integration.conftest import Command, environment, files

FLEET = {"fleet.servers": 8, "time.end_date": "2022-03-31"}


def made(path: Path | str, client: Client, *, overwrite: bool = False, **changes: object) -> dask_synth.Dataset:
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    config = dask_synth.load_config(None, FLEET | {"output.path": str(path)} | settings)
    return dask_synth.generate(config, client, overwrite=overwrite)


@pytest.mark.parametrize("formats", ["parquet", "csv"])
@pytest.mark.parametrize("name", ["fleet[1]", "a::b", "server_type=db/fleet", "with space/*", "50%/fl?et", "{x}"])
def test_a_name_is_never_a_pattern(tmp_path: Path, threads: Client, name: str, formats: str) -> None:
    made(tmp_path / "fleet1", threads, seed=7, output__formats=formats)
    dataset = made(tmp_path / name, threads, output__formats=formats)
    expected = dask_synth.fleet_frame(dask_synth.load_config(None, FLEET)).compute()
    frame = dataset.frame()
    assert frame.cpu_p95.sum().compute() == pytest.approx(expected.cpu_p95.sum())
    assert len(frame) == len(expected)
    assert list(frame.compute().columns) == list(expected.columns)
    assert dask_synth.validate(dataset, threads, write=False).passed


@pytest.mark.parametrize("formats", ["parquet", "csv"])
def test_a_frame_is_of_the_dataset_that_was_opened_or_an_error(tmp_path: Path, threads: Client, formats: str) -> None:
    dataset = made(tmp_path / "fleet", threads, output__formats=formats)
    frame = dataset.frame()
    made(tmp_path / "fleet", threads, overwrite=True, seed=7, output__formats=formats)
    with pytest.raises(ReplacedError, match="was replaced while it was read; open it again"):
        frame.compute()
    with pytest.raises(ReplacedError, match="open it again"):
        dataset.verify()
    with pytest.raises(ReplacedError, match="open it again"):
        dask_synth.validate(dataset, threads)
    assert len(dask_synth.open_dataset(dataset.path).frame()) == dataset.manifest.rows


def test_a_part_that_is_gone_is_missing_and_not_replaced(tmp_path: Path, threads: Client) -> None:
    dataset = made(tmp_path / "fleet", threads)
    dataset.parts()[0].unlink()
    with pytest.raises(FileNotFoundError):
        dataset.frame().compute()


def test_text_that_was_changed_is_not_read(tmp_path: Path, threads: Client) -> None:
    dataset = made(tmp_path / "fleet", threads, output__formats="csv")
    text = dataset.texts()[0]
    text.write_bytes(text.read_bytes()[:-200])
    with pytest.raises(DamagedFileError, match="is not as it was committed; see `verify`"):
        dataset.frame().compute()


def test_a_manifest_that_leads_elsewhere_touches_nothing(tmp_path: Path, command: Command, threads: Client) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    dataset = made(tmp_path / "fleet", threads)
    text = dataset.manifest.to_json().decode().replace(dataset.manifest.files[0].path, "metrics/../../secret", 1)
    forged = Manifest.model_construct(**dict(dataset.manifest)).model_copy(
        update={"files": (dataset.manifest.files[0].model_copy(update={"path": "metrics/../../secret"}),)}
    )
    assert "metrics/../../secret" in text
    (dataset.path / "manifest.json").write_bytes(forged.to_json())
    with pytest.raises(DamagedManifestError, match="is not the name of a file of a dataset"):
        dask_synth.open_dataset(dataset.path)
    for words in (("append", dataset.path, "--until", "2022-04-30"), ("verify", dataset.path)):
        done = command(*words)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
    assert secret.read_text() == "key"


def test_an_output_behind_a_link_keeps_the_link(tmp_path: Path, threads: Client) -> None:
    (tmp_path / "current").symlink_to(tmp_path / "v1")
    made(tmp_path / "current", threads)
    for step in range(2):
        made(tmp_path / "current", threads, overwrite=True, seed=step)
        longer = dask_synth.append(tmp_path / "current", f"2022-0{step + 4}-28", threads)
        assert longer.verify() == []
    assert (tmp_path / "current").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"current", "v1"}


def test_a_dataset_inside_another_is_refused(tmp_path: Path, threads: Client) -> None:
    outer = made(tmp_path / "fleet", threads)
    with pytest.raises(OutputError, match="lies in the dataset"):
        made(outer.path / "metrics" / "inner", threads)
    assert outer.verify() == []


def as_nobody(*words: object) -> subprocess.CompletedProcess[str]:
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "dask_synth"]
    home = Path(str(words[1])).with_name("home")
    settings = {**environment(), "HOME": str(home), "MPLCONFIGDIR": str(home)}
    return subprocess.run([*line, *map(str, words)], capture_output=True, text=True, env=settings, timeout=240)


@pytest.fixture
def of_root(threads: Client) -> Iterator[dask_synth.Dataset]:
    if os.geteuid() != 0:
        pytest.skip("takes another user")
    # Not below tmp_path: each pytest that starts closes all of that to others.
    with TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "home").mkdir()
        (place / "home").chmod(0o777)
        yield made(place / "fleet", threads)


def test_a_dataset_of_others_is_proved_and_it_is_told_where_the_verdict_is_not(of_root: dask_synth.Dataset) -> None:
    before = files(of_root.path)
    validated, verified, reported = (as_nobody(what, of_root.path) for what in ("validate", "verify", "report"))
    assert validated.returncode == 0, validated.stderr
    assert "valid: all" in validated.stdout
    assert "validation.json: Permission denied" in validated.stderr
    assert verified.returncode == 0, verified.stderr
    assert reported.returncode == 3
    assert "cannot be kept in" in reported.stderr
    for done in (validated, verified, reported):
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) <= 1
    assert files(of_root.path) == before


def test_a_part_that_may_not_be_read_is_a_finding(of_root: dask_synth.Dataset) -> None:
    part = of_root.parts()[0]
    part.chmod(0)
    name = part.relative_to(of_root.path)
    verified, validated, reported = (as_nobody(what, of_root.path) for what in ("verify", "validate", "report"))
    assert (verified.returncode, validated.returncode) == (1, 1), validated.stderr
    assert f"{name}: cannot be read: Permission denied" in verified.stdout
    assert f"{name}: cannot be read: Permission denied" in validated.stdout
    assert reported.returncode in (2, 3)
    for done in (verified, validated, reported):
        assert "Traceback" not in done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    words: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_costs_the_verdicts_file_and_not_the_verdict(disk: Path, command: Command, threads: Client) -> None:
    path = made(disk / "fleet", threads).path
    filler = os.open(disk / "filler", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while os.write(filler, bytes(4096)):
            pass
    os.close(filler)
    validated, reported = command("validate", path), command("report", path)
    assert validated.returncode == 0, validated.stderr
    assert "valid: all" in validated.stdout
    assert "validation.json: No space left on device" in validated.stderr
    assert reported.returncode == 3
    assert "cannot be kept in" in reported.stderr
    assert "Traceback" not in validated.stderr + reported.stderr
    assert dask_synth.open_dataset(path).verify() == []


@pytest.mark.parametrize("url", ["s3://", "memory://fleet", "nosuch://bucket/x"])
def test_a_url_that_leads_nowhere_is_one_message(tmp_path: Path, command: Command, url: str) -> None:
    done = command("--servers", 4, "--output", url, cwd=tmp_path)
    assert done.returncode == 2
    assert url in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
