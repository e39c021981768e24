"""What every row must say besides its metrics: the keys, calendar and metadata that follow from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.measure.redraw import NOT_AT_ALL, Recompute
from dask_synth.model.calendar import TimeGrid
from dask_synth.model.holidays import us_holidays
from dask_synth.model.spec import FleetSpec
from dask_synth.schema import CALENDAR, CATEGORICAL, PARTITION_KEY, Columns

Ints = npt.NDArray[np.int64]
TEXT_BY_SERVER = ("app_name", *CATEGORICAL)


@dataclass(frozen=True, eq=False)
class Reference:
    """The frame of a fleet: what a partition is held against. Small enough to travel with every task.

    Attributes
    ----------
    grid
        The timestamps.
    server_ids
        All of them, in order.
    categories
        The full list of values of each categorical column.
    metadata
        Text column -> its value for each server, (servers,) strings.
    calendar
        Calendar column -> its value on each day, (days,).
    spec
        What rows are drawn anew from.
    recompute
        Which rows are.
    """

    grid: TimeGrid
    server_ids: npt.NDArray[np.object_]
    categories: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, npt.NDArray[np.object_]]
    calendar: Mapping[str, npt.NDArray[np.int16]]
    spec: FleetSpec
    recompute: Recompute

    @classmethod
    def of(cls, spec: FleetSpec, recompute: Recompute = NOT_AT_ALL) -> Self:
        """Derive all of it from a fleet's specification."""
        fleet, categories = spec.fleet, spec.fleet.categories()
        codes = fleet.metadata_codes(spec.seed, 0, fleet.servers)
        metadata = {name: np.array(categories[name], object)[code] for name, code in codes.items()}
        metadata["app_name"] = np.array(fleet.app_names(codes["business_unit"].tolist(), 0), object)
        blocks = fleet.blocks()
        metadata[PARTITION_KEY] = np.repeat([block.archetype for block in blocks], [b.stop - b.start for b in blocks])
        return cls(
            grid=spec.grid,
            server_ids=np.array(fleet.server_ids(0, fleet.servers), object),
            categories={name: tuple(values) for name, values in categories.items()},
            metadata=metadata,
            calendar=expected_calendar(spec.grid),
            spec=spec,
            recompute=recompute,
        )

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
    def server_index(self) -> pd.Index:
        """The ids, for looking up positions."""
        return pd.Index(self.server_ids)

    def row_values(self, column: str, positions: Ints) -> npt.NDArray[np.int16]:
        """Return what a calendar column must be at these positions of the grid."""
        return self.calendar[column][positions // self.grid.rows_per_day]

    def timestamp(self, position: int) -> str:
        """Return the grid's timestamp at a position, as text."""
        return str(pd.Timestamp(np.datetime64(self.grid.start, "us") + position * self.step))


def expected_calendar(grid: TimeGrid) -> dict[str, npt.NDArray[np.int16]]:
    """Return each calendar column, by day: by counting days and months, apart from the code that makes the data."""
    day = np.datetime64(grid.start, "D") + np.arange(grid.days)
    months = day.astype("M8[M]").astype(np.int64)
    tomorrow = (day + np.timedelta64(1, "D")).astype("M8[M]").astype(np.int64)
    weekday = (day.astype(np.int64) + 3) % 7
    feasts = np.array(sorted(us_holidays(grid.start.year, grid.end.year)), "M8[D]")
    values = (
        months // 12 + 1970,
        months % 12 + 1,
        months % 12 // 3 + 1,
        weekday,
        weekday >= 5,
        tomorrow // 3 > months // 3,
        np.isin(day, feasts),
    )
    return {name: value.astype(np.int16) for name, value in zip(CALENDAR, values, strict=True)}
