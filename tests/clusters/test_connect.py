from __future__ import annotations

import importlib
import inspect
import ipaddress
import json
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from distributed import Nanny

from dask_synth.clusters import connect as rooms
from dask_synth.clusters.connect import KINDS, connect
from dask_synth.clusters.resources import Resources
from dask_synth.errors import RunError, SchedulerError
from tests.integration.machines import until

# Dask leaves a socket of its dashboard to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_how_it_is_written_and_starts(kind: str) -> None:
    module = importlib.import_module(f"dask_synth.clusters.kinds.{kind}")
    assert module.FORM.startswith(kind)
    assert list(inspect.signature(module.start).parameters) == ["argument", "resources"]


def test_the_kinds_are_those_that_the_help_names() -> None:
    assert set(KINDS) == {"local", "threads", "processes", "synchronous", "ssh", "slurm", "kubernetes"}
    with pytest.raises(
        SchedulerError, match=r"allowed are local, synchronous, threads\[:N\], .*tcp://host:port"
    ) as refused:
        with connect("nothing"):
            pass
    assert all(kind in str(refused.value) for kind in KINDS)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("procesess:3", "did you mean 'processes'?"),
        ("local:3", "takes nothing after it"),
        ("synchronous:2", "takes nothing after it"),
        ("processes:0", "at least 1"),
        ("ssh", "ssh:host1,host2"),
        ("tls://127.0.0.1:1", "--tls-ca, --tls-cert and --tls-key"),
        ("tcp://192.0.2.1:8786", "not encrypted.*--insecure"),
    ],
)
def test_a_value_that_cannot_be_is_one_message(value: str, says: str) -> None:
    with pytest.raises(SchedulerError, match=says), connect(value):
        pytest.fail("connected")


def test_dasks_own_setting_counts_where_nothing_is_said() -> None:
    with dask.config.set({"scheduler-address": "tcp://192.0.2.1:8786"}):
        with pytest.raises(SchedulerError, match="not encrypted"), connect():
            pytest.fail("connected")


def test_a_scheduler_file_is_held_to_the_same_rule(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": "tcp://192.0.2.1:8786"}))
    with pytest.raises(SchedulerError, match="not encrypted"), connect(str(file)):
        pytest.fail("connected")
    file.write_text("{}")
    with pytest.raises(SchedulerError, match="not a scheduler file"), connect(str(file)):
        pytest.fail("connected")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "tcp://127.8.8.8:1"])
def test_what_stays_on_this_machine_needs_no_encryption(address: str) -> None:
    assert rooms._is_loopback(address)


def test_what_a_joined_cluster_cannot_be_given_is_said() -> None:
    asked = Resources(workers=3, adaptive=(1, 2))
    with pytest.raises(SchedulerError, match="--workers, --adaptive cannot be met"):
        rooms._join("tcp://127.0.0.1:1", asked)


def test_no_worker_is_waited_for_forever() -> None:
    asked = Resources(adaptive=(0, 1), wait=0.1)
    with connect("synchronous") as client:
        assert client.cluster is not None
        client.cluster.scale(0)
        until(lambda: not client.scheduler_info(n_workers=1)["workers"], "the worker's end")
        with pytest.raises(SchedulerError, match=r"no worker came within 0\.1 s.*--wait"):
            rooms.wait_for_worker(client, "synchronous", asked.wait)


def test_one_thread_does_one_task_after_the_other() -> None:
    with connect("synchronous") as client:
        assert list(client.nthreads().values()) == [1]


def test_the_dashboard_is_for_this_machine() -> None:
    with connect("threads:1") as client:
        assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_a_process_that_takes_its_time_to_end_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    kill = Nanny.kill

    async def late(nanny: Nanny, timeout: float = 5, reason: str = "nanny-kill") -> None:
        await kill(nanny, 5, reason)
        if timeout < 1:
            raise TimeoutError

    monkeypatch.setattr(Nanny, "kill", late)
    with pytest.raises(KeyboardInterrupt):
        with connect("processes:1"):
            raise KeyboardInterrupt


def listening() -> set[tuple[int, str, int]]:
    """Return process, address and port of all that this process and its children listen on."""
    me = psutil.Process()
    return {
        (process.pid, connection.laddr.ip, connection.laddr.port)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.parametrize("value", ["local", "threads:2", "synchronous", "processes:1"])
def test_all_that_a_cluster_of_ours_listens_on_is_for_this_machine(value: str) -> None:
    before = listening()
    with connect(value):
        ours = listening() - before
    assert len(ours) >= 2, "scheduler and worker have a page each"
    assert [address for _, address, _ in ours if not ipaddress.ip_address(address).is_loopback] == []


class Stuck:
    """A cluster whose scheduler does not answer."""

    def close(self, timeout: float) -> None:
        raise TimeoutError(f"timed out after {timeout:g} s")


def test_a_cluster_that_cannot_be_closed_hides_no_error(caplog: pytest.LogCaptureFixture) -> None:
    stuck: Any = Stuck()
    with pytest.raises(RunError, match="the first"), rooms._ended(stuck):
        raise RunError("the first")
    assert "could not be closed" in caplog.text
    assert "timed out after 60 s" in caplog.text
