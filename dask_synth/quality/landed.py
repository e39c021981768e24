"""A dataset's rows as they lie in its files, repaired in nothing: a part that cannot be read has no rows.

That its rows are missing is seen then, and the check of the files says why.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.schema import CATEGORICAL, NAMES, PARTITION_KEY, Categories, empty_frame
from dask_synth.storage.dataset import Dataset
from dask_synth.storage.places import readable, reading
from dask_synth.storage.reading import read_csv

TEXTS = [name for name in ("server_id", "app_name", *CATEGORICAL) if name != PARTITION_KEY]

UNREADABLE = (OSError, EOFError, zlib.error, ValueError)
"""What damaged Parquet, gzip, CSV and UTF-8 end in; Arrow's and pandas' own errors are kinds of ValueError."""


def landed(dataset: Dataset) -> dd.DataFrame:
    """Return a dataset's rows, a partition a file, texts as dictionaries; from CSV.gz where there is no Parquet."""
    parts = dataset.parts()
    read = _read_parquet if parts else _read_csv
    # Dask would turn texts into another type of texts, and the dictionaries with them.
    with dask.config.set({"dataframe.convert-string": False}):
        frame: dd.DataFrame = dd.from_map(
            read,
            parts or dataset.texts(),
            categories=dataset.manifest.categories,
            meta=empty_frame(dataset.manifest.categories),
            enforce_metadata=False,
            label="read-part",
        )
    return frame


def _read_parquet(path: Path, categories: Categories) -> pd.DataFrame:
    with reading(path):
        try:
            table = _table(path, TEXTS)
        except KeyError:  # one of the texts is missing, which the check of the columns says
            table = _table(path, [])
        except (pa.ArrowException, *UNREADABLE):
            return empty_frame(categories)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    types, archetype = categories[PARTITION_KEY], path.parent.name.partition("=")[2]
    code = types.index(archetype) if archetype in types else -1
    frame[PARTITION_KEY] = pd.Categorical.from_codes(np.full(len(frame), code), pd.Index(types))
    return frame[[name for name in NAMES if name in frame]]


def _table(path: Path, dictionaries: list[str]) -> pa.Table:
    with pq.ParquetFile(readable(path), read_dictionary=dictionaries) as file:
        return file.read(use_threads=False)


def _read_csv(path: Path, categories: Categories) -> pd.DataFrame:
    with reading(path):
        try:
            return read_csv(readable(path), categories)
        except UNREADABLE:
            return empty_frame(categories)
