"""One command on a small folder, what it begins with, and what an undisturbed run of it ends in."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import dask_synth
from dask_synth.errors import DamagedManifestError, OutputError
from tests.integration.contents import Content, content, left_over, small_fleet
from tests.integration.forks import QUICK, forks

UNTIL = "2024-04-30"
USERS = {"notes.txt": "weeks of work", "my_analysis.ipynb": "{}", "metrics/my_notes.txt": "what was seen"}
IN_OUR_FOLDERS = {name: text for name, text in USERS.items() if "/" in name}
LEFT_OVERS = re.compile(r"plan\.json|csv/part-\d+.*|(.*/)?\.dask-synth-[^/]*|csv/before.*")
"""What an interrupted run may leave in a committed dataset for the next command to remove."""

WRITES = {
    "generate": ("generate", *small_fleet()),
    "overwrite": ("generate", *small_fleet(seed=7), "--overwrite"),
    "append": ("append", "--until", UNTIL),
}


@dataclass(frozen=True)
class Walk:
    """One command, what it begins with, and what it ends in."""

    name: str
    before: Path | None
    old: Content | None
    new: Content
    events: tuple[str, ...]
    users: dict[str, str]

    @property
    def title(self) -> str:
        return self.name + (" among a user's files" if self.users else "")

    def line(self, path: Path) -> list[str]:
        command, *options = WRITES[self.name]
        return [command, *(["--output", str(path)] if command == "generate" else [str(path)]), *options, *QUICK]

    def again(self, path: Path) -> list[str]:
        """What somebody types who was told nothing."""
        return [*self.line(path), *(["--resume"] if self.name == "generate" else [])]

    def prepare(self, folder: Path) -> Path:
        path = folder / "fleet"
        if self.before:
            shutil.copytree(self.before, path)
            put(self.users, path)
        return path


def put(users: dict[str, str], path: Path) -> None:
    for name, text in users.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)


@cache
def base() -> Path:
    """A dataset to be replaced, or appended to."""
    path = forks().folder / "base" / "fleet"
    path.parent.mkdir()
    assert forks().run(["--output", path, *small_fleet(), *QUICK], path.parent).code == 0
    return path


@cache
def walk_of(name: str, with_users: bool = False) -> Walk:
    """Run the command undisturbed, among as many of the user's files as it takes."""
    before = None if name == "generate" else base()
    for users in (USERS, IN_OUR_FOLDERS) if with_users else ({},):
        walk = Walk(name, before, content(before) if before else None, Content((), ""), (), users)
        with TemporaryDirectory() as made:
            folder = Path(made).resolve()
            path = walk.prepare(folder)
            ended = forks().run(walk.line(path), folder)
            if ended.code == 0:
                return Walk(name, before, walk.old, content(path), tuple(ended.events), users)
            assert ended.code == 2 and users, ended.err
            assert not missing(users, folder, ""), "refused, and yet they are gone"
    raise AssertionError(ended.err)


def state(walk: Walk, path: Path) -> str:
    try:
        found = content(path)
    except (AssertionError, OSError, DamagedManifestError) as error:
        return f"a mixture ({error})"
    except OutputError:
        return "none"
    return {walk.old: "old", walk.new: "new"}.get(found, "another dataset")


def missing(users: dict[str, str], folder: Path, said: str) -> list[str]:
    """Return the user's files that are neither in the dataset nor in a folder beside it that was spoken of."""
    places = [folder / "fleet", *(beside for beside in folder.iterdir() if beside.name in said)]

    def holds(file: Path, text: str) -> bool:
        return file.is_file() and file.read_text() == text

    return [name for name, text in users.items() if not any(holds(place / name, text) for place in places)]


def rest(walk: Walk, folder: Path, said: str) -> list[str]:
    """Return what is left over, but for a folder with the user's files that was spoken of."""
    found = left_over(folder, folder / "fleet", set(walk.users))
    tops = {name: name.partition("/")[0] for name in found}
    return sorted(name for name, top in tops.items() if not (walk.users and top != "fleet" and top in said))


def odd(walk: Walk, path: Path, allowed: str) -> list[str]:
    findings = dask_synth.open_dataset(path).verify()
    return [f"{path}: {what}" for path, what in findings if path not in walk.users and not re.fullmatch(allowed, path)]
