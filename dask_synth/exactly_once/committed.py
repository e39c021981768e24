"""What was committed: where its files lie, and how to get at it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dask_synth.errors import DamagedManifestError, OutputError
from dask_synth.exactly_once.exchange import finish_for_reader
from dask_synth.exactly_once.state import check_current
from dask_synth.schema import Columns, metric_column
from dask_synth.storage.formats import FORMATS
from dask_synth.storage.manifest import DamagedRecordError, Manifest
from dask_synth.storage.names import MANIFEST_NAME, METRICS, PLAN_NAME, SERVERS_STEM
from dask_synth.storage.places import place, reading


@dataclass(frozen=True)
class Committed:
    """A committed dataset.

    Attributes
    ----------
    path
        Where it lies.
    manifest
        What it is.
    """

    path: Path
    manifest: Manifest

    @property
    def metrics(self) -> Path:
        """The folder that Parquet readers take as it is."""
        return self.path / METRICS

    @property
    def columns(self) -> Columns:
        """The columns of its rows, in their order."""
        further = self.manifest.config.get("metrics", {}).values()
        return Columns(tuple(metric_column(one["column"], one["unit"], one["meaning"]) for one in further))

    def parts(self) -> list[Path]:
        """Return the Parquet files of the metrics, as the manifest lists them."""
        return [self.path / entry.path for entry in self.manifest.files if FORMATS["parquet"].holds(entry.path)]

    def texts(self) -> list[Path]:
        """Return the CSV.gz files, as the manifest lists them."""
        return [self.path / entry.path for entry in self.manifest.files if FORMATS["csv"].holds(entry.path)]

    @property
    def servers(self) -> Path:
        """The file that holds one row a server."""
        return self.path / next(entry.path for entry in self.manifest.files if entry.path.startswith(SERVERS_STEM))

    def check_current(self) -> None:
        """Raise ReplacedError unless this dataset is still the one at its path."""
        check_current(self.path, self.manifest.digest)


def open_committed(path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> Committed:
    """Open what was committed at a place, as :func:`dask_synth.open_dataset` says."""
    root = place(path, storage_options)
    finish_for_reader(root)
    with reading(root):
        try:
            text = (root / MANIFEST_NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if not root.exists():
                raise OutputError(f"there is no dataset at {str(root)!r}: the folder does not exist") from None
            is_begun = (root / PLAN_NAME).exists()
            begun = f": a run was begun in it; finish that with --resume --output {root}" if is_begun else ""
            raise OutputError(f"{str(root)!r} holds no finished dataset (no {MANIFEST_NAME}){begun}") from None
    try:
        return Committed(root, Manifest.from_json(text))
    except DamagedRecordError as error:
        raise DamagedManifestError(f"{str(root / MANIFEST_NAME)!r} is damaged: {error}") from None
