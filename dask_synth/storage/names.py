"""What files are called: those of a dataset, those of a run that makes one, and how to tell them from a person's."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from dask_synth.storage.formats import ARCHETYPE, FORMATS

METRICS = FORMATS["parquet"].folder
CSV_FOLDER = FORMATS["csv"].folder
SERVERS_STEM = "servers"
SERVERS_NAME = f"{SERVERS_STEM}.parquet"
CSV_NAME = FORMATS["csv"].joined
BEFORE_NAME = f"{CSV_FOLDER}/before.csv.gz"
"""While rows are appended to it: the joined file of the dataset so far."""

MANIFEST_NAME = "manifest.json"
PLAN_NAME = "plan.json"
DERIVED = ("validation.json", "report.html", "overview.png")
"""Made from a committed dataset afterwards, so not in its manifest."""

TEMPORARY = ".dask-synth-"
"""Begins the name of every unfinished or internal file; readers pass over names that begin with a dot."""

LOCK_NAME = f"{TEMPORARY}lock"
OBSOLETE_NAME = f"{TEMPORARY}obsolete"
"""Marks a folder that is about to be replaced: once it lies beside, it is what was replaced."""

_ENDING = r"(?:-([0-9a-f]{8}))?"
_FOLDERS = [
    re.compile(f"{format_.folder}(?:/{ARCHETYPE})?" if format_.by_archetype else format_.folder)
    for format_ in FORMATS.values()
]
_JOINED = tuple(format_.joined for format_ in FORMATS.values() if format_.joined)
_FORMS = (
    *(re.compile(format_.pattern) for format_ in FORMATS.values()),
    re.compile(rf"{SERVERS_STEM}{_ENDING}\.parquet"),
    *(re.compile(re.escape(name)) for name in (*_JOINED, BEFORE_NAME)),
)
_JOURNAL = re.compile(r"journal-([0-9a-f]{8})(?:-\d{5,})+\.jsonl")
_REPLACED = re.compile(r"replaced-([0-9a-f]{8})\.json")


def journal_name(suffix: str, number: int) -> str:
    """Return the name of a piece of a run's journal."""
    return f"journal-{suffix}-{number:05d}.jsonl"


def replaced_name(suffix: str) -> str:
    """Return the name of the copy of the manifest that a run replaces, kept until its files are gone."""
    return f"replaced-{suffix}.json"


def has_form(name: str) -> bool:
    """Whether a name is one that a file of a dataset may have."""
    return any(form.fullmatch(name) for form in _FORMS)


def is_folder(name: str) -> bool:
    """Whether a folder is one that files of a dataset lie in."""
    return any(folder.fullmatch(name) for folder in _FOLDERS)


def checked_name(name: str) -> str:
    """Return a name that a manifest lists, or raise ValueError: it must not lead anywhere else."""
    if not has_form(name):
        raise ValueError(f"{name!r} is not the name of a file of a dataset")
    return name


def is_of_run(name: str, suffix: str) -> bool:
    """Whether a name is one that the run of this suffix gives, and no other run at the same place."""
    if name in (SERVERS_NAME, *_JOINED, BEFORE_NAME):  # in folders, where no two runs share one
        return True
    found = next((match for form in _FORMS if (match := form.fullmatch(name))), None)
    return found is not None and (found[1] or "") == suffix


def journal_of(name: str) -> str | None:
    """Return the suffix of the run whose journal this is; None where it is no journal."""
    found = _JOURNAL.fullmatch(name)
    return found[1] if found else None


def is_replaced_record(name: str) -> bool:
    """Whether a name is that of a copy of a replaced manifest."""
    return _REPLACED.fullmatch(name) is not None


def is_temporary(name: str) -> bool:
    """Whether a file is one that an interrupted write, or the lock, may leave."""
    return PurePosixPath(name).name.startswith(TEMPORARY)


def is_control(name: str) -> bool:
    """Whether a name is that of a run's own record, or of what an interrupted write leaves: never data."""
    return name == PLAN_NAME or journal_of(name) is not None or is_replaced_record(name) or is_temporary(name)
