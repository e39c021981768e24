"""The time grid, the calendar columns on it, and the load factors that follow from them.

Everything here is decided by the timestamp itself, never by the ends of the range, so a longer run begins with the
same rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.holidays import DEFAULT_HOLIDAYS, UNITED_STATES, Holiday, holiday_factors, public_holidays

DAY = 24 * 60
GRANULARITIES: Mapping[str, int] = {
    "daily": DAY,
    "hourly": 60,
    "30min": 30,
    "15min": 15,
    "5min": 5,
    "1min": 1,
}
"""Granularity -> minutes between two rows of a server."""

DAYS_PER_MONTH = 30.4375
"""365.25 / 12: what "a month" means in a growth rate."""

BUSINESS_HOURS = (9, 17)
QUARTER_END_DAYS = 5
QUARTER_END_PEAK = 0.3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TimeGrid:
    """Evenly spaced naive-UTC timestamps, from `start` 00:00 through the whole of `end`, both days included."""

    start: dt.date
    end: dt.date
    granularity: str

    @property
    def days(self) -> int:
        """Number of calendar days."""
        return (self.end - self.start).days + 1

    @property
    def rows_per_day(self) -> int:
        """Number of rows a day and server."""
        return DAY // GRANULARITIES[self.granularity]

    @property
    def size(self) -> int:
        """Number of timestamps."""
        return self.days * self.rows_per_day

    def timestamps(self) -> npt.NDArray[np.datetime64]:
        """Return all timestamps, ``datetime64[us]``, ascending."""
        step = np.timedelta64(GRANULARITIES[self.granularity], "m").astype("m8[us]")
        return np.asarray(np.datetime64(self.start, "us") + np.arange(self.size) * step)

    def span(self, first_row: int = 0) -> tuple[dt.datetime, dt.datetime]:
        """Return the timestamps of `first_row` and of the last row."""
        step = dt.timedelta(minutes=GRANULARITIES[self.granularity])
        start = dt.datetime.combine(self.start, dt.time())
        return start + first_row * step, start + (self.size - 1) * step


@dataclass(frozen=True)
class Seasonality:
    """Which seasons act on the load. Where several holidays cover a day, the last one listed counts.

    Attributes
    ----------
    weekly
        Whether weekends differ.
    business_hours
        Whether the hours from 9 through 17 differ.
    quarter_end
        Whether load rises over the last five days of a quarter.
    holidays
        Days with a load factor of their own.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    weekly: bool = True
    business_hours: bool = True
    quarter_end: bool = True
    holidays: tuple[Holiday, ...] = DEFAULT_HOLIDAYS


@dataclass(frozen=True, eq=False)
class Calendar:
    """A grid's calendar, one element a timestamp: the dataset's columns, and what load factors need besides.

    Attributes
    ----------
    columns
        The calendar columns by name, in the dataset's order and dtypes.
    hour
        Hour of the day, int8.
    quarter_end_lift
        0.3 * (5 - d) / 5, d days before the end of a quarter, d < 5; else 0.
    holiday
        The holiday load factor.
    months
        Elapsed months of 30.4375 days since the start, fractional.
    """

    columns: Mapping[str, npt.NDArray[np.generic]]
    hour: npt.NDArray[np.int8]
    quarter_end_lift: Floats
    holiday: Floats
    months: Floats

    @classmethod
    def of(cls, grid: TimeGrid, seasonality: Seasonality) -> Self:
        """Compute day by day, then spread over the rows of each day."""
        days = pd.date_range(grid.start, grid.end, freq="D", unit="us")

        def each_row(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.repeat(values, grid.rows_per_day)

        days_left = (days.days_in_month - days.day).to_numpy() + np.where(days.month % 3 == 0, 0, 31)
        lift = QUARTER_END_PEAK * np.maximum(QUARTER_END_DAYS - days_left, 0) / QUARTER_END_DAYS
        hours = np.arange(grid.rows_per_day) * GRANULARITIES[grid.granularity] // 60
        return cls(
            columns={name: each_row(values) for name, values in calendar_columns(days).items()},
            hour=np.tile(hours.astype(np.int8), grid.days),
            quarter_end_lift=each_row(lift),
            holiday=each_row(holiday_factors(days, seasonality.holidays)),
            months=np.arange(grid.size) / grid.rows_per_day / DAYS_PER_MONTH,
        )

    @property
    def is_business_hours(self) -> npt.NDArray[np.bool_]:
        """Where 9 <= hour <= 17."""
        return (self.hour >= BUSINESS_HOURS[0]) & (self.hour <= BUSINESS_HOURS[1])


@lru_cache(maxsize=2)
def calendar_of(grid: TimeGrid, seasonality: Seasonality) -> Calendar:
    """Return ``Calendar.of``, remembered: all chunks of a run share one."""
    return Calendar.of(grid, seasonality)


def calendar_columns(days: pd.DatetimeIndex) -> dict[str, npt.NDArray[np.generic]]:
    """Return the dataset's calendar columns for these days (or timestamps), int16 year and int8 else."""
    return {
        "year": days.year.to_numpy(np.int16),
        "month": days.month.to_numpy(np.int8),
        "quarter": days.quarter.to_numpy(np.int8),
        "dayofweek": days.day_of_week.to_numpy(np.int8),
        "is_weekend": (days.day_of_week >= 5).astype(np.int8),
        "is_eoq": days.is_quarter_end.astype(np.int8),
        "is_holiday": holiday_flags(days),
    }


def holiday_flags(days: pd.DatetimeIndex, calendar: str = UNITED_STATES) -> npt.NDArray[np.int8]:
    """Return 1 for days (or timestamps) that are public holidays where a calendar is kept, else 0."""
    table = public_holidays(calendar, days[0].year, days[-1].year) if len(days) else {}
    return np.asarray(days.normalize().isin([pd.Timestamp(day) for day in table])).astype(np.int8)


@lru_cache(maxsize=2)
def regional_holidays(grid: TimeGrid, calendars: tuple[str, ...]) -> npt.NDArray[np.int8]:
    """Return the dataset's ``is_holiday`` where each of these calendars is kept: a row a calendar, by UTC date."""
    days = pd.date_range(grid.start, grid.end, freq="D", unit="us")
    flags = np.stack([holiday_flags(days, calendar) for calendar in calendars])
    return np.repeat(flags, grid.rows_per_day, axis=1)


def load_factor(profile: ArchetypeProfile, calendar: Calendar, seasonality: Seasonality) -> Floats:
    """Return business * weekend * quarter_end * holiday for each timestamp."""
    load = np.ones(len(calendar.hour))
    if seasonality.business_hours:
        load[calendar.is_business_hours] *= profile.business_hours
    if seasonality.weekly:
        load[calendar.columns["is_weekend"] == 1] *= profile.weekend
    if seasonality.quarter_end:
        load *= 1 + calendar.quarter_end_lift
    return np.asarray(load * calendar.holiday)


def growth_factor(profile: ArchetypeProfile, calendar: Calendar) -> Floats:
    """Return 1 + rate / 100 * months since the start."""
    return np.asarray(1 + profile.growth / 100 * calendar.months)
