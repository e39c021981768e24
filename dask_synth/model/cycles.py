"""Rhythm: the load of a server by the hour of its own week, and by quarter's end, holidays and season.

With a cycle a server has a table of 168 numbers, which its region's local time looks up; without one it has business
hours and weekends, by local time as well. What all servers of a region share is made once a process.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import BUSINESS_HOURS, Seasonality, TimeGrid, calendar_of
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import UNITED_STATES, holiday_factors
from dask_synth.model.localtime import WEEK_HOURS, hours_of_week, local_hours
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]

DAY_HOURS = 24
DAYS_PER_YEAR = 365.25
TABLE_DECIMALS = 6
"""Powers differ in the last bits between processors; the rounded table does not."""
SEASON_DECIMALS = 12
BLOCK_ROWS = 1 << 14

NAMED_CYCLES: Mapping[str, tuple[float, ...]] = {
    "flat": (1.0,) * DAY_HOURS,
    "office": (
        *(0.663, 0.664, 0.669, 0.682, 0.714, 0.778, 0.887, 1.033, 1.196, 1.343, 1.448, 1.499),
        *(1.510, 1.499, 1.448, 1.343, 1.196, 1.033, 0.887, 0.779, 0.714, 0.682, 0.669, 0.664),
    ),
    "night": (
        *(0.738, 0.973, 2.293, 3.634, 2.293, 0.972, 0.738, 0.727, 0.727, 0.727, 0.727, 0.727),
        *(0.727,) * 12,
    ),
    "evening": (
        *(0.985, 0.883, 0.833, 0.814, 0.808, 0.806, 0.806, 0.806, 0.806, 0.806, 0.806, 0.806),
        *(0.808, 0.814, 0.833, 0.883, 0.985, 1.151, 1.359, 1.540, 1.612, 1.540, 1.359, 1.151),
    ),
}
"""Name -> 24 numbers with mean 1, the first for 00:00 to 00:59."""


def cycle_numbers(cycle: str | Sequence[float]) -> tuple[float, ...]:
    """Return the 24 numbers of a cycle, divided by their mean."""
    numbers = NAMED_CYCLES[cycle] if isinstance(cycle, str) else tuple(map(float, cycle))
    mean = sum(numbers) / len(numbers)
    return numbers if isinstance(cycle, str) else tuple(number / mean for number in numbers)


def cycle_problem(cycle: str | Sequence[float] | None) -> str | None:
    """Say what is wrong with a cycle, or None. Numbers of any mean are right: they are divided by it."""
    if cycle is None or (isinstance(cycle, str) and cycle in NAMED_CYCLES):
        return None
    if isinstance(cycle, str):
        close = difflib.get_close_matches(cycle, NAMED_CYCLES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(NAMED_CYCLES)}, or give 24 numbers"
        return f"cycle {cycle!r} is not known; {hint}"
    if len(cycle) != DAY_HOURS:
        return f"a cycle has 24 numbers, one an hour from 00:00 on, and these are {len(cycle)}"
    wrong = [f"{number:g} at {hour:02d}:00" for hour, number in enumerate(cycle) if not isfinite(number) or number < 0]
    if wrong:
        return f"a cycle has numbers of at least 0, not {', '.join(wrong)}"
    return None if any(cycle) else "a cycle of zeros alone has no shape; give load to one hour at least"


@dataclass(frozen=True)
class Loads:
    """Load factors of one archetype's servers over one grid, without growth.

    Attributes
    ----------
    grid, seasonality
        When, and which seasons act.
    places
        Where each region stands in time; empty: all keep UTC and the US holidays.
    profile
        The archetype's.
    """

    grid: TimeGrid
    seasonality: Seasonality
    places: tuple[Place, ...]
    profile: ArchetypeProfile

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str) -> Self:
        """Return the loads of an archetype."""
        return cls(spec.grid, spec.seasonality, spec.fleet.places, spec.archetypes[archetype])

    def of_server(self, region: int, strength: float, shift: int) -> Floats:
        """Return a server's load factor at each timestamp.

        Parameters
        ----------
        region
            Position among the fleet's regions.
        strength, shift
            The server's own, of its cycle: without a cycle they have no meaning.

        Returns
        -------
        numpy.ndarray
            One float64 a timestamp. Without a cycle all servers of a region share it, so it cannot be written to.
        """
        place = region if self.places else 0
        if self.profile.cycle is None:
            return self._without_cycle[place]
        table = week_table(self._numbers, strength, self._weekend)
        begin = shift % WEEK_HOURS
        table = np.concatenate([table[begin:], table[:begin]])
        if self.grid.rows_per_day == 1:
            table = np.repeat(_daily_percentiles(table), DAY_HOURS)
        index, shared = self._of_places[place]
        load = np.empty(self.grid.size)
        for start in range(0, self.grid.size, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            table.take(index[rows], out=load[rows], mode="clip")
            load[rows] *= shared[rows]
        return load

    @property
    def _weekend(self) -> float:
        return self.profile.weekend if self.seasonality.weekly else 1.0

    @cached_property
    def _numbers(self) -> Floats:
        cycle = self.profile.cycle
        return np.array(cycle_numbers("flat" if cycle is None or not self.seasonality.business_hours else cycle))

    @cached_property
    def _of_places(self) -> list[tuple[npt.NDArray[np.uint8], Floats]]:
        """Each region's hours of the week, and what all of its servers have in common."""
        season = self.profile.yearly, self.profile.peak
        return [
            (hours_of_week(self.grid, place.timezone), _shared_load(self.grid, self.seasonality, place, season))
            for place in self.places or (Place(),)
        ]

    @cached_property
    def _without_cycle(self) -> list[Floats]:
        factors = self.profile.business_hours if self.seasonality.business_hours else 1.0, self._weekend
        season = self.profile.yearly, self.profile.peak
        places = self.places or (Place(),)
        return [_business_load(self.grid, self.seasonality, place, factors, season) for place in places]


def week_table(numbers: Sequence[float] | Floats, strength: float, weekend: float) -> Floats:
    """Return the load by local hour of the week, Monday 00:00 first: mean 1, 6 decimals."""
    week = np.empty((7, DAY_HOURS))
    week[:5] = np.power(numbers, strength)
    week[5:] = week[0] * weekend
    week *= WEEK_HOURS / week.sum()
    return np.round(week, TABLE_DECIMALS, out=week).ravel()


def _daily_percentiles(table: Floats) -> Floats:
    """Return the 95th percentile of each day of a week, as ``numpy.percentile(..., 95)`` has it."""
    ordered = np.sort(table.reshape(-1, DAY_HOURS), axis=1)
    position = (DAY_HOURS - 1) * (95 / 100)
    below = int(position)
    low, high = ordered[:, below], ordered[:, below + 1]
    return np.asarray(high - (high - low) * (1 - (position - below)))


@lru_cache(maxsize=16)
def _shared_load(grid: TimeGrid, seasonality: Seasonality, place: Place, season: tuple[float, float]) -> Floats:
    """Return quarter_end * holiday * yearly, which all servers of a place have in common."""
    load = np.ones(grid.size)
    _add_shared(load, grid, seasonality, place, season)
    return load


@lru_cache(maxsize=8)
def _business_load(
    grid: TimeGrid, seasonality: Seasonality, place: Place, factors: tuple[float, float], season: tuple[float, float]
) -> Floats:
    """Return the load without a cycle, multiplied in the order that it always was, so that its bits stay."""
    hours = np.arange(WEEK_HOURS)
    business = (hours % DAY_HOURS >= BUSINESS_HOURS[0]) & (hours % DAY_HOURS <= BUSINESS_HOURS[1])
    table = np.where(business, factors[0], 1.0) * np.where(hours >= 5 * DAY_HOURS, factors[1], 1.0)
    load = table[hours_of_week(grid, place.timezone)]
    _add_shared(load, grid, seasonality, place, season)
    load.flags.writeable = False
    return load


def _add_shared(
    load: Floats, grid: TimeGrid, seasonality: Seasonality, place: Place, season: tuple[float, float]
) -> None:
    """Multiply by what follows from the date: the holiday's is local, the quarter's end and the season's UTC."""
    if seasonality.quarter_end:
        load *= 1 + calendar_of(grid, seasonality).quarter_end_lift
    day = local_hours(grid, place.timezone) // DAY_HOURS
    days = pd.DatetimeIndex(np.arange(day[0], day[-1] + 1).astype("M8[D]").astype("M8[us]"))
    factors = holiday_factors(days, seasonality.holidays, place.holidays or UNITED_STATES)
    load *= factors[day - day[0]]
    yearly, peak = season
    if yearly:
        of_year = pd.date_range(grid.start, grid.end, freq="D").day_of_year.to_numpy()
        wave = np.round(1 + yearly * np.cos(2 * np.pi * (of_year - peak) / DAYS_PER_YEAR), SEASON_DECIMALS)
        load *= np.repeat(wave, grid.rows_per_day)
