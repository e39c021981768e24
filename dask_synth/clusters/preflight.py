"""Before the first task: whether every worker has what decides the bytes, and sees the output."""

from __future__ import annotations

import hashlib
import logging
import platform
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from time import sleep
from typing import Any

from distributed import Client
from distributed.comm.core import CommClosedError

import dask_synth
from dask_synth.errors import SchedulerError
from dask_synth.storage.identity import BYTE_DECIDING, MODEL_VERSION
from dask_synth.storage.names import LOCK_NAME, TEMPORARY
from dask_synth.storage.objects import ObjectStore
from dask_synth.storage.places import is_local, store_of

logger = logging.getLogger(__name__)

QUESTIONS, AGAIN_SECONDS = 5, 1
"""How often a worker is asked that is gone when it should answer, and after how long."""

PACKAGES = (*BYTE_DECIDING, "dask", "distributed")


def check_output(client: Client, folder: Path) -> None:
    """Raise SchedulerError unless every worker is as this process, and can write at `folder`. Leaves nothing there.

    Only for who holds the place. A store that cannot keep two writers apart is told of in the log.
    """
    if not is_local(folder):
        _check_conditions(ObjectStore(folder))
    if not _all_here(client):
        with _marked(folder) as marker:
            _check(client, marker, write=True)


def check_input(client: Client, file: Path) -> None:
    """Raise SchedulerError unless every worker is as this process, and sees the same `file`."""
    if not _all_here(client):
        _check(client, file, write=False)


def _all_here(client: Client) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return all(address.startswith("inproc://") for address in workers)


def _check(client: Client, marker: Path, *, write: bool) -> None:
    digest = hashlib.sha256(marker.read_bytes()).hexdigest()
    asked = _probe(), PACKAGES, str(marker) if is_local(marker) else marker, digest, write
    for _ in range(QUESTIONS):
        answers = client.run(*asked, on_error="return")
        if not any(isinstance(answer, CommClosedError) for answer in answers.values()):
            break
        sleep(AGAIN_SECONDS)  # a worker has just gone, or come; a run would go on without it
    lines = list(_findings(answers, own_versions(), marker.parent))
    if lines:
        raise SchedulerError("the workers cannot do this run:\n" + "\n".join(f"  {line}" for line in lines))


def _check_conditions(store: ObjectStore) -> None:
    lease = store.read(LOCK_NAME)
    if lease and not store.is_conditional(LOCK_NAME, lease.data):
        logger.warning(
            "%s takes no conditional writes (If-Match): two writers at once are not kept apart; see that there is one",
            store.root,
        )


@contextmanager
def _marked(folder: Path) -> Iterator[Path]:
    """Give a file, unlike any other, at `folder` or in the nearest folder above that exists; remove it afterwards."""
    if not is_local(folder):
        store, name = store_of(folder), f"{TEMPORARY}{uuid.uuid4().hex}.tmp"
        store.put(name, uuid.uuid4().bytes)
        try:
            yield store.path(name)
        finally:
            store.remove(name)
        return
    existing = next(place for place in (folder, *folder.parents) if place.is_dir())
    with tempfile.NamedTemporaryFile(dir=existing, prefix=TEMPORARY, suffix=".tmp") as file:
        file.write(uuid.uuid4().bytes)
        file.flush()
        Path(file.name).chmod(0o644)  # workers may be other users
        yield Path(file.name)


def own_versions() -> dict[str, str]:
    """Return the versions that every worker must have as well."""
    own = {"python": ".".join(platform.python_version_tuple()[:2])}
    own |= {"dask-synth": dask_synth.__version__, "the model of dask-synth": str(MODEL_VERSION)}
    return own | {name: version(name) for name in PACKAGES}


def _probe() -> Callable[..., tuple[dict[str, str], str]]:
    # A function within a function travels by value: the worker may lack the package whose module this is.
    def probe(packages: tuple[str, ...], marker: Any, digest: str, write: bool) -> tuple[dict[str, str], str]:
        import contextlib
        import hashlib
        import importlib
        import importlib.metadata
        import os
        import platform
        import tempfile

        found = {"python": ".".join(platform.python_version_tuple()[:2])}
        for name in packages:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = "missing"
        try:
            found["dask-synth"] = importlib.import_module("dask_synth").__version__
        except (ImportError, AttributeError):  # a folder of this name is enough for Python to import it
            found["dask-synth"] = "missing"
        with contextlib.suppress(ImportError, AttributeError):  # an earlier version has it elsewhere
            model = importlib.import_module("dask_synth.storage.identity").MODEL_VERSION
            found["the model of dask-synth"] = str(model)
        trouble = ""
        try:
            if isinstance(marker, str):
                with open(marker, "rb") as file:  # noqa: PTH123 (a plain function that needs nothing of ours)
                    content = file.read()
            else:
                content = marker.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                trouble = "finds another file there"
            elif write and isinstance(marker, str):
                with tempfile.TemporaryFile(dir=os.path.dirname(marker)):  # noqa: PTH120
                    pass
            elif write:
                marker.write_bytes(content)
        except Exception as error:  # a store's client has classes of its own
            trouble = getattr(error, "strerror", None) or str(error)
        return found, trouble

    return probe


def _findings(answers: Mapping[str, Any], own: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Yield one line for each thing that is wrong, with the workers of which it is true."""
    wrong: dict[str, list[str]] = defaultdict(list)
    for worker, answer in answers.items():
        if isinstance(answer, BaseException):
            wrong[f"could not be asked ({type(answer).__name__}: {answer})"].append(worker)
            continue
        found, trouble = answer
        if found["dask-synth"] == "missing":
            wrong["has no dask-synth; install it there, or send this one with --upload"].append(worker)
        for name, here in own.items():
            if found.get(name, here) not in (here, "missing") or (found.get(name) == "missing" and name in PACKAGES):
                wrong[f"has {name} {found[name]}, here {here}; install the same version"].append(worker)
        if trouble:
            wrong[
                f"cannot use the output in {str(folder)!r} as this process does ({trouble}); name a folder on a file "
                "system that all workers share, or an object store such as s3://bucket/fleet"
            ].append(worker)
    for what, workers in wrong.items():
        shown = ", ".join(workers[:5]) + (f" and {len(workers) - 5} more" if len(workers) > 5 else "")
        yield f"{shown}: {what}"


def upload(client: Client) -> None:
    """Send this installation's dask_synth to the workers, and to those that join later."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(dask_synth.__file__).parent
        archive = shutil.make_archive(
            f"{folder}/dask-synth-{dask_synth.__version__}", "zip", source.parent, source.name
        )
        client.upload_file(archive)
