"""The columns of a fleet dataset: names, order, types and units.

One table, :data:`COLUMNS`, says what every dataset holds; :class:`Columns` adds one dataset's further metrics. The
Arrow schema and the empty frame are read off it. This room knows no values: the caller has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

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
    Column("is_holiday", pa.int8(), "0/1", "US federal holiday, by date, or the region's"),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
METRICS: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.type == pa.float64())
CATEGORICAL: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.type == CATEGORY)
CALENDAR: tuple[str, ...] = NAMES[NAMES.index("year") :]
PARTITION_KEY = "server_type"
"""The Hive key: in the path of each Parquet file, so not inside it."""


def metric_column(name: str, unit: str = "", meaning: str = "") -> Column:
    """Return the column of a metric."""
    return Column(name, pa.float64(), unit, meaning)


class Described(Protocol):
    """What a column of a metric has to say of itself."""

    @property
    def name(self) -> str:
        """Of the column."""

    @property
    def unit(self) -> str:
        """Of its values."""

    @property
    def meaning(self) -> str:
        """In a sentence."""


@dataclass(frozen=True)
class Columns:
    """The columns of one dataset: those of every dataset, its further metrics behind the last of the metrics.

    Attributes
    ----------
    further
        The columns of its further metrics.
    """

    further: tuple[Column, ...] = ()

    @classmethod
    def of(cls, metrics: Iterable[Described]) -> Self:
        """Return the columns of a dataset of these metric columns, or of these further ones alone."""
        return cls(tuple(metric_column(m.name, m.unit, m.meaning) for m in metrics if m.name not in NAMES))

    @classmethod
    def named(cls, names: Iterable[str]) -> Self:
        """Return the columns of a dataset in which those of these names stand: what has no other type is a metric."""
        return cls(tuple(metric_column(name) for name in names if name not in NAMES))

    @cached_property
    def all(self) -> tuple[Column, ...]:
        """The columns in their order."""
        behind = NAMES.index(METRICS[-1]) + 1
        return (*COLUMNS[:behind], *self.further, *COLUMNS[behind:])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(column.name for column in self.all)

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics among them."""
        return (*METRICS, *(column.name for column in self.further))

    @cached_property
    def arrow(self) -> pa.Schema:
        """Their Arrow schema."""
        return pa.schema([(column.name, column.type) for column in self.all])


BUILT_IN = Columns()
"""The columns of a dataset without further metrics."""

SCHEMA: pa.Schema = BUILT_IN.arrow


def empty_frame(categories: Categories, columns: Columns = BUILT_IN) -> pd.DataFrame:
    """Return a frame of no rows with the columns, order and dtypes of a dataset.

    Parameters
    ----------
    categories
        The full list of values of each categorical column.
    columns
        Of the dataset.

    Returns
    -------
    pandas.DataFrame
        The ``meta`` of a lazy fleet frame.
    """
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array([], pa.int8()), pa.array(categories[column.name], pa.string()))
        if column.type == CATEGORY
        else pa.array([], column.type)
        for column in columns.all
    ]
    frame: pd.DataFrame = pa.Table.from_arrays(arrays, schema=columns.arrow).to_pandas()
    return frame
