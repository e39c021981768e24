"""A dataset on disk: where its files lie, and how to get at a committed one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dask_synth.errors import OutputError
from dask_synth.schema import CATEGORICAL, NAMES
from dask_synth.storage.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    import dask.dataframe as dd

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

    def frame(self) -> dd.DataFrame:
        """Return the rows as a lazy Dask DataFrame, in the documented columns, order and dtypes.

        Where the dataset has no Parquet, they are read from CSV.gz: one partition, since gzip cannot be split.
        """
        import dask.dataframe as dd

        from dask_synth.schema import empty_frame

        dtypes = empty_frame(self.manifest.categories).dtypes
        frame: dd.DataFrame
        if self.metrics.is_dir():
            # Dask takes the categories as known and empty, and the Hive key's in the order of its folders.
            frame = dd.read_parquet(self.metrics)[list(NAMES)].astype({name: dtypes[name] for name in CATEGORICAL})
        else:
            typed = dtypes.drop("timestamp").to_dict()
            frame = dd.read_csv(self.path / CSV_NAME, blocksize=None, dtype=typed, parse_dates=["timestamp"])
        return frame


def open_dataset(path: str | os.PathLike[str]) -> Dataset:
    """Open a committed dataset.

    Raises
    ------
    OutputError
        If there is none at `path`, or what is there was never committed.
    """
    root = Path(path)
    try:
        text = (root / MANIFEST_NAME).read_text(encoding="utf-8")
    except OSError:
        what = "is not there" if not root.exists() else f"holds no {MANIFEST_NAME}, so no finished dataset"
        raise OutputError(f"{str(root)!r} {what}") from None
    try:
        return Dataset(root, Manifest.model_validate_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise OutputError(f"{root / MANIFEST_NAME} is damaged: {place}: {first['msg']}") from None
