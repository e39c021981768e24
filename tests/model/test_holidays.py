from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pandas as pd
import pytest

from dask_synth.model.holidays import Holiday, calendar_problem, holiday_factors, holiday_names, public_holidays

DAYS = pd.date_range("2024-01-01", "2024-12-31", freq="D", unit="us")

PRINT = "from dask_synth.model.holidays import public_holidays; print({!r}, public_holidays({!r}, 2024, 2024))"


def covered(holiday: Holiday, calendar: str) -> list[str]:
    return [str(day.date()) for day, yes in zip(DAYS, holiday.covers(DAYS, calendar), strict=True) if yes]


def test_the_holidays_of_a_subdivision_are_more_than_the_countrys() -> None:
    more = public_holidays("DE-BY", 2024, 2024).keys() - public_holidays("DE", 2024, 2024).keys()
    epiphany, corpus_christi, all_saints = dt.date(2024, 1, 6), dt.date(2024, 5, 30), dt.date(2024, 11, 1)
    assert more == {epiphany, corpus_christi, all_saints}


def test_days_have_their_names_in_the_countrys_language_and_in_english() -> None:
    assert public_holidays("DE", 2024, 2024)[dt.date(2024, 10, 3)] == ["Tag der Deutschen Einheit", "German Unity Day"]
    assert public_holidays("US", 2024, 2024)[dt.date(2024, 11, 28)] == ["Thanksgiving Day"]


@pytest.mark.parametrize("language", ["en_US", "de", "th", "C"])
@pytest.mark.parametrize("calendar", ["US", "DE"])
def test_names_do_not_depend_on_the_language_of_the_machine(calendar: str, language: str) -> None:
    surroundings = {**os.environ, "LANGUAGE": language, "LANG": f"{language}.UTF-8", "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", PRINT.format(calendar, calendar)]
    told = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True, encoding="utf-8")
    assert told.stdout.strip() == f"{calendar} {public_holidays(calendar, 2024, 2024)}"


@pytest.mark.parametrize("calendar", ["US", "US-NY", "DE-BY", "IN", "JP", "GB-SCT", "BR", "CN", "IL"])
def test_more_years_keep_the_holidays_of_one(calendar: str) -> None:
    assert public_holidays(calendar, 2021, 2021).items() <= public_holidays(calendar, 2020, 2023).items()


def test_any_stands_for_every_public_holiday_and_without_a_calendar_for_those_of_the_us() -> None:
    every = Holiday(0.5, name="any")
    assert every.problem() is None
    assert covered(every, "DE") == [str(day) for day in public_holidays("DE", 2024, 2024)]
    assert every.covers(DAYS).tolist() == every.covers(DAYS, "US").tolist()
    assert covered(every, "US")[-1] == "2024-12-25"
    assert len(covered(every, "US")) == 11


def test_a_name_counts_in_the_calendars_that_have_it() -> None:
    assert covered(Holiday(0.5, name="Labor Day"), "US") == ["2024-09-02"]
    assert covered(Holiday(0.5, name="Labor Day"), "DE") == ["2024-05-01"]
    assert covered(Holiday(0.5, name="Epiphany"), "DE") == []


def test_a_date_counts_everywhere() -> None:
    assert covered(Holiday(0.5, date="07-04"), "DE") == covered(Holiday(0.5, date="07-04"), "US") == ["2024-07-04"]


def test_a_name_is_looked_up_in_the_calendars_that_are_kept() -> None:
    entry = Holiday(0.5, name="Epiphany")
    assert (entry.problem() or "").startswith("holiday 'Epiphany' is not known; known are Christmas Day, ")
    assert entry.problem(["US", "DE-BY"]) is None
    assert "German Unity Day" in (Holiday(0.5, name="Epifany").problem(["DE"]) or "")
    assert "Epiphany" in holiday_names("DE-BY")
    assert "Epiphany" not in holiday_names("DE")


def test_the_last_entry_that_covers_a_day_counts_in_every_calendar() -> None:
    table = (Holiday(0.5, name="any"), Holiday(0.9, date="12-25"))
    assert holiday_factors(DAYS, table, "DE")[[0, 2, 359, 360]].tolist() == [0.5, 1, 0.9, 0.5]
    assert holiday_factors(DAYS, table)[[0, 2, 359, 360]].tolist() == [0.5, 1, 0.9, 1]


@pytest.mark.parametrize("calendar", ["US", "DE", "DE-BY", "US-NY", "GB-ENG"])
def test_calendars_that_are_known_are_no_problem(calendar: str) -> None:
    assert calendar_problem(calendar) is None


@pytest.mark.parametrize("calendar", ["XX", "de", "", "DE-", "DE-XX", "-BY", "Germany"])
def test_calendars_that_are_not_are_told(calendar: str) -> None:
    assert f"holidays of {calendar!r} are not known; " in (calendar_problem(calendar) or "").replace(": '", "; '")
