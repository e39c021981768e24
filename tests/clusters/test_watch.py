"""What is said while nothing comes, and when a run gives up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import click
import dask
import pytest
from click.testing import CliRunner
from distributed import Client
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm.core import CommClosedError

from dask_synth.cli.options import Where, resources_of, scheduler_options
from dask_synth.clusters import watch
from dask_synth.clusters.connect import connect
from dask_synth.clusters.resources import Resources
from dask_synth.errors import ConfigError, RunError
from dask_synth.pipeline.submit import Job, run_jobs

# Dask leaves a socket of its dashboard to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

WAITING = {"a": "the chunk of web servers 0 to 13", "b": "the chunk of batch servers 3 to 3"}


def client_that_is(status: str) -> Any:
    """Return as much of a client as is asked."""
    return SimpleNamespace(status=status)


class Cluster:
    """What a scheduler would answer, at times of our own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.client = client_that_is("running")
        self.answers = True
        self.states = {"tcp://one": "running", "tcp://two": "running"}
        self.silent: set[str] = set()
        self.processing: dict[str, list[str]] = {"tcp://one": ["a", "another run's"], "tcp://two": ["b"]}

    def ask(self, _: object, question: str, **about: object) -> Any:
        if not self.answers:
            return None
        if question == "processing":
            return self.processing
        return {"workers": {name: self.worker(name) for name in self.states}}

    def worker(self, name: str) -> dict[str, object]:
        return {"status": self.states[name], "last_seen": 0 if name in self.silent else self.now}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(watch, "monotonic", lambda: made.now)
    monkeypatch.setattr(watch, "ask", made.ask)
    return made


def look_until(second: int, cluster: Cluster, looking: watch.Watch) -> None:
    while cluster.now < second:
        cluster.now += 1
        looking.look(WAITING)


def test_it_is_said_after_20_60_and_180_seconds_what_is_waited_for(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    looking = watch.Watch(cluster.client)
    look_until(1, cluster, looking)
    look_until(599, cluster, looking)
    waits = "waiting for the chunk of web servers 0 to 13 on tcp://one, and 1 more"
    expected = [f"nothing came from any worker for {seconds} s; {waits}" for seconds in (20, 60, 180, 540)]
    assert caplog.messages == expected
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_the_worker_that_is_silent_is_the_one_that_is_named(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    looking = watch.Watch(cluster.client)
    cluster.silent = {"tcp://two"}
    look_until(25, cluster, looking)
    assert "the chunk of batch servers 3 to 3 on tcp://two, silent for 20 s, and 1 more" in caplog.text


def test_a_task_that_no_worker_has_taken_is_said_to_be_so(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    cluster.processing = {"tcp://one": ["another run's"]}
    look_until(25, cluster, watch.Watch(cluster.client))
    assert "servers 0 to 13, which no worker has taken, and 1 more" in caplog.text


def test_a_scheduler_that_does_not_answer_is_said_to_be_so_and_ends_the_run(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    looking = watch.Watch(cluster.client)
    cluster.answers = False
    assert looking.look(WAITING) is None
    look_until(25, cluster, looking)
    assert "the scheduler does not answer, and nothing came for 20 s; waiting for the chunk of web" in caplog.text
    with pytest.raises(RunError, match=r"does not answer.*gave up after 600 s \(--patience\)"):
        look_until(700, cluster, looking)
    assert cluster.now == 600


@pytest.mark.parametrize("change", ["lost", "come", "paused", "result"])
def test_the_time_counts_from_the_last_result_or_change_of_a_worker(cluster: Cluster, change: str) -> None:
    looking = watch.Watch(cluster.client)
    look_until(500, cluster, looking)
    if change == "lost":
        del cluster.states["tcp://two"]
    elif change == "come":
        cluster.states["tcp://three"] = "running"
    elif change == "paused":
        cluster.states["tcp://two"] = "paused"
    else:
        looking.news()
    with pytest.raises(RunError, match="nothing came from any worker for 600 s"):
        look_until(2000, cluster, looking)
    assert cluster.now in (1100, 1101)


def test_signs_of_life_are_no_change(cluster: Cluster) -> None:
    with pytest.raises(RunError, match="nothing came from any worker for 600 s"):
        look_until(2000, cluster, watch.Watch(cluster.client))
    assert cluster.now == 601


@pytest.mark.parametrize("status", ["closing", "closed"])
def test_a_client_that_dask_has_closed_means_that_the_scheduler_is_gone(cluster: Cluster, status: str) -> None:
    cluster.client.status = status
    with pytest.raises(RunError, match="the scheduler is gone"):
        watch.Watch(cluster.client).look(WAITING)


def test_while_dask_connects_again_nothing_is_asked(cluster: Cluster) -> None:
    cluster.client.status = "connecting"
    assert watch.Watch(cluster.client).look(WAITING) is None


@pytest.mark.parametrize("error", [ClosedClientError("x"), FutureCancelledError("key", "lost"), CommClosedError("x")])
def test_each_way_in_which_dask_tells_of_a_lost_scheduler_is_one_error(error: Exception) -> None:
    client = client_that_is("running")
    with pytest.raises(RunError, match="the scheduler is gone") as caught, watch.reached(client):
        raise error
    assert caught.value.__cause__ is error


def test_an_error_of_the_system_counts_as_one_where_the_client_is_not_connected() -> None:
    with pytest.raises(RunError, match="the scheduler is gone"), watch.reached(client_that_is("connecting")):
        raise OSError("refused")
    with pytest.raises(OSError, match="full"), watch.reached(client_that_is("running")):
        raise OSError("full")
    with pytest.raises(ValueError, match="a bug"), watch.reached(client_that_is("closed")):
        raise ValueError("a bug")


def test_a_connection_sets_the_patience_while_it_lasts() -> None:
    with connect("synchronous", Resources(patience=7)):
        assert dask.config.get(watch.PATIENCE) == 7
    assert dask.config.get(watch.PATIENCE, None) is None


STARTED, LET_GO = threading.Event(), threading.Event()


def hang() -> None:
    """Run in this very process, until it is let go."""
    STARTED.set()
    LET_GO.wait(60)


@pytest.fixture
def hanging() -> Iterator[list[Job]]:
    STARTED.clear()
    LET_GO.clear()
    yield [Job("hang", number, "the hanging job", hang, ()) for number in range(3)]
    LET_GO.set()


def test_a_task_that_hangs_ends_the_run_when_patience_is_over(hanging: list[Job]) -> None:
    says = r"nothing came from any worker for \d+ s; waiting for the hanging job on inproc.*, and 2 more; gave up"
    with connect("synchronous", Resources(patience=1)) as client:
        with pytest.raises(RunError, match=says):
            list(run_jobs(hanging, client))
        LET_GO.set()


def test_jobs_on_a_closed_client_are_one_error() -> None:
    with connect("synchronous") as client:
        pass
    with pytest.raises(RunError, match="the scheduler is gone"):
        list(run_jobs([Job("nothing", 0, "nothing", print, ())], client))


def test_a_client_that_is_closed_in_mid_run_is_one_error(hanging: list[Job]) -> None:
    def close(client: Client) -> None:
        STARTED.wait(60)
        client.close()

    with connect("synchronous") as client:
        closing = threading.Thread(target=close, args=(client,))
        closing.start()
        with pytest.raises(RunError, match="the scheduler is gone"):
            list(run_jobs(hanging, client))
        LET_GO.set()
        closing.join()


@click.command()
@scheduler_options
def patience(where: Where) -> None:
    click.echo(resources_of(where, logging.WARNING).patience)


@pytest.mark.parametrize(("words", "says"), [([], "600.0\n"), (["--patience", "2.5"], "2.5\n")])
def test_the_option_is_carried(words: list[str], says: str) -> None:
    assert CliRunner().invoke(patience, words).output == says


def test_a_time_that_is_no_number_is_refused() -> None:
    for option in ("--patience", "--wait"):
        done = CliRunner().invoke(patience, [option, "nan"])
        assert isinstance(done.exception, ConfigError)
        assert str(done.exception) == f"{option}: nan is not a number of seconds"


@pytest.mark.parametrize("value", ["0", "-1", "long"])
def test_an_option_that_is_no_time_is_refused(value: str) -> None:
    done = CliRunner().invoke(patience, ["--patience", value])
    assert done.exit_code == 2
    assert "--patience" in done.output
    assert value in done.output
