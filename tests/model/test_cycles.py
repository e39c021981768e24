from __future__ import annotations

import datetime as dt
from dataclasses import replace
from math import cos, inf, nan, pi
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_synth.model.calendar import load_factor
from dask_synth.model.cycles import NAMED_CYCLES, Loads, cycle_numbers, cycle_problem, week_table
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import Holiday
from dask_synth.model.spec import FleetSpec
from tests.people import PLACES, grid, spec_of

STEEP = tuple(float(hour % 7 + hour // 5) for hour in range(24))
ALL_UNLIKE = tuple(float((hour * 7) % 24 + 1) for hour in range(24))
BERLIN = 2


def spec_over(life: dict[str, Any], first: str, last: str, granularity: str = "hourly", **more: Any) -> FleetSpec:
    return replace(spec_of(life, **more), grid=grid(first, last, granularity))


def by_hand(numbers: tuple[float, ...], strength: float, weekend: float) -> list[float]:
    week = [n**strength * (weekend if day >= 5 else 1) for day in range(7) for n in numbers]
    return [round(168 * value / sum(week), 6) for value in week]


def local(spec: FleetSpec, timezone: str | None) -> list[dt.datetime]:
    zone = ZoneInfo(timezone) if timezone else dt.UTC
    return [stamp.replace(tzinfo=dt.UTC).astimezone(zone) for stamp in spec.grid.timestamps().tolist()]


@pytest.mark.parametrize("name", NAMED_CYCLES)
def test_a_named_cycle_has_24_numbers_of_mean_1_and_3_decimals(name: str) -> None:
    numbers = cycle_numbers(name)
    assert len(numbers) == 24
    assert sum(numbers) == pytest.approx(24, abs=1e-9)
    assert [round(number, 3) for number in numbers] == list(numbers)
    assert cycle_problem(name) is None


@pytest.mark.parametrize(
    ("name", "least", "most", "hour"),
    [("office", 0.663, 1.51, 12), ("night", 0.727, 3.634, 3), ("evening", 0.806, 1.612, 20), ("flat", 1, 1, 0)],
)
def test_named_cycles_peak_when_they_say(name: str, least: float, most: float, hour: int) -> None:
    numbers = cycle_numbers(name)
    assert (min(numbers), max(numbers), int(np.argmax(numbers))) == (least, most, hour)


def test_numbers_of_any_mean_are_divided_by_it() -> None:
    assert cycle_numbers([0, 30, *[10] * 22]) == pytest.approx([0, 2.88, *[0.96] * 22])


@pytest.mark.parametrize("cycle", [None, "office", [1] * 24, [0] * 23 + [5]])
def test_a_cycle_that_can_be_used_is_no_problem(cycle: Any) -> None:
    assert cycle_problem(cycle) is None


@pytest.mark.parametrize(
    ("cycle", "words"),
    [
        ("ofice", "cycle 'ofice' is not known; did you mean 'office'?"),
        ("lunar", "known are flat, office, night, evening, or give 24 numbers"),
        ([1] * 23, "a cycle has 24 numbers, one an hour from 00:00 on, and these are 23"),
        ([1] * 22 + [-2, nan], "at least 0, not -2 at 22:00, nan at 23:00"),
        ([inf] + [1] * 23, "not inf at 00:00"),
        ([0] * 24, "a cycle of zeros alone has no shape"),
    ],
)
def test_a_cycle_that_cannot_be_used_is_told(cycle: Any, words: str) -> None:
    assert words in (cycle_problem(cycle) or "")


@given(st.sampled_from([*NAMED_CYCLES.values(), STEEP]), st.floats(0, 3), st.floats(0, 3))
def test_a_table_is_the_law_written_out(numbers: tuple[float, ...], strength: float, weekend: float) -> None:
    found = week_table(numbers, strength, weekend)
    assert found.tolist() == pytest.approx(by_hand(numbers, strength, weekend), abs=1.001e-6)
    assert found.mean() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("region", "zone"), [(0, "America/New_York"), (2, "Europe/Berlin"), (3, "Asia/Kolkata")])
@pytest.mark.parametrize("granularity", ["hourly", "15min"])
def test_a_load_follows_the_local_hour_through_daylight_saving(region: int, zone: str, granularity: str) -> None:
    off: dict[str, Any] = {"seasonality__holidays": [], "seasonality__quarter_end": False}
    spec = spec_over({"cycle": STEEP}, "2024-02-20", "2024-11-20", granularity, places=PLACES, **off)
    found = Loads.of(spec, "web").of_server(region, 1.3, -4)
    table = by_hand(STEEP, 1.3, 0.5)
    expected = [table[(24 * moment.weekday() + moment.hour - 4) % 168] for moment in local(spec, zone)]
    np.testing.assert_allclose(found, expected, atol=1.001e-6)


def test_without_places_a_week_is_utcs() -> None:
    spec = spec_over({"cycle": "night"}, "2024-01-15", "2024-01-21", seasonality__quarter_end=False)
    found = Loads.of(spec, "web").of_server(0, 1.0, 0)
    assert int(np.argmax(found)) % 24 == 3
    np.testing.assert_allclose(found, by_hand(NAMED_CYCLES["night"], 1.0, 0.5), atol=1.001e-6)


def test_a_daily_row_has_the_95th_percentile_of_its_days_hours() -> None:
    spec = spec_over(
        {"cycle": ALL_UNLIKE}, "2024-01-15", "2024-01-28", "daily", places=PLACES, seasonality__quarter_end=False
    )
    for region in range(4):
        found = Loads.of(spec, "batch").of_server(region, 0.8, 5)
        table = np.array(week_table(ALL_UNLIKE, 0.8, 1.2))
        hours = [table[(24 * (day % 7) + np.arange(24) + 5) % 168] for day in range(14)]
        assert found.tolist() == [np.percentile(day, 95) for day in hours]


@pytest.mark.parametrize("granularity", ["daily", "hourly", "15min"])
@pytest.mark.parametrize("archetype", ["web", "batch"])
def test_without_a_cycle_a_load_in_utc_is_the_plain_one_to_the_bit(archetype: str, granularity: str) -> None:
    spec = spec_over({}, "2024-11-20", "2025-01-03", granularity, seasonality__holidays=HOLIDAYS)
    plain = load_factor(spec.archetypes[archetype], spec.calendar(), spec.seasonality)
    found = Loads.of(spec, archetype).of_server(1, 2.0, 7)
    assert found.tobytes() == plain.tobytes()


HOLIDAYS = [{"name": "Thanksgiving Day", "factor": 0.3}, {"first": "12-24", "last": "12-26", "factor": 0.6}]


def test_without_a_cycle_business_hours_and_weekends_are_local() -> None:
    off: dict[str, Any] = {"seasonality__holidays": [], "seasonality__quarter_end": False}
    spec = spec_over({}, "2024-03-20", "2024-04-10", places=PLACES, **off)
    found = Loads.of(spec, "web").of_server(BERLIN, 1.0, 0)
    moments = local(spec, "Europe/Berlin")
    expected = [(1.6 if 9 <= m.hour <= 17 else 1.0) * (0.5 if m.weekday() >= 5 else 1.0) for m in moments]
    assert found.tolist() == expected


@pytest.mark.parametrize("life", [{}, {"cycle": "office"}])
def test_what_all_servers_share_cannot_be_changed_by_one(life: dict[str, Any]) -> None:
    loads = Loads.of(spec_over(life, "2024-01-01", "2024-01-31"), "web")
    before = loads.of_server(0, 1.0, 0).tolist()
    one = loads.of_server(0, 1.0, 0)
    if one.flags.writeable:
        one *= 0
    assert loads.of_server(0, 1.0, 0).tolist() == before


def ratio(spec: FleetSpec, region: int = BERLIN, **off: Any) -> Any:
    """Return how a load differs from that of the same fleet with other seasons."""
    other = replace(spec, seasonality=replace(spec.seasonality, **off))
    return Loads.of(spec, "web").of_server(region, 1.0, 0) / Loads.of(other, "web").of_server(region, 1.0, 0)


@pytest.mark.parametrize("life", [{}, {"cycle": "office"}])
def test_a_holiday_is_the_regions_and_lasts_its_local_day(life: dict[str, Any]) -> None:
    spec = spec_over(life, "2024-10-01", "2025-01-08", places=PLACES)
    spec = replace(spec, seasonality=replace(spec.seasonality, holidays=(Holiday(0.5, name="any"),)))
    found = ratio(spec, holidays=())
    bavaria = holidays.country_holidays("DE", subdiv="BY", years=(2024, 2025))
    expected = [0.5 if moment.date() in bavaria else 1 for moment in local(spec, "Europe/Berlin")]
    np.testing.assert_allclose(found, expected)
    assert sum(value == 0.5 for value in expected) == 6 * 24  # 3 October, 1 November, 25 and 26 December, 1, 6 January


@pytest.mark.parametrize(
    ("name", "region", "days"),
    [
        ("Thanksgiving Day", 0, 1),
        ("Thanksgiving Day", 2, 0),
        ("Tag der Deutschen Einheit", 2, 1),
        ("German Unity Day", 2, 1),
        ("Christmas Day", 1, 1),
    ],
)
def test_a_holiday_by_name_counts_where_it_is_kept(name: str, region: int, days: int) -> None:
    spec = spec_over({}, "2024-10-02", "2025-01-08", places=PLACES)
    spec = replace(spec, seasonality=replace(spec.seasonality, holidays=(Holiday(0.5, name=name),)))
    assert np.isclose(ratio(spec, region, holidays=()), 0.5).sum() == 24 * days


def test_a_holiday_by_date_lasts_its_local_day() -> None:
    spec = spec_over({"cycle": "flat"}, "2024-12-30", "2025-01-03", places=PLACES)
    found = ratio(spec, region=1, holidays=())
    assert np.flatnonzero(np.isclose(found, 0.5))[[0, -1]].tolist() == [2 * 24 + 8, 3 * 24 + 7]


@pytest.mark.parametrize("life", [{}, {"cycle": "office"}])
def test_a_quarters_end_is_by_utc_date(life: dict[str, Any]) -> None:
    spec = spec_over(life, "2024-03-26", "2024-04-02", places=PLACES)
    found = ratio(spec, quarter_end=False)
    assert found[::24].tolist() == pytest.approx([1, 1.06, 1.12, 1.18, 1.24, 1.3, 1, 1])
    assert (np.diff(found.reshape(8, 24)) < 1e-9).all()


@pytest.mark.parametrize("life", [{}, {"cycle": "office"}])
def test_a_load_swings_over_the_year(life: dict[str, Any]) -> None:
    spec, plain = (
        spec_over({**life, **more}, "2023-01-01", "2024-12-31") for more in ({"yearly": 0.3, "peak": 350}, {})
    )
    found = Loads.of(spec, "web").of_server(0, 1.0, 0) / Loads.of(plain, "web").of_server(0, 1.0, 0)
    days = [stamp.timetuple().tm_yday for stamp in spec.grid.timestamps().tolist()]
    np.testing.assert_allclose(found, [1 + 0.3 * cos(2 * pi * (day - 350) / 365.25) for day in days], atol=1e-11)


def test_a_weekend_that_is_switched_off_is_like_the_other_days() -> None:
    spec = spec_over({"cycle": "office"}, "2024-01-15", "2024-01-21", seasonality__weekly=False)
    found = Loads.of(spec, "web").of_server(0, 1.0, 0).reshape(7, 24)
    assert (found == found[0]).all()


def test_business_hours_that_are_switched_off_take_the_cycle_with_them() -> None:
    spec = spec_over({"cycle": "office"}, "2024-01-15", "2024-01-19", seasonality__business_hours=False)
    assert len(set(Loads.of(spec, "web").of_server(0, 1.0, 0).tolist())) == 1


@pytest.mark.parametrize("life", [{}, {"cycle": "office", "yearly": 0.2}])
@pytest.mark.parametrize("granularity", ["daily", "hourly"])
def test_a_longer_run_begins_with_the_same_load(life: dict[str, Any], granularity: str) -> None:
    names: dict[str, Any] = {"seasonality__holidays": [{"name": "any", "factor": 0.5}]}
    short, long = (
        spec_over(life, "2021-12-20", last, granularity, places=PLACES, **names)
        for last in ("2021-12-31", "2022-04-05")
    )
    for region in range(4):
        early = Loads.of(short, "web").of_server(region, 1.0, 1)
        assert early.tobytes() == Loads.of(long, "web").of_server(region, 1.0, 1)[: early.size].tobytes()


def test_regions_without_a_zone_keep_utc_beside_others() -> None:
    places = (Place(), *PLACES[1:])
    spec = spec_over({"cycle": "night"}, "2024-01-15", "2024-01-21", places=places)
    peaks = [int(np.argmax(Loads.of(spec, "web").of_server(region, 1.0, 0))) % 24 for region in range(4)]
    assert peaks == [3, 11, 2, 22]
