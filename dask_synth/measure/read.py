"""A file's bytes to its rows, repaired in nothing: one that cannot be decoded has none.

That its rows are missing is seen then, and the check of the files says why.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.exactly_once.reading import read_csv
from dask_synth.schema import BUILT_IN, CATEGORICAL, PARTITION_KEY, Categories, Columns

TEXTS = [name for name in ("server_id", "app_name", *CATEGORICAL) if name != PARTITION_KEY]

UNREADABLE = (OSError, EOFError, zlib.error, ValueError)
"""What damaged Parquet, gzip, CSV and UTF-8 end in; Arrow's and pandas' own errors are kinds of ValueError."""


def decoded(data: bytes, name: str, categories: Categories, columns: Columns = BUILT_IN) -> pd.DataFrame | None:
    """Return the rows of a file of metrics, or None where its bytes hold none that can be read.

    Parameters
    ----------
    data
        The file's bytes.
    name
        Its path in the dataset, which tells its format and its archetype.
    categories
        The full list of values of each categorical column.
    columns
        Of the dataset.
    """
    try:
        if name.endswith(".parquet"):
            return _from_parquet(data, name, categories, columns)
        return read_csv(BytesIO(data), categories, columns)
    except (pa.ArrowException, *UNREADABLE):
        return None


def _from_parquet(data: bytes, name: str, categories: Categories, columns: Columns) -> pd.DataFrame:
    try:
        table = _table(data, TEXTS)
    except KeyError:  # one of the texts is missing, which the check of the columns says
        table = _table(data, [])
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    types, archetype = categories[PARTITION_KEY], PurePosixPath(name).parent.name.partition("=")[2]
    code = types.index(archetype) if archetype in types else -1
    frame[PARTITION_KEY] = pd.Categorical.from_codes(np.full(len(frame), code), pd.Index(types))
    return frame[[name for name in columns.names if name in frame]]


def _table(data: bytes, dictionaries: list[str]) -> pa.Table:
    with pq.ParquetFile(pa.BufferReader(data), read_dictionary=dictionaries) as file:
        return file.read(use_threads=False)
