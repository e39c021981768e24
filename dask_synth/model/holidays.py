"""Days that differ: US federal holidays by name, and the table of load factors that a configuration gives to days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Interval


@dataclass(frozen=True)
class Holiday:
    """A load factor on certain days: give `date`, or `first` and `last`, or `name`.

    Attributes
    ----------
    factor
        Load factor on these days.
    date
        ``MM-DD`` (every year) or ``YYYY-MM-DD`` (once).
    first, last
        A window of days, both included; ``MM-DD`` windows may run over the new year.
    name
        A US federal holiday as the `holidays` library names it, such as ``Thanksgiving Day``.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    factor: Annotated[float, Interval(ge=0, le=1e6)]
    date: str | None = None
    first: str | None = None
    last: str | None = None
    name: str | None = None

    def problem(self) -> str | None:
        """Say what is wrong with this entry, or None."""
        window = self.first is not None, self.last is not None
        if (self.date is not None) + any(window) + (self.name is not None) != 1 or window[0] != window[1]:
            return "give exactly one of: date, first and last together, name"
        if self.name is not None and self.name not in holiday_names():
            return f"holiday {self.name!r} is not known; known are {', '.join(sorted(holiday_names()))}"
        days = [day for day in (self.date, self.first, self.last) if day is not None]
        for day in days:
            if not _is_day(day):
                return f"{day!r} is not a day; write MM-DD (every year) or YYYY-MM-DD (once), in quotes"
        if self.first is not None and self.last is not None:
            if len(self.first) != len(self.last):
                return "first and last must both be MM-DD, or both YYYY-MM-DD"
            if len(self.first) > len("MM-DD") and self.first > self.last:
                return f"first {self.first!r} lies after last {self.last!r}"
        return None

    def covers(self, days: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
        """Return which of the (midnight) days this entry applies to."""
        if self.name is not None:
            table = us_holidays(days[0].year, days[-1].year)
            return np.asarray(days.isin([pd.Timestamp(day) for day, name in table.items() if self.name in name]))
        first, last = self.first or self.date, self.last or self.date
        if first is None or last is None:
            raise ValueError(self.problem())
        text = np.asarray(days.strftime("%m-%d" if len(first) == len("MM-DD") else "%Y-%m-%d"), dtype=str)
        after, before = text >= first, text <= last
        return after & before if first <= last else after | before


def _is_day(text: str) -> bool:
    day = text if len(text) > len("MM-DD") else f"2024-{text}"
    try:
        # fromisoformat also takes 20240101 and 2024-W01-1, which no day would be found equal to.
        return dt.date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False


DEFAULT_HOLIDAYS = (Holiday(factor=0.5, date="01-01"), Holiday(factor=0.6, first="12-25", last="12-31"))


def holiday_factors(days: pd.DatetimeIndex, table: tuple[Holiday, ...]) -> npt.NDArray[np.float64]:
    """Return each day's holiday load factor: the last entry that covers it, or 1."""
    factors = np.ones(len(days))
    for holiday in table:
        factors[holiday.covers(days)] = holiday.factor
    return factors


@lru_cache(maxsize=8)
def us_holidays(first_year: int, last_year: int) -> dict[dt.date, list[str]]:
    """Return the US federal holidays, observed days included, as date -> names."""
    table = holidays.country_holidays("US", years=range(first_year, last_year + 1))
    return {day: table.get_list(day) for day in sorted(table)}


@lru_cache(maxsize=1)
def holiday_names() -> frozenset[str]:
    """Return the names that the `holidays` library gives to US federal holidays."""
    return frozenset(name for names in us_holidays(2021, 2028).values() for name in names)
