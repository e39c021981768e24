from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model.archetypes import PROFILES
from dask_synth.model.calendar import (
    GRANULARITIES,
    Calendar,
    Seasonality,
    TimeGrid,
    calendar_columns,
    growth_factor,
    load_factor,
)
from dask_synth.model.holidays import Holiday, holiday_factors, us_holidays
from tests import reference

FEDERAL = {
    2021: "01-01 01-18 02-15 05-31 06-18 06-19 07-04 07-05 09-06 10-11 11-11 11-25 12-24 12-25 12-31",
    2022: "01-01 01-17 02-21 05-30 06-19 06-20 07-04 09-05 10-10 11-11 11-24 12-25 12-26",
    2023: "01-01 01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-10 11-11 11-23 12-25",
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
}


def grid(first: str, last: str, granularity: str = "daily") -> TimeGrid:
    return TimeGrid(dt.date.fromisoformat(first), dt.date.fromisoformat(last), granularity)


def loads(archetype: str, first: str, last: str, granularity: str = "hourly", **off: Any) -> dict[str, float]:
    seasonality = Seasonality(**off)
    span = grid(first, last, granularity)
    values = load_factor(PROFILES[archetype], Calendar.of(span, seasonality), seasonality)
    return dict(zip(pd.DatetimeIndex(span.timestamps()).strftime("%Y-%m-%d %H:%M"), values.tolist(), strict=True))


def test_the_baseline_grid_has_1461_days() -> None:
    span = grid("2022-01-01", "2025-12-31")
    assert (span.days, span.size) == (1461, 1461)


@pytest.mark.parametrize(
    ("granularity", "rows", "last"),
    [
        ("daily", 1, "00:00"),
        ("hourly", 24, "23:00"),
        ("30min", 48, "23:30"),
        ("15min", 96, "23:45"),
        ("5min", 288, "23:55"),
        ("1min", 1440, "23:59"),
    ],
)
def test_a_grid_runs_through_the_whole_of_its_last_day(granularity: str, rows: int, last: str) -> None:
    stamps = grid("2024-02-28", "2024-03-01", granularity).timestamps()
    assert len(stamps) == 3 * rows
    assert stamps.dtype == np.dtype("M8[us]")
    assert stamps[0] == np.datetime64("2024-02-28T00:00")
    assert stamps[-1] == np.datetime64(f"2024-03-01T{last}")
    assert len(np.unique(np.diff(stamps))) == 1


def test_every_granularity_of_the_design_is_known() -> None:
    assert list(GRANULARITIES) == ["daily", "hourly", "30min", "15min", "5min", "1min"]


def test_calendar_columns_of_some_days_counted_by_hand() -> None:
    days = pd.DatetimeIndex(["2024-01-01", "2024-02-29", "2024-03-30", "2024-03-31", "2025-12-31"])
    columns = calendar_columns(days)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "year": [2024, 2024, 2024, 2024, 2025],
        "month": [1, 2, 3, 3, 12],
        "quarter": [1, 1, 1, 1, 4],
        "dayofweek": [0, 3, 5, 6, 2],
        "is_weekend": [0, 0, 1, 1, 0],
        "is_eoq": [0, 0, 0, 1, 1],
        "is_holiday": [1, 0, 0, 0, 0],
    }
    assert [values.dtype.name for values in columns.values()] == ["int16", *["int8"] * 6]


def test_the_end_of_a_quarter_comes_four_times_a_year() -> None:
    days = pd.date_range("2023-01-01", "2023-12-31", unit="us")
    ends = days[calendar_columns(days)["is_eoq"] == 1]
    assert ends.strftime("%m-%d").tolist() == ["03-31", "06-30", "09-30", "12-31"]


@pytest.mark.parametrize("year", FEDERAL)
def test_holidays_are_the_us_federal_ones_with_their_observed_days(year: int) -> None:
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31", unit="us")
    found = days[calendar_columns(days)["is_holiday"] == 1]
    assert " ".join(found.strftime("%m-%d")) == FEDERAL[year]


def test_every_row_of_a_holiday_is_one_at_any_granularity() -> None:
    span = grid("2024-07-03", "2024-07-05", "15min")
    flags = Calendar.of(span, Seasonality()).columns["is_holiday"]
    assert flags.tolist() == [0] * 96 + [1] * 96 + [0] * 96


def test_whether_a_day_is_a_holiday_does_not_depend_on_where_the_range_ends() -> None:
    assert dt.date(2021, 12, 31) in us_holidays(2021, 2021)
    assert us_holidays(2021, 2021).items() <= us_holidays(2020, 2023).items()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-03-26 00:00", 1.0),
        ("2024-03-27 00:00", 1.06),
        ("2024-03-28 00:00", 1.12),
        ("2024-03-29 00:00", 1.18),
        ("2024-03-29 12:00", 1.6 * 1.18),
        ("2024-03-30 00:00", 0.5 * 1.24),
        ("2024-03-31 00:00", 0.5 * 1.3),
        ("2024-03-31 17:00", 1.6 * 0.5 * 1.3),
        ("2024-04-01 00:00", 1.0),
        ("2024-04-01 08:00", 1.0),
        ("2024-04-01 09:00", 1.6),
        ("2024-04-01 17:00", 1.6),
        ("2024-04-01 18:00", 1.0),
        ("2024-04-05 23:00", 1.0),
        ("2024-04-06 03:00", 0.5),
        ("2024-04-07 23:00", 0.5),
        ("2024-04-30 00:00", 1.0),
        ("2024-12-24 00:00", 1.0),
        ("2024-12-25 00:00", 0.6),
        ("2024-12-27 10:00", 1.6 * 1.06 * 0.6),
        ("2024-12-31 10:00", 1.6 * 1.3 * 0.6),
        ("2025-01-01 03:00", 0.5),
        ("2025-01-01 09:00", 1.6 * 0.5),
        ("2025-01-02 00:00", 1.0),
    ],
)
def test_the_load_of_web_at_moments_worked_out_by_hand(moment: str, expected: float) -> None:
    assert loads("web", moment[:10], moment[:10])[moment] == pytest.approx(expected, rel=1e-12)


def test_business_hours_last_through_17_59() -> None:
    values = loads("batch", "2024-04-02", "2024-04-02", "1min")
    assert [values[f"2024-04-02 {time}"] for time in ("08:59", "09:00", "17:59", "18:00")] == [1.0, 0.8, 0.8, 1.0]


def test_daily_rows_stand_at_midnight_outside_business_hours() -> None:
    assert set(loads("web", "2024-04-01", "2024-04-05", "daily").values()) == {1.0}


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ({}, 1.5 * 0.6 * 1.24 * 0.6),
        ({"business_hours": False}, 0.6 * 1.24 * 0.6),
        ({"weekly": False}, 1.5 * 1.24 * 0.6),
        ({"quarter_end": False}, 1.5 * 0.6 * 0.6),
        ({"holidays": ()}, 1.5 * 0.6 * 1.24),
    ],
)
def test_each_season_can_be_switched_off_alone(off: dict[str, Any], expected: float) -> None:
    day = "2023-12-30"
    assert loads("application", day, day, **off)[f"{day} 11:00"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("archetype", reference.TABLE)
def test_every_hour_of_two_years_has_the_load_of_the_reference(archetype: str) -> None:
    found = loads(archetype, "2023-07-01", "2025-06-30")
    expected = [reference.load(dt.datetime.fromisoformat(at), reference.TABLE[archetype]) for at in found]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12)


def test_growth_is_half_a_percent_a_month_of_30_4375_days() -> None:
    calendar = Calendar.of(grid("2022-01-01", "2026-01-01", "30min"), Seasonality())
    growth = growth_factor(PROFILES["web"], calendar)
    assert growth[0] == 1.0
    assert growth[1461] == pytest.approx(1.005, abs=1e-14)
    assert growth[1461 * 48] == pytest.approx(1 + 0.005 * 48, abs=1e-13)


def factors(holiday: Holiday, first: str, last: str) -> dict[str, float]:
    days = pd.date_range(first, last, unit="us")
    values = holiday_factors(days, (holiday,))
    return {day: value for day, value in zip(days.strftime("%Y-%m-%d"), values.tolist(), strict=True) if value != 1}


def test_a_date_without_a_year_comes_every_year_and_one_with_a_year_once() -> None:
    assert factors(Holiday(0.5, date="02-29"), "2023-01-01", "2024-12-31") == {"2024-02-29": 0.5}
    assert len(factors(Holiday(0.5, date="07-19"), "2023-01-01", "2024-12-31")) == 2
    assert factors(Holiday(1.4, date="2024-07-19"), "2023-01-01", "2024-12-31") == {"2024-07-19": 1.4}


def test_a_window_includes_both_ends_and_may_run_over_the_new_year() -> None:
    found = factors(Holiday(0.7, first="12-30", last="01-02"), "2024-06-01", "2025-06-01")
    assert list(found) == ["2024-12-30", "2024-12-31", "2025-01-01", "2025-01-02"]
    found = factors(Holiday(0.7, first="2024-12-30", last="2025-01-01"), "2023-01-01", "2026-12-31")
    assert list(found) == ["2024-12-30", "2024-12-31", "2025-01-01"]


def test_a_named_holiday_falls_where_the_law_puts_it() -> None:
    found = factors(Holiday(0.7, name="Thanksgiving Day"), "2022-01-01", "2024-12-31")
    assert list(found) == ["2022-11-24", "2023-11-23", "2024-11-28"]


def test_where_several_holidays_cover_a_day_the_last_one_listed_counts() -> None:
    table = (Holiday(0.5, first="12-01", last="12-31"), Holiday(1.4, date="12-24"))
    days = pd.DatetimeIndex(["2024-12-23", "2024-12-24", "2024-12-25"])
    assert holiday_factors(days, table).tolist() == [0.5, 1.4, 0.5]
    assert holiday_factors(days, table[::-1]).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("holiday", "problem"),
    [
        (Holiday(1.0), "exactly one of"),
        (Holiday(1.0, date="01-01", name="Labor Day"), "exactly one of"),
        (Holiday(1.0, date="01-01", first="01-01", last="01-02"), "exactly one of"),
        (Holiday(1.0, first="01-01"), "exactly one of"),
        (Holiday(1.0, last="01-01"), "exactly one of"),
        (Holiday(1.0, name="Towel Day"), "'Towel Day' is not known; known are .*Thanksgiving Day"),
        (Holiday(1.0, date="02-30"), "'02-30' is not a day"),
        (Holiday(1.0, date="2023-02-29"), "'2023-02-29' is not a day"),
        (Holiday(1.0, date="20240101"), "'20240101' is not a day"),
        (Holiday(1.0, date="2024-W01-1"), "'2024-W01-1' is not a day"),
        (Holiday(1.0, date="1-1"), "'1-1' is not a day"),
        (Holiday(1.0, first="12-25", last="2024-12-31"), "both be MM-DD, or both"),
        (Holiday(1.0, first="2024-12-25", last="2024-12-24"), "lies after"),
    ],
)
def test_a_holiday_that_cannot_be_meant_says_what_is_wrong(holiday: Holiday, problem: str) -> None:
    assert re.search(problem, holiday.problem() or "")


@pytest.mark.parametrize(
    "holiday",
    [
        Holiday(1.0, date="02-29"),
        Holiday(1.0, date="2024-07-19"),
        Holiday(1.0, first="12-25", last="01-02"),
        Holiday(1.0, first="2024-07-19", last="2024-07-19"),
        Holiday(1.0, name="Juneteenth National Independence Day"),
    ],
)
def test_a_holiday_that_can_be_meant_has_no_problem(holiday: Holiday) -> None:
    assert holiday.problem() is None


@given(
    start=st.dates(dt.date(1975, 1, 1), dt.date(2100, 1, 1)),
    days=st.integers(1, 60),
    more=st.integers(0, 60),
    granularity=st.sampled_from(["daily", "hourly"]),
)
def test_a_longer_calendar_begins_with_the_shorter_one(start: dt.date, days: int, more: int, granularity: str) -> None:
    short = Calendar.of(TimeGrid(start, start + dt.timedelta(days - 1), granularity), Seasonality())
    long = Calendar.of(TimeGrid(start, start + dt.timedelta(days + more - 1), granularity), Seasonality())
    for name, values in short.columns.items():
        np.testing.assert_array_equal(values, long.columns[name][: len(values)])
    for name in ("hour", "quarter_end_lift", "holiday", "months"):
        values = getattr(short, name)
        np.testing.assert_array_equal(values, getattr(long, name)[: len(values)])
