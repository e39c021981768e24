"""A file's bytes to its rows, repaired in nothing: one that cannot be decoded has none.

That its rows are missing is seen then, and the check of the files says why.
"""

from __future__ import annotations

import zlib

import pandas as pd
import pyarrow as pa

from dask_synth.schema import BUILT_IN, Categories, Columns
from dask_synth.storage.formats import format_of

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
        format_ = format_of(name)
        return format_.decode(data, name, categories, columns) if format_ else None
    except (pa.ArrowException, *UNREADABLE):
        return None
