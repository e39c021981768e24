"""What every row must say besides its metrics: the keys, calendar and metadata that follow from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dask_synth.measure.redraw import NOT_AT_ALL, Recompute
from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import ID_PREFIX, Fleet
from dask_synth.model.holidays import UNITED_STATES, public_holidays
from dask_synth.model.spec import FleetSpec
from dask_synth.schema import CALENDAR, CATEGORICAL, PARTITION_KEY, Columns

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Texts = npt.NDArray[np.object_]
TEXT_BY_SERVER = ("app_name", *CATEGORICAL)


@dataclass(frozen=True, eq=False)
class Planned:
    """The frame of a fleet: what a partition is held against.

    It travels with every task, so it carries the specification alone, 2 kB for any number of servers. What a partition
    needs is derived where it is needed, for the servers that are there.

    Attributes
    ----------
    spec
        What all of it follows from, and what rows are drawn anew from.
    recompute
        Which rows are.
    """

    spec: FleetSpec
    recompute: Recompute = NOT_AT_ALL

    @classmethod
    def of(cls, spec: FleetSpec, recompute: Recompute = NOT_AT_ALL) -> Self:
        """Hold rows against a fleet's specification."""
        return cls(spec, recompute)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what was derived."""
        return type(self), (self.spec, self.recompute)

    @property
    def grid(self) -> TimeGrid:
        """The timestamps."""
        return self.spec.grid

    @property
    def servers(self) -> int:
        """How many servers are planned."""
        return self.spec.fleet.servers

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metric columns."""
        return self.spec.metrics.names

    @cached_property
    def columns(self) -> Columns:
        """The columns of a dataset of this fleet."""
        return Columns.of(self.spec.metrics.columns)

    @property
    def step(self) -> np.timedelta64:
        """Time between two rows of a server."""
        return np.timedelta64(24 * 60 * 60 * 1_000_000 // self.grid.rows_per_day, "us")

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """A whole number below 2 ** 20 for each position: their sum over a server tells which positions it has."""
        # The golden ratio's multiples spread out (Knuth, TAOCP 3, 6.4); sums stay exact up to 2 ** 33 rows a server.
        return np.asarray(
            np.arange(1, self.grid.size + 1, dtype=np.uint64) * np.uint64(11400714819323198485) >> 44, float
        )

    @cached_property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The full list of values of each categorical column."""
        return {name: tuple(values) for name, values in self.spec.fleet.categories().items()}

    def server_id(self, server: int) -> str:
        """Return the id of the server at a position in the fleet."""
        return self.spec.fleet.server_ids(server, server + 1)[0]

    def positions(self, ids: pd.Index) -> Ints:
        """Return where in the fleet servers of these ids stand; -1 for what is no id of the plan."""
        # No id has a letter beyond ASCII; what Arrow could not hold as text is none.
        texts = pa.array([text if isinstance(text, str) and text.isascii() else "" for text in ids], pa.string())
        planned = pc.match_substring_regex(texts, rf"\A{ID_PREFIX}[0-9]{{{self.spec.fleet.id_digits}}}\z").to_numpy(
            zero_copy_only=False
        )
        positions = np.full(len(texts), -1, np.int64)
        numbers = pc.utf8_slice_codeunits(texts.filter(pa.array(planned)), len(ID_PREFIX)).cast(pa.int64()).to_numpy()
        positions[planned] = np.where(numbers < self.servers, numbers, -1)
        return positions

    def codes(self, column: str, servers: Ints) -> npt.NDArray[np.integer]:
        """Return what a categorical column must be for these servers, as places in `categories`."""
        fleet = self.spec.fleet
        if column == PARTITION_KEY:
            blocks = fleet.blocks()
            of_block = [self.categories[column].index(block.archetype) for block in blocks]
            return np.array(of_block)[np.searchsorted([block.stop for block in blocks], servers, side="right")]
        return metadata_of(fleet, self.spec.seed)[column][servers]

    def texts(self, column: str, servers: Ints) -> Texts:
        """Return what a text column must be for these servers, as texts."""
        if column == "server_id":
            return _by_runs(servers, self.spec.fleet.server_ids)
        if column == "app_name":
            return _by_runs(servers, self._app_names)
        return np.asarray(np.array(self.categories[column], object)[self.codes(column, servers)])

    def _app_names(self, start: int, stop: int) -> list[str]:
        fleet, seed = self.spec.fleet, self.spec.seed
        units = metadata_of(fleet, seed)["business_unit"][start:stop].tolist()
        return fleet.app_names(units, start, fleet.pools(seed, start, stop))

    def row_values(self, column: str, positions: Ints) -> npt.NDArray[np.int16]:
        """Return what a calendar column must be at these positions of the grid."""
        return expected_calendar(self.grid)[column][positions // self.grid.rows_per_day]

    def regional_holidays(self, positions: Ints) -> npt.NDArray[np.bool_] | None:
        """Return which of these positions of the grid are holidays, a row a region; None where all keep the US ones."""
        calendars = self.spec.fleet.calendars
        if not calendars:
            return None
        days = positions // self.grid.rows_per_day
        return np.stack([expected_holidays(self.grid, calendar)[days] for calendar in calendars])

    def timestamp(self, position: int) -> str:
        """Return the grid's timestamp at a position, as text."""
        return str(pd.Timestamp(np.datetime64(self.grid.start, "us") + position * self.step))


@lru_cache(maxsize=2)
def metadata_of(fleet: Fleet, seed: int) -> dict[str, Codes]:
    """Return the metadata of all servers as codes, remembered: 3 bytes a server, once a process."""
    # A server's numbers follow those of the server before, so a part's alone would cost as much as all up to it.
    return fleet.metadata_codes(seed, 0, fleet.servers)


def _by_runs(servers: Ints, make: Callable[[int, int], list[str]]) -> Texts:
    """Make the texts of servers, a run of neighbours at a time: the servers of a part are usually one."""
    edges = np.flatnonzero(np.diff(servers) != 1) + 1
    runs = zip([0, *edges], [*edges, len(servers)], strict=True) if len(servers) else ()
    made = np.empty(len(servers), object)
    for first, last in runs:
        made[first:last] = make(int(servers[first]), int(servers[last - 1]) + 1)
    return made


@lru_cache(maxsize=2)
def expected_calendar(grid: TimeGrid) -> dict[str, npt.NDArray[np.int16]]:
    """Return each calendar column, by day: by counting days and months, apart from the code that makes the data."""
    day = np.datetime64(grid.start, "D") + np.arange(grid.days)
    months = day.astype("M8[M]").astype(np.int64)
    tomorrow = (day + np.timedelta64(1, "D")).astype("M8[M]").astype(np.int64)
    weekday = (day.astype(np.int64) + 3) % 7
    values = (
        months // 12 + 1970,
        months % 12 + 1,
        months % 12 // 3 + 1,
        weekday,
        weekday >= 5,
        tomorrow // 3 > months // 3,
        expected_holidays(grid, UNITED_STATES),
    )
    return {name: value.astype(np.int16) for name, value in zip(CALENDAR, values, strict=True)}


@lru_cache(maxsize=64)
def expected_holidays(grid: TimeGrid, calendar: str) -> npt.NDArray[np.bool_]:
    """Return which days are public holidays of a calendar."""
    feasts = np.array(sorted(public_holidays(calendar, grid.start.year, grid.end.year)), "M8[D]")
    return np.isin(np.datetime64(grid.start, "D") + np.arange(grid.days), feasts)
