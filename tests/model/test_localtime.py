from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import Place
from dask_synth.model.localtime import hours_of_week, local_hours, place_problem, timezone_text, zone_changes
from tests.people import grid


def row_by_row(span: TimeGrid, timezone: str) -> list[tuple[dt.date, int]]:
    """Ask the zone itself for each timestamp."""
    zone = ZoneInfo(timezone)
    moments = (stamp.replace(tzinfo=dt.UTC).astimezone(zone) for stamp in span.timestamps().tolist())
    return [(moment.date(), moment.hour) for moment in moments]


@pytest.mark.parametrize("granularity", ["hourly", "15min"])
@pytest.mark.parametrize(
    "timezone",
    [
        *("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"),
        *("Pacific/Chatham", "Africa/Casablanca", "Pacific/Kiritimati", "UTC"),
    ],
)
def test_local_time_is_the_zones_for_every_row_of_a_year(timezone: str, granularity: str) -> None:
    span = grid("2023-12-30", "2025-01-02", granularity)
    expected = row_by_row(span, timezone)
    found = local_hours(span, timezone)
    days = (found // 24).astype("M8[D]").tolist()
    assert list(zip(days, (found % 24).tolist(), strict=True)) == expected
    weekly = [24 * day.weekday() + hour for day, hour in expected]
    assert hours_of_week(span, timezone).tolist() == weekly


def test_clocks_go_forward_and_back_where_they_do() -> None:
    spring = local_hours(grid("2024-03-31", "2024-03-31"), "Europe/Berlin") % 24
    autumn = local_hours(grid("2024-11-03", "2024-11-03"), "America/New_York") % 24
    assert spring[:4].tolist() == [1, 3, 4, 5]
    assert autumn[3:9].tolist() == [23, 0, 1, 1, 2, 3]


def test_a_zone_is_asked_for_its_changes_to_the_second() -> None:
    changes = zone_changes("Europe/Berlin", dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    starts = [dt.datetime.fromtimestamp(start, dt.UTC).isoformat() for start, _ in changes]
    assert starts == ["2024-01-01T00:00:00+00:00", "2024-03-31T01:00:00+00:00", "2024-10-27T01:00:00+00:00"]
    assert [offset for _, offset in changes] == [3600, 7200, 3600]


def test_whole_hours_ahead_of_utc_are_a_zone_without_daylight_saving() -> None:
    span = grid("2024-06-30", "2024-07-01")
    assert (local_hours(span, -8) - local_hours(span, None)).tolist() == [-8] * 48
    assert hours_of_week(span, 8)[:2].tolist() == [6 * 24 + 8, 6 * 24 + 9]


def test_a_daily_row_stands_for_its_date_everywhere() -> None:
    span = grid("2024-01-01", "2024-01-09", "daily")
    for timezone in ("Asia/Kolkata", "America/New_York", 14, -12, None):
        assert hours_of_week(span, timezone).tolist() == [0, 24, 48, 72, 96, 120, 144, 0, 24]


def test_a_longer_grid_begins_with_the_same_hours() -> None:
    short, long = grid("2024-01-01", "2024-03-30"), grid("2024-01-01", "2024-04-05")
    found = local_hours(long, "Europe/Berlin")[: short.size]
    np.testing.assert_array_equal(local_hours(short, "Europe/Berlin"), found)


@pytest.mark.parametrize("timezone", [None, -12, 14, 0, "Europe/Berlin", "UTC", "Asia/Kolkata"])
def test_a_zone_that_is_known_is_no_problem(timezone: str | int | None) -> None:
    assert place_problem(Place(timezone, "DE")) is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place("Europe/Belin"), "timezone 'Europe/Belin' is not known; did you mean 'Europe/Berlin'"),
        (Place("new york"), "did you mean 'America/New_York'?"),
        (Place("Mars/Olympus"), "or as whole hours ahead of UTC"),
        (Place("localtime"), "timezone 'localtime' is not known"),
        (Place(15), "timezone 15 is not a whole number of hours ahead of UTC, -12 to 14"),
        (Place(holidays="XX"), "holidays of 'XX' are not known; did you mean"),
        (Place(holidays="DE-XX"), "'XX' is no subdivision of DE; known are BB, BE, BW, BY"),
        (Place(holidays="VA-1"), "it has none: leave it out"),
        (Place("Nowhere", "XX"), "; holidays of 'XX'"),
    ],
)
def test_a_place_that_is_not_known_is_told_with_what_is(place: Place, words: str) -> None:
    assert words in (place_problem(place) or "")


def test_zones_read_as_people_write_them() -> None:
    texts = [timezone_text(timezone) for timezone in (None, 0, 8, -5, "Europe/Berlin")]
    assert texts == ["UTC", "UTC", "UTC+8", "UTC-5", "Europe/Berlin"]
