"""Days that differ: public holidays by name, and the table of load factors that a configuration gives to days."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar

import holidays
import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Interval

UNITED_STATES = "US"
"""Whose holidays count where nothing else is said."""
ANY = "any"
"""Stands for the name of every public holiday."""
ENGLISH = "en_US"


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
        A public holiday as the `holidays` library names it, such as ``Thanksgiving Day``, or ``any`` for all of them:
        a US federal holiday, or where a server's region keeps a calendar of its own, a day of that one.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    factor: Annotated[float, Interval(ge=0, le=1e6)]
    date: str | None = None
    first: str | None = None
    last: str | None = None
    name: str | None = None

    def problem(self, calendars: Iterable[str] = (UNITED_STATES,)) -> str | None:
        """Say what is wrong with this entry, or None; its name may be of any of these calendars."""
        window = self.first is not None, self.last is not None
        if (self.date is not None) + any(window) + (self.name is not None) != 1 or window[0] != window[1]:
            return "give exactly one of: date, first and last together, name"
        if self.name not in (None, ANY):
            known = {name for calendar in calendars for name in holiday_names(calendar)}
            if self.name not in known:
                return f"holiday {self.name!r} is not known; known are {', '.join(sorted(known))}"
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

    def covers(self, days: pd.DatetimeIndex, calendar: str = UNITED_STATES) -> npt.NDArray[np.bool_]:
        """Return which of the (midnight) days this entry applies to where a calendar is kept."""
        if self.name is not None:
            table = public_holidays(calendar, days[0].year, days[-1].year)
            meant = [day for day, names in table.items() if self.name in names or self.name == ANY]
            return np.asarray(days.isin([pd.Timestamp(day) for day in meant]))
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


def holiday_factors(
    days: pd.DatetimeIndex, table: tuple[Holiday, ...], calendar: str = UNITED_STATES
) -> npt.NDArray[np.float64]:
    """Return each day's holiday load factor where a calendar is kept: the last entry that covers it, or 1."""
    factors = np.ones(len(days))
    for holiday in table:
        factors[holiday.covers(days, calendar)] = holiday.factor
    return factors


def us_holidays(first_year: int, last_year: int) -> dict[dt.date, list[str]]:
    """Return the US federal holidays, observed days included, as date -> names."""
    return public_holidays(UNITED_STATES, first_year, last_year)


@lru_cache(maxsize=64)
def public_holidays(calendar: str, first_year: int, last_year: int) -> dict[dt.date, list[str]]:
    """Return the public holidays of a calendar, as date -> names: in the country's language, and in English if known.

    Parameters
    ----------
    calendar
        A country, or a country and its subdivision, as the `holidays` library has them: ``DE``, ``US-NY``.
    first_year, last_year
        Both included.
    """
    country, _, subdivision = calendar.partition("-")

    def table(language: str | None) -> holidays.HolidayBase:
        years = range(first_year, last_year + 1)
        return holidays.country_holidays(country, subdivision or None, years=years, language=language)

    # Without a language the library takes that of the machine: names would be others elsewhere.
    asked = holidays.country_holidays(country, subdivision or None)
    own = table(asked.default_language)
    names = {day: own.get_list(day) for day in sorted(own)}
    if ENGLISH in asked.supported_languages and asked.default_language != ENGLISH:
        english = table(ENGLISH)
        names = {day: [*of_day, *english.get_list(day)] for day, of_day in names.items()}
    return names


@lru_cache(maxsize=64)
def holiday_names(calendar: str = UNITED_STATES) -> frozenset[str]:
    """Return the names that the `holidays` library gives to a calendar's holidays."""
    return frozenset(name for names in public_holidays(calendar, 2021, 2028).values() for name in names)


def calendar_problem(calendar: str) -> str | None:
    """Say what is wrong with the name of a calendar, or None."""
    country, _, subdivision = calendar.partition("-")
    countries = holidays.list_supported_countries()
    if country not in countries:
        near = difflib.get_close_matches(country.upper(), countries, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "write it as in ISO 3166, such as 'DE'"
        return f"holidays of {calendar!r} are not known; {hint}"
    known = countries[country]
    if "-" in calendar and subdivision not in known:
        parts = f"known are {', '.join(known)}" if known else "it has none: leave it out"
        return f"holidays of {calendar!r} are not known: {subdivision!r} is no subdivision of {country}; {parts}"
    return None
