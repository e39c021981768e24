"""Overwrite, append and verify: what is at a path is one dataset, whole, and the one that was committed."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import threading
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from distributed import Client

import dask_synth
from dask_synth.errors import ConfigError, DamagedManifestError, OutputError
from dask_synth.exactly_once.exchange import staging_of
from dask_synth.storage.names import CSV_NAME
from tests.integration.conftest import BARE, Command, digests, files
from tests.integration.test_exactly_once import start, until

KEYS = ["server_id", "timestamp"]


def made(path: Path, client: Client, *, overwrite: bool = False, **changes: object) -> dask_synth.Dataset:
    settings = {"fleet.servers": 12, "time.end_date": "2023-03-31", "output.path": str(path)}
    config = dask_synth.load_config(None, settings | {key.replace("__", "."): value for key, value in changes.items()})
    return dask_synth.generate(config, client, overwrite=overwrite)


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(KEYS).reset_index(drop=True)


def test_an_overwrite_replaces_the_dataset_and_leaves_nothing_of_it(tmp_path: Path, threads: Client) -> None:
    made(tmp_path / "fleet", threads)
    new = made(tmp_path / "fleet", threads, overwrite=True, seed=7, output__formats=["parquet"])
    assert digests(new) == digests(made(tmp_path / "other", threads, seed=7, output__formats=["parquet"]))
    assert new.verify() == []
    assert {path.name for path in tmp_path.iterdir()} == {"fleet", "other"}


def test_an_overwrite_that_fails_leaves_the_old_dataset(tmp_path: Path, command: Command, threads: Client) -> None:
    old = made(tmp_path / "fleet", threads)
    words = ("--servers", 300, "--granularity", "hourly", "--overwrite", "--output", tmp_path / "fleet")
    process = start(*words)
    until(lambda: list(staging_of(tmp_path / "fleet").glob("metrics/*/*.parquet")), process)
    process.kill()
    process.communicate()
    assert dask_synth.open_dataset(tmp_path / "fleet").manifest == old.manifest
    assert old.verify() == []
    assert command("--servers", 12, "--overwrite", *BARE, "--output", tmp_path / "fleet").returncode == 0
    assert not staging_of(tmp_path / "fleet").exists()


def test_a_folder_that_others_wrote_is_never_removed(tmp_path: Path, threads: Client) -> None:
    foreign = tmp_path / "fleet"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="did not write it"):
        made(foreign, threads, overwrite=True)
    assert files(foreign) == {"thesis.txt"}


@pytest.mark.parametrize("step", ["overwrite", "append"])
def test_what_a_person_keeps_in_the_folder_stays(tmp_path: Path, threads: Client, step: str) -> None:
    mixed = made(tmp_path / "mixed", threads, output__rows_per_partition=1000)
    mine = {"my_analysis.ipynb": "early", "metrics/my_notes.txt": "notes", "own/deep.txt": "deep"}
    for name, text in mine.items():
        (mixed.path / name).parent.mkdir(exist_ok=True)
        (mixed.path / name).write_text(text)

    def save_meanwhile(receipt: object) -> None:
        (mixed.path / "late.txt").write_text("saved while the run was on")

    if step == "append":
        new = dask_synth.append(mixed.path, "2023-04-30", threads, save_meanwhile)
    else:
        config = dask_synth.load_config(None, {"fleet.servers": 12, "time.years": 1, "output.path": str(mixed.path)})
        new = dask_synth.generate(config, threads, save_meanwhile, overwrite=True)
    mine["late.txt"] = "saved while the run was on"
    assert {name: (new.path / name).read_text() for name in mine} == mine
    assert [finding.path for finding in new.verify()] == ["metrics/my_notes.txt"], "readers of metrics would meet it"
    assert {path.name for path in tmp_path.iterdir()} == {"mixed"}


def test_an_append_equals_one_longer_run(tmp_path: Path, threads: Client) -> None:
    short = made(tmp_path / "fleet", threads)
    old = digests(short)
    longer = dask_synth.append(short.path, dt.date(2023, 12, 31), threads)
    assert longer.manifest.generation == 2
    assert longer.verify() == []
    assert {path: digests(longer)[path] for path in old if path.startswith("metrics/")} == {
        path: digest for path, digest in old.items() if path.startswith("metrics/")
    }
    whole = made(tmp_path / "whole", threads, time__end_date="2023-12-31")
    pd.testing.assert_frame_equal(rows(longer.frame().compute()), rows(whole.frame().compute()))
    one, other = (pd.read_csv(dataset.path / CSV_NAME) for dataset in (longer, whole))
    pd.testing.assert_frame_equal(rows(one), rows(other))
    assert longer.manifest.rows == whole.manifest.rows == len(one)
    again = dask_synth.append(short.path, dt.date(2024, 1, 31), threads)
    assert again.manifest.generation == 3
    assert again.verify() == []


def test_readers_see_the_old_generation_or_the_new_one(tmp_path: Path, threads: Client) -> None:
    dataset = made(tmp_path / "fleet", threads, output__formats=["parquet"])
    sizes, stop = set[tuple[int, int]](), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen = dask_synth.open_dataset(dataset.path)
            listed = {part.relative_to(seen.path).as_posix() for part in seen.parts()}
            if dask_synth.open_dataset(dataset.path).manifest == seen.manifest:
                sizes.add((seen.manifest.rows, sum(pq.read_metadata(dataset.path / name).num_rows for name in listed)))

    def wait_until_read(rows: int) -> None:
        until(lambda: any(rows == said for said, _ in sizes.copy()))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        wait_until_read(dataset.manifest.rows)
        for year in (2024, 2025, 2026):
            wait_until_read(dask_synth.append(dataset.path, dt.date(year, 12, 31), threads).manifest.rows)
    finally:
        stop.set()
        reader.join()
    assert all(manifest == landed for manifest, landed in sizes)


def test_an_interrupted_append_goes_on(tmp_path: Path, command: Command) -> None:
    words = ("--servers", 100, "--granularity", "hourly", "--format", "parquet", *BARE)
    for name, days in (("fleet", ("--years", 2)), ("whole", ("--years", 4))):
        assert command(*words, *days, "--output", tmp_path / name).returncode == 0
    process = start("append", tmp_path / "fleet", "--until", "2025-12-31")
    staged = staging_of(tmp_path / "fleet")
    until(lambda: len(list(staged.glob("metrics/*/*.parquet"))) > 5, process)
    process.kill()
    process.communicate()
    assert dask_synth.open_dataset(tmp_path / "fleet").manifest.generation == 1
    done = command("append", tmp_path / "fleet", "--until", "2025-12-31", *BARE)
    assert done.returncode == 0, done.stderr
    longer, whole = (dask_synth.open_dataset(tmp_path / name) for name in ("fleet", "whole"))
    assert longer.verify() == []
    assert not staged.exists()
    columns = [*KEYS, "cpu_p95", "net_out_p95", "is_holiday"]
    one, other = (rows(dataset.frame()[columns].compute()) for dataset in (longer, whole))
    pd.testing.assert_frame_equal(one, other)


def test_append_adds_what_is_missing_and_refuses_other_versions(
    tmp_path: Path, threads: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(tmp_path / "fleet", threads)
    for day in (dt.date(2023, 3, 31), "2022-06-01", pd.Timestamp("2023-03-31 12:00")):
        assert dask_synth.append(dataset.path, day, threads) == dataset, "those days are there"
    with pytest.raises(ConfigError, match="'tomorrow' is not a day"):
        dask_synth.append(dataset.path, "tomorrow", threads)
    monkeypatch.setattr(
        "dask_synth.exactly_once.admission.versions", lambda: {**dataset.manifest.versions, "numpy": "99"}
    )
    with pytest.raises(OutputError, match="numpy .* \\(here 99\\)"):
        dask_synth.append(dataset.path, dt.date(2024, 3, 31), threads)


def test_verify_names_each_file_for_what_it_is(tmp_path: Path, command: Command, threads: Client) -> None:
    path = made(tmp_path / "fleet", threads, output__rows_per_partition=1000).path
    other = made(tmp_path / "other", threads, output__rows_per_partition=1000, seed=9).path
    parts = sorted(part.relative_to(path) for part in path.glob("metrics/*/*.parquet"))
    missing, cut, flipped, foreign = parts[:4]
    (path / missing).unlink()
    (path / cut).write_bytes((path / cut).read_bytes()[:-10])
    content = bytearray((path / flipped).read_bytes())
    content[100] ^= 1
    (path / flipped).write_bytes(content)
    theirs = sorted(part for part in other.glob("metrics/*/*.parquet"))
    shutil.copy(theirs[3], path / foreign)
    shutil.copy(theirs[5], path / parts[5].with_name("part-99999-0123abcd.parquet"))
    done = command("verify", path)
    assert done.returncode == 1
    assert done.stderr == "", "Dask's own log is for those who ask"
    assert f"{missing}: missing" in done.stdout
    assert f"{cut}: cut short" in done.stdout
    assert f"{flipped}: changed: same size" in done.stdout
    assert f"{foreign}: of another run" in done.stdout
    assert "part-99999-0123abcd.parquet: not in the manifest" in done.stdout
    assert "5 of" in done.stdout


@pytest.mark.parametrize("damage", ["cut", "edited", "emptied"])
def test_a_damaged_manifest_is_reported(tmp_path: Path, command: Command, threads: Client, damage: str) -> None:
    path = made(tmp_path / "fleet", threads).path
    manifest = path / "manifest.json"
    text = manifest.read_text()
    manifest.write_text({"cut": text[:500], "edited": text.replace('"rows": ', '"rows": 1', 1), "emptied": ""}[damage])
    with pytest.raises(DamagedManifestError, match="damaged"):
        dask_synth.open_dataset(path)
    done = command("verify", path)
    assert done.returncode == 1
    assert "manifest.json" in done.stdout
    assert "Traceback" not in done.stderr


def test_verify_finds_every_flipped_byte_and_every_cut(tmp_path: Path, threads: Client) -> None:
    path = made(tmp_path / "fleet", threads, fleet__servers=4, time__end_date="2022-02-28").path
    chance, names = random.Random(3), sorted(files(path))
    for attempt in range(1000):
        file = path / chance.choice(names)
        before = file.read_bytes()
        position = chance.randrange(len(before))
        if attempt % 2:
            file.write_bytes(before[:position])
        else:
            file.write_bytes(
                before[:position] + bytes([before[position] ^ (1 << chance.randrange(8))]) + before[position + 1 :]
            )
        assert _finds(path, file.name), f"{file} at {position}"
        file.write_bytes(before)
    assert not _finds(path, "")


def _finds(path: Path, name: str) -> bool:
    try:
        return any(finding.path.endswith(name) for finding in dask_synth.open_dataset(path).verify())
    except DamagedManifestError:
        return name == "manifest.json"
