"""Calendar cells: the parts of a grid whose statistics are known exactly.

The flags here are worked out from dates alone, apart from :mod:`dask_synth.model.calendar`, which makes the data: what
is proved must not rest on the code that it proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from dask_synth.model.calendar import Seasonality, TimeGrid
from dask_synth.model.holidays import Holiday

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOURS = 24
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


Kind = Literal[
    "all",
    "weekday",
    "weekend",
    "weekday_name",
    "quarter_end",
    "quarter_middle",
    "days_before_quarter_end",
    "ordinary_day",
    "holiday",
    "business_hours",
    "other_hours",
    "hour",
]


class Cell(NamedTuple):
    """Part of a grid.

    Attributes
    ----------
    name
        Short, for names of checks: ``weekend``, ``hour_09``.
    words
        After the metric in a sentence: ``on weekends``.
    kind, number
        What sort of part it is, and which of its sort: an hour, a weekday, an entry of the holidays.
    days
        Which days of the grid, bool (days,).
    business
        Which hours of them: business hours, the others, or all (None).
    hour
        One hour of the day, or all (None).
    """

    name: str
    words: str
    kind: Kind
    number: int
    days: Flags
    business: bool | None = None
    hour: int | None = None

    @property
    def fine(self) -> bool:
        """Whether it is one hour of the day or one day of the week: there to tell where a mean is off."""
        return self.kind in ("hour", "weekday_name")

    def covers(self, day: npt.NDArray[np.int64], hour: npt.NDArray[np.int64]) -> Flags:
        """Return which (day, hour) pairs lie in this cell."""
        inside = self.days[day]
        if self.business is not None:
            inside = inside & (is_business_hour(hour) == self.business)
        return inside if self.hour is None else inside & (hour == self.hour)


@dataclass(frozen=True, eq=False)
class Days:
    """What decides the load of each day of a grid, one element a day.

    Attributes
    ----------
    weekday
        Monday 0 .. Sunday 6.
    to_quarter_end
        Days before the last day of a quarter, 0 on it.
    holiday
        Position of the holiday entry that counts, or -1.
    factor
        Its load factor, or 1.
    """

    weekday: npt.NDArray[np.int64]
    to_quarter_end: npt.NDArray[np.int64]
    holiday: npt.NDArray[np.int64]
    factor: Floats

    @classmethod
    def of(cls, grid: TimeGrid, seasonality: Seasonality) -> Self:
        """Count days from 1970-01-01, a Thursday; a quarter ends where the next day begins month 1, 4, 7 or 10."""
        day = np.datetime64(grid.start, "D") + np.arange(grid.days)
        quarter = day.astype("M8[M]").astype(np.int64) // 3 * 3 + 3
        last = quarter.astype("M8[M]").astype("M8[D]") - np.timedelta64(1, "D")
        entries = seasonality.holidays
        covered = np.stack([np.full(grid.days, True), *(entry.covers(pd.DatetimeIndex(day)) for entry in entries)])
        holiday = len(entries) - 1 - np.argmax(covered[::-1], axis=0)
        factors = np.array([*(entry.factor for entry in entries), 1.0])
        left = last.astype(np.int64) - day.astype(np.int64)
        return cls((day.astype(np.int64) + 3) % 7, left, holiday, factors[holiday])


def is_business_hour(hour: npt.NDArray[np.int64]) -> Flags:
    """Return where the hour is one of 9, ..., 17."""
    return np.isin(hour, range(9, 18))


def calendar_cells(grid: TimeGrid, seasonality: Seasonality) -> list[Cell]:
    """List the cells of a grid that hold any time at all."""
    days, every = Days.of(grid, seasonality), np.full(grid.days, True)
    weekend, near = days.weekday >= 5, days.to_quarter_end < 5
    by_day: list[tuple[str, str, Kind, int, Flags]] = [
        ("all", "overall", "all", 0, every),
        ("weekday", "on weekdays", "weekday", 0, ~weekend),
        ("weekend", "on weekends", "weekend", 0, weekend),
        *((name.lower()[:-1], f"on {name}", "weekday_name", i, days.weekday == i) for i, name in enumerate(WEEKDAYS)),
        ("quarter_end", "in the last 5 days of a quarter", "quarter_end", 0, near),
        ("quarter_middle", "outside the last 5 days of a quarter", "quarter_middle", 0, ~near),
        *(
            (f"quarter_end_{d}", _before_quarter_end(d), "days_before_quarter_end", d, days.to_quarter_end == d)
            for d in range(6)
        ),
        ("ordinary_day", "on days without a holiday factor", "ordinary_day", 0, days.holiday < 0),
        *(
            (f"holiday_{i}", f"on {_holiday_words(h)}", "holiday", i, days.holiday == i)
            for i, h in enumerate(seasonality.holidays)
        ),
    ]
    cells = [Cell(*row) for row in by_day]
    if grid.rows_per_day >= HOURS:
        sides: tuple[tuple[bool, Kind, str], ...] = (
            (True, "business_hours", "business hours"),
            (False, "other_hours", "other hours"),
        )
        for business, kind, words in sides:
            cells += [
                Cell(kind, f"in {words}", kind, 0, every, business),
                Cell(f"weekday_{kind}", f"on weekdays in {words}", kind, 0, ~weekend, business),
                Cell(f"weekend_{kind}", f"on weekends in {words}", "weekend", 1, weekend, business),
            ]
        cells += [
            Cell(f"hour_{h:02d}", f"from {h:02d}:00 to {h:02d}:59", "hour", h, every, None, h) for h in range(HOURS)
        ]
    return [cell for cell in cells if cell.days.any()]


class Contrast(NamedTuple):
    """Two parts of a grid whose means are compared: positions in the list of cells.

    Attributes
    ----------
    name, words
        Of the effect.
    above, below
        The mean of the first is divided by that of the second.
    """

    name: str
    words: str
    above: int
    below: int


EFFECTS = {
    "weekend": ("weekday", "weekend effect"),
    "business_hours": ("other_hours", "business-hours effect"),
    "quarter_end": ("quarter_middle", "quarter-end effect"),
}
"""Cell -> the cell that its mean is divided by, and words. Every holiday is divided by ordinary days."""


def contrasts(cells: Sequence[Cell]) -> list[Contrast]:
    """List the effects that a grid's cells show."""
    position = {cell.name: i for i, cell in enumerate(cells)}
    holidays = {c.name: ("ordinary_day", f"effect of {c.name}") for c in cells if c.kind == "holiday"}
    return [
        Contrast(name, words, position[name], position[below])
        for name, (below, words) in {**EFFECTS, **holidays}.items()
        if name in position and below in position
    ]


def _before_quarter_end(days: int) -> str:
    return "on the last day of a quarter" if days == 0 else f"{days} day{'s' * (days > 1)} before a quarter's last day"


def _holiday_words(holiday: Holiday) -> str:
    return holiday.name or holiday.date or f"{holiday.first} to {holiday.last}"
