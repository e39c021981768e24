"""The formats that a dataset's rows are written in: a row each. One more is its module, and a row here.

The first that a dataset has is the one that it is proved from and read back from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dask_synth.schema import Categories, Columns
from dask_synth.storage.csv import decode_csv, encode_csv, encode_header
from dask_synth.storage.parquet import decode_parquet, encode_parquet

if TYPE_CHECKING:
    import pandas as pd

PART = r"part-\d{5,}(?:-([0-9a-f]{8}))?"
"""What a part is called; those that were made before names ended in their run have none of it."""

ARCHETYPE = r"server_type=[A-Za-z][A-Za-z0-9_.-]*"
JOINED = "server_metrics_full"


@dataclass(frozen=True)
class Format:
    """How rows become files, and files rows.

    Attributes
    ----------
    folder, ending
        Where its parts lie, and what their names end in.
    encode
        An Arrow table and the run's id to the bytes of a part.
    decode
        A part's bytes, its path, the categories and the columns to rows; raises what damaged bytes end in.
    by_archetype
        Whether parts lie in a folder for each archetype (Hive), and do not say it themselves.
    head
        Where parts become one file in a folder: what stands before the first, from the names of the columns. A part
        that stays alone begins with it. So far CSV has one: what joins parts (`join_csv`) knows no other.
    """

    folder: str
    ending: str
    encode: Callable[[pa.Table, str], Any]
    decode: Callable[[bytes, str, Categories, Columns], pd.DataFrame]
    by_archetype: bool = False
    head: Callable[[tuple[str, ...]], bytes] | None = None

    @property
    def joined(self) -> str:
        """The name of the file that its parts become; empty where they stay."""
        return f"{JOINED}{self.ending}" if self.head else ""

    @property
    def pattern(self) -> str:
        """What the names of parts look like; the run is its group."""
        folder = f"{self.folder}/{ARCHETYPE}" if self.by_archetype else self.folder
        return f"{folder}/{PART}{re.escape(self.ending)}"

    def part(self, archetype: str, index: int, suffix: str) -> str:
        """Return the name of a chunk's file."""
        folder = f"{self.folder}/server_type={archetype}" if self.by_archetype else self.folder
        return f"{folder}/part-{index:05d}-{suffix}{self.ending}"

    def holds(self, name: str) -> bool:
        """Whether a file of a dataset is rows in this format."""
        return name.startswith(f"{self.folder}/") or (bool(self.joined) and name == self.joined)


FORMATS = {
    "parquet": Format("metrics", ".parquet", encode_parquet, decode_parquet, by_archetype=True),
    "csv": Format("csv", ".csv.gz", lambda table, _: encode_csv(table), decode_csv, head=encode_header),
}


def format_of(name: str) -> Format | None:
    """Return the format of a file of a dataset; None where it holds no rows."""
    return next((format_ for format_ in FORMATS.values() if format_.holds(name)), None)


def rows_of(names: list[str]) -> list[str]:
    """Return the files that a dataset's rows are read from: of the first format that there is."""
    held = ([name for name in names if format_.holds(name)] for format_ in FORMATS.values())
    return next((files for files in held if files), [])
