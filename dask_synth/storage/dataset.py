"""A dataset on disk: where its files lie, and how to get at a committed one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dask_synth.errors import DamagedManifestError, OutputError
from dask_synth.schema import CATEGORICAL, CATEGORY, PARTITION_KEY, Column, Columns, empty_frame
from dask_synth.storage.exchange import finish_for_reader
from dask_synth.storage.manifest import DamagedRecordError, Manifest
from dask_synth.storage.names import MANIFEST_NAME, METRICS, PLAN_NAME, SERVERS_STEM
from dask_synth.storage.places import place, reading
from dask_synth.storage.state import check_current

if TYPE_CHECKING:
    import dask.dataframe as dd
    from distributed import Client

    from dask_synth.storage.integrity import Finding


@dataclass(frozen=True)
class Dataset:
    """A committed dataset."""

    path: Path
    manifest: Manifest

    @property
    def metrics(self) -> Path:
        """The folder that Parquet readers take as it is."""
        return self.path / METRICS

    @property
    def columns(self) -> Columns:
        """The columns of the rows, in their order."""
        further = self.manifest.config.get("metrics", {}).values()
        return Columns(tuple(Column(one["column"], pa.float64(), one["unit"], one["meaning"]) for one in further))

    def parts(self) -> list[Path]:
        """Return the Parquet files of the metrics, as the manifest lists them."""
        return [self.path / entry.path for entry in self.manifest.files if entry.path.startswith(f"{METRICS}/")]

    def texts(self) -> list[Path]:
        """Return the CSV.gz files, as the manifest lists them."""
        return [self.path / entry.path for entry in self.manifest.files if entry.path.endswith(".csv.gz")]

    @property
    def servers(self) -> Path:
        """The file that holds one row a server."""
        return self.path / next(entry.path for entry in self.manifest.files if entry.path.startswith(SERVERS_STEM))

    def frame(self) -> dd.DataFrame:
        """Return the rows as a lazy Dask DataFrame, in the documented columns, order and dtypes.

        Where the dataset has no Parquet, they are read from CSV.gz: one partition a file, since gzip cannot be split.
        Where the dataset is replaced before it is read, that raises ReplacedError: never another dataset's rows.
        """
        import dask.dataframe as dd

        from dask_synth.storage.reading import CommittedFiles, read_text

        meta = empty_frame(self.manifest.categories, self.columns)
        frame: dd.DataFrame
        if not self.parts():
            texts = [entry for entry in self.manifest.files if entry.path.endswith(".csv.gz")]
            known = {"root": self.path, "digest": self.manifest.digest, "layout": self.columns}
            known |= {"categories": self.manifest.categories, "meta": meta}
            frame = dd.from_map(read_text, texts, **known, enforce_metadata=False, label="read-csv")
            return frame
        names = [entry.path for entry in self.manifest.files if entry.path.startswith(f"{METRICS}/")]
        # Dask takes the files' categories as known and empty, and the Hive key's in the order of its folders.
        types = {name: meta.dtypes[name] for name in CATEGORICAL}
        files = CommittedFiles(self.path, self.manifest.digest)
        frame = dd.read_parquet(names, filesystem=files, dataset={"partitioning": self._hive()})
        frame = frame[list(self.columns.names)].astype(types)
        return frame

    def check_current(self) -> None:
        """Raise ReplacedError unless this dataset is still the one at its path."""
        check_current(self.path, self.manifest.digest)

    def _hive(self) -> dict[str, Any]:
        types = pa.array(self.manifest.categories[PARTITION_KEY], pa.string())
        schema = pa.schema([(PARTITION_KEY, CATEGORY)])
        return {"flavor": "hive", "schema": schema, "dictionaries": {PARTITION_KEY: types}}

    def verify(self, client: Client | None = None) -> list[Finding]:
        """Re-hash every file, on the client's cluster where one is given; return what is not as it was committed."""
        from dask_synth.quality.one_pass import start_pass

        return list(start_pass(self, client)().findings)


def open_dataset(path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> Dataset:
    """Open a committed dataset.

    Parameters
    ----------
    path
        A folder, or a URL such as ``s3://bucket/fleet``.
    storage_options
        What an object store's client is given, besides what the environment says.

    Raises
    ------
    OutputError
        If there is none at `path`, what is there was never committed, or its manifest is damaged.
    """
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
        return Dataset(root, Manifest.from_json(text))
    except DamagedRecordError as error:
        raise DamagedManifestError(f"{str(root / MANIFEST_NAME)!r} is damaged: {error}") from None
