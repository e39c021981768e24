"""A --scheduler value to a connected client, closed properly."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import ipaddress
import json
import logging
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Nanny, SpecCluster
from distributed.deploy.cluster import Cluster

from dask_synth.clusters import kinds
from dask_synth.clusters.resources import LOOPBACK, Resources
from dask_synth.clusters.watch import PATIENCE, reached
from dask_synth.errors import SchedulerError

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 15
LEAVE_SECONDS = 5
END_SECONDS = 60

KINDS = tuple(module.name for module in pkgutil.iter_modules(kinds.__path__))
JOINED = "tcp://host:port, tls://host:port, the path of a scheduler file"
"""Clusters that are there already."""


@contextmanager
def connect(scheduler: str | None = None, resources: Resources | None = None) -> Iterator[Client]:
    """Give a client for the duration of a ``with`` block.

    Parameters
    ----------
    scheduler
        ``local`` (threads on all cores), ``synchronous``, ``threads[:N]``, ``processes[:N]``, ``tcp://host:port``,
        ``tls://host:port``, the path of a scheduler file, ``ssh:host1,host2``, ``ssh:FILE``, ``slurm[:FILE]`` or
        ``kubernetes[:FILE]``. None is what Dask's configuration names as ``scheduler-address``, else ``local``. A
        cluster that this starts is closed at the end; one that it joins is left as it was.
    resources
        What a cluster that this starts shall have, and how it is spoken to.

    Raises
    ------
    SchedulerError
        If the value is none of these, nothing answers, or no worker comes.
    RunError
        If the scheduler is gone before the block ends.
    """
    resources = resources or Resources()
    scheduler = scheduler or dask.config.get("scheduler-address", None) or "local"
    kind, _, argument = scheduler.partition(":")
    # Dask's own setting is put back by us as well: a client that cannot say good-bye in time would leave it behind.
    settings: dict[str, object] = {PATIENCE: resources.patience, "scheduler": dask.config.get("scheduler", None)}
    if kind not in KINDS:
        with dask.config.set(settings), _join(scheduler, resources) as client, _left(client):
            wait_for_worker(client, scheduler, resources.wait)
            yield client
        return
    chosen = _kind(kind)
    if argument and kind == chosen.FORM:
        raise SchedulerError(f"--scheduler {scheduler!r}: {kind} takes nothing after it")
    if getattr(chosen, "IN_THIS_PROCESS", False):
        # A scheduler in this process has no address, and Dask would guess the machine's outer one for the link.
        settings["distributed.dashboard.link"] = f"http://{LOOPBACK}:{{port}}/status"
    with (
        dask.config.set(settings),
        _ended(chosen.start(argument, resources)) as cluster,
        Client(cluster) as client,
        _left(client),
        _quick_to_fail(cluster),
    ):
        if resources.adaptive:
            cluster.adapt(minimum=resources.adaptive[0], maximum=resources.adaptive[1])
        wait_for_worker(client, scheduler, resources.wait)
        yield client


@contextmanager
def _left(client: Client) -> Iterator[None]:
    """Close a client at the end of the block, also where its scheduler does not answer or is gone."""
    try:
        with reached(client):
            yield
    finally:
        # What it still has to say waits for a scheduler that is stopped, without end; a second try takes no time.
        with suppress(OSError):
            client.close(timeout=LEAVE_SECONDS)


@contextmanager
def _ended(cluster: Cluster) -> Iterator[Cluster]:
    """Close a cluster at the end of the block, also where its scheduler does not answer."""
    try:
        yield cluster
    finally:
        try:
            cluster.close(timeout=END_SECONDS)
        except OSError as error:
            logger.warning("the cluster could not be closed, see whether all of it has ended: %s", error)


@contextmanager
def _quick_to_fail(cluster: Cluster) -> Iterator[None]:
    """End worker processes at once where the block fails: closing waits for tasks whose result nobody will fetch."""
    try:
        yield
    except BaseException:
        if isinstance(cluster, SpecCluster):
            cluster.sync(_end_processes, cluster)
        raise


async def _end_processes(cluster: SpecCluster) -> None:
    nannies = [worker for worker in cluster.workers.values() if isinstance(worker, Nanny)]
    await asyncio.gather(*map(_end_process, nannies))


async def _end_process(nanny: Nanny) -> None:
    with suppress(TimeoutError):  # it is killed, and a busy machine takes its time with it
        await nanny.kill(timeout=0.2, reason="interrupted")


def _kind(name: str) -> Any:
    return importlib.import_module(f"{kinds.__name__}.{name}")


def _allowed() -> str:
    """Return how every kind is written: those of this process first."""
    chosen = sorted(map(_kind, KINDS), key=lambda kind: (not getattr(kind, "IN_THIS_PROCESS", False), kind.FORM))
    return ", ".join([*(kind.FORM for kind in chosen), JOINED])


def wait_for_worker(client: Client, scheduler: str, seconds: float) -> None:
    """Return when there is a worker, or raise SchedulerError."""
    if client.scheduler_info(n_workers=1)["workers"]:
        return
    logger.warning("waiting for a worker of %s, for %g s at most", scheduler, seconds)
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        raise SchedulerError(
            f"--scheduler {scheduler!r}: no worker came within {seconds:g} s; start one, see why it is not started, or "
            "wait longer with --wait"
        ) from None


def _join(scheduler: str, resources: Resources) -> Client:
    address = _address(scheduler)
    if unknown := resources.of_cluster():
        raise SchedulerError(
            f"--scheduler {scheduler!r} joins a cluster that is there: {', '.join(unknown)} cannot be met"
        )
    if address.startswith("tcp://") and not (resources.insecure or _is_loopback(address)):
        raise SchedulerError(
            f"--scheduler {scheduler!r}: {address} is on another machine, and tcp:// is not encrypted: whoever can "
            "reach it can run code as you; use tls:// with --tls-ca, --tls-cert and --tls-key, or allow it with "
            "--insecure on a network that you trust"
        )
    if address.startswith("tls://") and not (resources.security or dask.config.get("distributed.comm.tls.ca-file")):
        raise SchedulerError(f"--scheduler {scheduler!r} needs --tls-ca, --tls-cert and --tls-key; see cluster/tls")
    seconds = min(CONNECT_SECONDS, resources.wait)
    try:
        return Client(address, timeout=seconds, security=resources.security)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise SchedulerError(
            f"--scheduler {scheduler!r}: no scheduler answers within {seconds:g} s ({_innermost(error)})"
        ) from None


def _address(scheduler: str) -> str:
    if scheduler.startswith(("tcp://", "tls://")):
        return scheduler
    if not Path(scheduler).is_file():
        close = difflib.get_close_matches(scheduler.partition(":")[0], KINDS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise SchedulerError(f"--scheduler {scheduler!r} is not known; {hint}allowed are {_allowed()}")
    try:
        return str(json.loads(Path(scheduler).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SchedulerError(
            f"--scheduler {scheduler!r} is not a scheduler file as `dask scheduler` writes it"
        ) from None


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _innermost(error: BaseException) -> BaseException:
    """Return what caused it all: Dask wraps a refused certificate in a time-out."""
    while error.__cause__:
        error = error.__cause__
    return error
