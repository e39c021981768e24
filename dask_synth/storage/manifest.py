"""The records beside the data: the plan that a run begins with, the manifest that ends it and is the commit."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from dask_synth.storage.names import checked_name


class DamagedRecordError(ValueError):
    """A record cannot be read, or was changed after it was written."""


class Record(BaseModel):
    """An immutable JSON object of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Record):
    """One file of a dataset.

    Attributes
    ----------
    path
        Relative to the dataset; one of the forms of :mod:`dask_synth.storage.names`, so never a way out of it.
    rows, bytes
        Rows that it holds, and its size.
    sha256
        Of its bytes, hexadecimal.
    servers
        First and last server index.
    time
        First and last timestamp; None where it has no rows in time.
    run_id
        The run that wrote it: an appended dataset has parts of several.
    """

    path: Annotated[str, AfterValidator(checked_name)]
    rows: int
    bytes: int
    sha256: str
    servers: tuple[int, int]
    time: tuple[dt.datetime, dt.datetime] | None
    run_id: str

    @classmethod
    def of(cls, path: str, data: Any, **known: Any) -> Self:
        """Describe a file that holds `data`, any buffer of bytes; `known` are the other attributes."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(path=path, bytes=memoryview(data).nbytes, sha256=digest, **known)


class SealedRecord(Record):
    """A record that ends in the digest of all that stands before it, so that a change or a cut shows."""

    def to_json(self) -> bytes:
        """Return the record as JSON bytes, sealed."""
        body = self._body()
        return body + _seal(body)

    @property
    def digest(self) -> str:
        """Tells this record from every other: no two commits have one."""
        return hashlib.sha256(self._body()).hexdigest()

    def _body(self) -> bytes:
        return self.model_dump_json(indent=1).encode().removesuffix(_END)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        DamagedRecordError
            If it is not JSON, lacks a key, has one too many, or does not match its own digest.
        """
        body, seal = text[:-_SEAL_BYTES], text[-_SEAL_BYTES:]
        if not seal.startswith(_SEAL):
            raise DamagedRecordError("it is cut short, or not JSON as dask-synth writes it")
        if seal != _seal(body):
            raise DamagedRecordError("it was changed after it was written: its content does not match its digest")
        try:
            return cls.model_validate_json(body + _END)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DamagedRecordError(f"it is of another version of dask-synth: {place}: {first['msg']}") from None


_END = b"\n}"
_SEAL = b',\n "digest": "'


def _seal(body: bytes) -> bytes:
    return _SEAL + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


_SEAL_BYTES = len(_seal(b""))


class Plan(SealedRecord):
    """What an unfinished run is about to make: all that decides whether another run may go on with it.

    Attributes
    ----------
    suffix
        What the names of its parts end in.
    replaces
        Digest of the manifest that its own will replace; None where there was none.
    """

    run_id: str
    started: dt.datetime
    config: dict[str, Any]
    versions: dict[str, str]
    suffix: str = ""
    replaces: str | None = None

    def is_over(self, manifest: Manifest | None) -> bool:
        """Whether it can no more be committed, or was: another manifest than the one it replaces is there."""
        return manifest is not None and manifest.digest != self.replaces


class Manifest(SealedRecord):
    """What was run, with what, and every file that came of it.

    Attributes
    ----------
    format
        Of the dataset's folders and of this file.
    generation
        1 for a new dataset, one more for each append.
    run_id
        Of the last run: a hash over its configuration, but for the path, and over the versions.
    replaces
        Digest of the manifest whose place it took; None where there was none.
    started, created
        When that run began, and when it was committed, UTC.
    config
        The effective configuration, without storage options.
    versions
        Of what decides the bytes.
    categories
        Column -> its full list of values, in order.
    rows, servers
        Their number in the whole dataset.
    time
        First and last timestamp.
    files
        Every file, but those that `validate` and `report` add.
    """

    @model_validator(mode="after")
    def _each_file_once(self) -> Self:
        paths = [entry.path for entry in self.files]
        if len(set(paths)) < len(paths):
            raise ValueError("a file is listed twice")
        return self

    format: int = 1
    generation: int = 1
    run_id: str
    replaces: str | None = None
    started: dt.datetime
    created: dt.datetime
    config: dict[str, Any]
    versions: dict[str, str]
    categories: dict[str, list[str]]
    rows: int
    servers: int
    time: tuple[dt.datetime, dt.datetime]
    files: tuple[FileEntry, ...]

    def total_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(entry.bytes for entry in self.files)
