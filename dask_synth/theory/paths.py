"""Where the metrics of a server that is an individual lie over time, before noise.

Worked out from dates, zones, profile and the server's own numbers, apart from the model's code: what is proved must not
rest on the code that it proves.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import DAYS_PER_MONTH, Seasonality, TimeGrid
from dask_synth.model.cycles import cycle_numbers
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import UNITED_STATES
from dask_synth.model.localtime import zone_of
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import HOURS, Days, is_business_hour

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

WEEK = 7 * HOURS
SHARE = 95.0
"""Percentile of its server's day that a daily row stands for."""


@dataclass(frozen=True, eq=False)
class Clock:
    """The wall clock of a place at each row of a grid.

    Attributes
    ----------
    hour
        Of the week, 0 on Mondays from 00:00 to 00:59, (rows,); on daily grids the first of the row's date.
    special
        Quarter-end and holiday factor, (rows,).
    feast
        Holiday factor of it, (rows,).
    later
        Whether the clock is further ahead of UTC than it is at other times, as in summer, (rows,).
    """

    hour: Places
    special: Floats
    feast: Floats
    later: Flags

    @classmethod
    def of(cls, grid: TimeGrid, seasonality: Seasonality, place: Place) -> Self:
        """Read the clock of a place; a daily row stands for its date."""
        rows = max(grid.rows_per_day, HOURS)
        utc = pd.date_range(pd.Timestamp(grid.start), periods=grid.days * rows, freq=pd.Timedelta(days=1) / rows)
        local = local_time(utc, place)
        ahead = np.asarray((local - utc).to_numpy(), "m8[s]").astype(np.int64)
        near = np.maximum(5 - Days.of(grid, seasonality).to_quarter_end, 0) * seasonality.quarter_end
        if grid.rows_per_day == 1:
            local, ahead = utc[::HOURS], ahead[HOURS // 2 :: HOURS]
        feast = _holidays(local.normalize(), seasonality, place)
        return cls(
            hour=(local.day_of_week * HOURS + local.hour).to_numpy(np.int16),
            special=np.repeat(1 + 0.3 * near / 5, grid.rows_per_day) * feast,
            feast=feast,
            later=ahead > ahead.min(),
        )


def local_time(utc: pd.DatetimeIndex, place: Place) -> pd.DatetimeIndex:
    """Return what the clocks of a place show."""
    if place.timezone is None:
        return utc
    if isinstance(place.timezone, int):
        return utc + pd.Timedelta(hours=place.timezone)
    return utc.tz_localize(dt.UTC).tz_convert(zone_of(place.timezone)).tz_localize(None)


@lru_cache(maxsize=16)
def clock_of(grid: TimeGrid, seasonality: Seasonality, place: Place) -> Clock:
    """Return ``Clock.of``, remembered: all servers of a region share one."""
    return Clock.of(grid, seasonality, place)


def _holidays(days: pd.DatetimeIndex, seasonality: Seasonality, place: Place) -> Floats:
    distinct, where = np.unique(days.to_numpy(), return_inverse=True)
    factors = np.ones(len(distinct))
    for entry in seasonality.holidays:
        factors[entry.covers(pd.DatetimeIndex(distinct), place.holidays or UNITED_STATES)] = entry.factor
    return factors[where]


@dataclass(frozen=True, eq=False)
class Paths:
    """How the load of an archetype's servers runs.

    Attributes
    ----------
    profile, seasonality
        What decides it.
    clocks
        Of each region.
    months
        Since the start, (rows,).
    swing
        What the time of the year does, (rows,).
    daily
        Whether a row stands for a day of its server's.
    """

    profile: ArchetypeProfile
    seasonality: Seasonality
    clocks: tuple[Clock, ...]
    months: Floats
    swing: Floats
    daily: bool

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str) -> Self:
        """Work out what its servers share."""
        grid, profile = spec.grid, spec.archetypes[archetype]
        places = spec.fleet.places or (Place(),) * len(spec.fleet.regions)
        months = np.arange(grid.size) / grid.rows_per_day / DAYS_PER_MONTH
        day = np.datetime64(grid.start, "D") + np.arange(grid.days)
        of_year = (day - day.astype("M8[Y]").astype("M8[D]")).astype(np.int64) + 1
        swing = 1 + profile.yearly * np.cos(2 * np.pi * (of_year - profile.peak) / 365.25)
        return cls(
            profile=profile,
            seasonality=spec.seasonality,
            clocks=tuple(clock_of(grid, spec.seasonality, place) for place in places),
            months=months,
            swing=np.repeat(swing, grid.rows_per_day),
            daily=grid.rows_per_day == 1,
        )

    def load(self, region: int, strength: float, shift: int) -> Floats:
        """Return the load factor of a server at each row."""
        clock, week = self.clocks[region], self.week(strength, shift)
        if self.daily and self.profile.cycle is not None:
            week = np.repeat(np.percentile(week.reshape(7, HOURS), SHARE, axis=1), HOURS)
        return np.asarray(week[clock.hour] * clock.special * self.swing)

    def week(self, strength: float, shift: int) -> Floats:
        """Return the load factor by the local hour of the week."""
        profile, hour = self.profile, np.arange(WEEK)
        weekend = np.where((hour >= 5 * HOURS) & self.seasonality.weekly, profile.weekend, 1.0)
        if profile.cycle is None:
            busy = is_business_hour(hour % HOURS) & self.seasonality.business_hours
            return weekend * np.where(busy, profile.business_hours, 1.0)
        numbers = cycle_numbers(profile.cycle if self.seasonality.business_hours else "flat")
        table = np.tile(np.array(numbers) ** strength, 7) * weekend
        return np.roll(np.round(table / table.mean(), 6), -shift)
