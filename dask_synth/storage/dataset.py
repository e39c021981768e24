"""A dataset on disk: where its files lie, and how to get at a committed one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dask_synth.errors import DamagedManifestError, OutputError
from dask_synth.schema import CATEGORICAL, CATEGORY, NAMES, PARTITION_KEY, empty_frame
from dask_synth.storage.manifest import MANIFEST_NAME, PLAN_NAME, DamagedRecordError, Manifest

if TYPE_CHECKING:
    import dask.dataframe as dd
    from distributed import Client

    from dask_synth.storage.integrity import Finding

METRICS = "metrics"
CSV_FOLDER = "csv"
SERVERS_NAME = "servers.parquet"
CSV_NAME = "server_metrics_full.csv.gz"


def parquet_part(server_type: str, index: int) -> str:
    """Return the name of a chunk's Parquet file (Hive layout)."""
    return f"{METRICS}/server_type={server_type}/part-{index:05d}.parquet"


def csv_part(index: int) -> str:
    """Return the name of a chunk's CSV.gz file, before all are joined into one."""
    return f"{CSV_FOLDER}/part-{index:05d}.csv.gz"


@dataclass(frozen=True)
class Dataset:
    """A committed dataset."""

    path: Path
    manifest: Manifest

    @property
    def metrics(self) -> Path:
        """The folder that Parquet readers take as it is."""
        return self.path / METRICS

    def parts(self) -> list[Path]:
        """Return the Parquet files of the metrics, as the manifest lists them."""
        return [self.path / entry.path for entry in self.manifest.files if entry.path.startswith(f"{METRICS}/")]

    def frame(self) -> dd.DataFrame:
        """Return the rows as a lazy Dask DataFrame, in the documented columns, order and dtypes.

        Where the dataset has no Parquet, they are read from CSV.gz: one partition, since gzip cannot be split.
        """
        import dask.dataframe as dd

        dtypes = empty_frame(self.manifest.categories).dtypes
        frame: dd.DataFrame
        if parts := self.parts():
            # Dask takes the files' categories as known and empty, and the Hive key's in the order of its folders.
            known = {name: dtypes[name] for name in CATEGORICAL}
            frame = dd.read_parquet(parts, dataset={"partitioning": self._hive()})[list(NAMES)].astype(known)
        else:
            typed = dtypes.drop("timestamp").to_dict()
            frame = dd.read_csv(self.path / CSV_NAME, blocksize=None, dtype=typed, parse_dates=["timestamp"])
        return frame

    def _hive(self) -> dict[str, Any]:
        types = pa.array(self.manifest.categories[PARTITION_KEY], pa.string())
        schema = pa.schema([(PARTITION_KEY, CATEGORY)])
        return {"flavor": "hive", "schema": schema, "dictionaries": {PARTITION_KEY: types}}

    def verify(self, client: Client | None = None) -> list[Finding]:
        """Re-hash every file, on the client's cluster where one is given; return what is not as it was committed."""
        from dask_synth.pipeline.verify import verify

        return verify(self, client)


def open_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Open a committed dataset.

    Raises
    ------
    OutputError
        If there is none at `path`, what is there was never committed, or its manifest is damaged.
    """
    root = Path(path)
    try:
        text = (root / MANIFEST_NAME).read_bytes()
    except OSError:
        if not root.exists():
            raise OutputError(f"there is no dataset at {str(root)!r}: the folder does not exist") from None
        begun = (
            f": a run was begun in it; finish that with --resume --output {root}" if (root / PLAN_NAME).exists() else ""
        )
        raise OutputError(f"{str(root)!r} holds no finished dataset (no {MANIFEST_NAME}){begun}") from None
    try:
        return Dataset(root.absolute(), Manifest.from_json(text))
    except DamagedRecordError as error:
        raise DamagedManifestError(f"{str(root / MANIFEST_NAME)!r} is damaged: {error}") from None
