"""An Arrow table of fleet rows to one gzip member of CSV, and back.

Members one after the other are one gzip file (RFC 1952, 2.2), so parts are joined without compressing again.
Numbers are the shortest text that reads back as the same double, so CSV and Parquet hold the same values.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
from isal import igzip

from dask_synth.schema import NAMES, Categories, Columns, empty_frame

if TYPE_CHECKING:
    import pandas as pd

GZIP_LEVEL = 1
BATCH_ROWS = 1 << 14
SPECIALS = (",", '"', "\n", "\r")


def encode_csv(table: pa.Table) -> bytes:
    """Return the rows as one gzip member, without a header line; the same table gives the same bytes.

    Text columns must come dictionary-encoded.
    """
    # Whole seconds: the grid has no fractions, and ".000000" on every row would be a twentieth of the file.
    seconds = table.column("timestamp").cast(pa.timestamp("s"))
    table = table.set_column(table.column_names.index("timestamp"), "timestamp", seconds)
    sink = pa.BufferOutputStream()
    # Arrow's "needed" quotes every text, needed or not.
    quoting = "needed" if _has_specials(table) else "none"
    options = pa_csv.WriteOptions(include_header=False, quoting_style=quoting, batch_size=BATCH_ROWS)
    pa_csv.write_csv(table, sink, options)
    return igzip.compress(sink.getvalue(), GZIP_LEVEL, mtime=0)


def encode_header(names: Iterable[str] = NAMES) -> bytes:
    """Return the header line as a gzip member of its own: it goes before the first part."""
    return igzip.compress(",".join(names).encode() + b"\n", GZIP_LEVEL, mtime=0)


def decode_csv(data: bytes, _: str, categories: Categories, columns: Columns) -> pd.DataFrame:
    """Return the rows of CSV.gz in the documented types; a text is what it says: NA is a name."""
    import pandas as pd

    dtypes: dict[Any, Any] = empty_frame(categories, columns).dtypes.drop("timestamp").to_dict()
    # In a text nothing stands for a missing value but nothing itself.
    frame: pd.DataFrame = pd.read_csv(
        BytesIO(data),
        compression="gzip",
        dtype=dtypes,
        parse_dates=["timestamp"],
        keep_default_na=False,
        na_values=[""],
    )
    return frame


def _has_specials(table: pa.Table) -> bool:
    texts = [column for column in table.columns if pa.types.is_dictionary(column.type)]
    values = [value for column in texts for chunk in column.chunks for value in chunk.dictionary.to_pylist()]
    return any(special in value for value in values for special in SPECIALS)
