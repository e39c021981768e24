"""The columns of a fleet dataset: names, order, types and units.

One table, :data:`COLUMNS`, says what a dataset holds; the Arrow schema and the empty frame are read off it. This room
knows no values: the category lists come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

Categories = Mapping[str, Sequence[str]]
"""Column name -> its full list of categories, in order."""


class Column(NamedTuple):
    """One column: its name, Arrow type, unit and meaning."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


CATEGORY = pa.dictionary(pa.int8(), pa.string())

COLUMNS: tuple[Column, ...] = (
    Column("timestamp", pa.timestamp("us"), "UTC", "start of the sample's interval"),
    Column("server_id", pa.string(), "", "server_000 ..., at least 3 digits"),
    Column("cpu_p95", pa.float64(), "%", "95th percentile of CPU use, 0..100"),
    Column("mem_p95", pa.float64(), "%", "95th percentile of memory use, 0..100"),
    Column("disk_p95", pa.float64(), "%", "95th percentile of disk use, 0..100"),
    Column("net_in_p95", pa.float64(), "Mbps", "95th percentile of received traffic, 0..1000"),
    Column("net_out_p95", pa.float64(), "Mbps", "95th percentile of sent traffic, 0..600"),
    Column("app_name", pa.string(), "", "the application that the server runs"),
    Column("business_unit", CATEGORY, "", "who pays for it"),
    Column("criticality", CATEGORY, "", "how much it matters"),
    Column("region", CATEGORY, "", "where it stands"),
    Column("server_type", CATEGORY, "", "its archetype"),
    Column("year", pa.int16(), "", "calendar year"),
    Column("month", pa.int8(), "", "1..12"),
    Column("quarter", pa.int8(), "", "1..4"),
    Column("dayofweek", pa.int8(), "", "Monday 0 .. Sunday 6"),
    Column("is_weekend", pa.int8(), "0/1", "Saturday or Sunday"),
    Column("is_eoq", pa.int8(), "0/1", "last day of a quarter"),
    Column("is_holiday", pa.int8(), "0/1", "US federal holiday, by date"),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
METRICS: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.type == pa.float64())
CATEGORICAL: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.type == CATEGORY)
CALENDAR: tuple[str, ...] = NAMES[NAMES.index("year") :]
PARTITION_KEY = "server_type"
"""The Hive key: in the path of each Parquet file, so not inside it."""

SCHEMA: pa.Schema = pa.schema([(column.name, column.type) for column in COLUMNS])


def empty_frame(categories: Categories) -> pd.DataFrame:
    """Return a frame of no rows with the columns, order and dtypes of every dataset.

    Parameters
    ----------
    categories
        The full list of values of each categorical column.

    Returns
    -------
    pandas.DataFrame
        The ``meta`` of a lazy fleet frame.
    """
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array([], pa.int8()), pa.array(categories[column.name], pa.string()))
        if column.type == CATEGORY
        else pa.array([], column.type)
        for column in COLUMNS
    ]
    frame: pd.DataFrame = pa.Table.from_arrays(arrays, schema=SCHEMA).to_pandas()
    return frame
