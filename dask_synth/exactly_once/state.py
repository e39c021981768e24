"""What lies at a place: read anew by whoever has just come to hold it, and nothing older believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dask_synth.errors import OutputError, ReplacedError
from dask_synth.storage.manifest import DamagedRecordError, Manifest, Plan
from dask_synth.storage.names import MANIFEST_NAME, PLAN_NAME, has_form, is_temporary
from dask_synth.storage.objects import Content, ObjectStore, patiently
from dask_synth.storage.places import is_local, reading, store_of


@dataclass(frozen=True)
class State:
    """A place as it was at one moment.

    Attributes
    ----------
    root
        The place.
    manifest, plan
        Of a committed dataset, and of a run that is unfinished or has not cleaned up; None where there is none, or it
        is damaged.
    damage
        What is wrong with a record that is damaged; empty where nothing is.
    content
        The manifest as an object store gave it: what a conditional write refers to.
    """

    root: Path
    manifest: Manifest | None = None
    plan: Plan | None = None
    damage: str = ""
    content: Content | None = None

    @classmethod
    def of(cls, root: Path, *, patient: bool = True) -> Self:
        """Read what is at a place; `patient` waits for an object store that is away."""
        damage = ""
        manifest = plan = None
        content, planned = (_read(root, name, patient) for name in (MANIFEST_NAME, PLAN_NAME))
        try:
            manifest = Manifest.from_json(content.data) if content else None
            plan = Plan.from_json(planned.data) if planned else None
        except DamagedRecordError as error:
            damage = f"{MANIFEST_NAME if content and not manifest else PLAN_NAME} is damaged: {error}"
        return cls(root, manifest, plan, damage, content)

    @property
    def digest(self) -> str | None:
        """Of the manifest."""
        return self.manifest.digest if self.manifest else None

    @property
    def is_bare(self) -> bool:
        """Whether nothing is there, or what a run that was ended in its first moment leaves."""
        if self.manifest or self.plan or self.damage:
            return False
        names = list(store_of(self.root).names())
        # A mark of ours, and no data: then what is there besides came after a run had begun.
        return not names or (any(map(is_temporary, names)) and not any(map(has_form, names)))


def _read(root: Path, name: str, patient: bool) -> Content | None:
    if not is_local(root):
        store = ObjectStore(root)
        return patiently(lambda: store.read(name)) if patient else store.read(name)
    try:
        return Content((root / name).read_bytes(), "")
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_current(root: Path, digest: str) -> None:
    """Raise ReplacedError unless the dataset at `root` is still the one whose manifest has this digest."""
    with reading(root):
        try:
            now = Manifest.from_json((root / MANIFEST_NAME).read_bytes()).digest
        except (FileNotFoundError, DamagedRecordError):
            now = None
    if now != digest:
        raise ReplacedError(f"{str(root)!r} was replaced while it was read; open it again")


def state_of(root: Path) -> State:
    """Return what is at a place, or raise OutputError if it cannot be read."""
    try:
        return State.of(root, patient=False)
    except Exception as error:  # each store's client has its own classes for a refusal
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"output.path: {str(root)!r} cannot be written: {why}") from None
