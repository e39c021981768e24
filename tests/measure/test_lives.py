from __future__ import annotations

import numpy as np
import pytest

from dask_synth.measure.lives import MAX_SERVERS, MOST_VALUES, Lives
from dask_synth.model.life import Company
from tests.people import PLACES, spec_of


@pytest.mark.parametrize(
    ("servers", "years", "days"),
    [(20, 1, 1), (200, 1, 7), (200, 4, 7), (1000, 4, 14), (5000, 4, 14), (5000, 12, 42), (50_000, 4, 28)],
)
def test_points_of_single_servers_are_whole_weeks_where_there_is_no_room_for_days(
    servers: int, years: int, days: int
) -> None:
    lives = Lives.of(spec_of(servers=servers, time__start_date="2022-01-01", time__end_date=f"{2021 + years}-12-31"))
    assert lives.days == days
    kept = len(range(0, servers, lives.stride))
    assert kept <= MAX_SERVERS
    assert 5 * kept * lives.points <= MOST_VALUES


def test_of_a_very_large_fleet_every_so_many_servers_are_chosen() -> None:
    lives = Lives.of(spec_of(servers=50_000, time__end_date="2022-01-31"))
    assert lives.stride == 5
    assert np.flatnonzero(lives.chosen(np.arange(12))).tolist() == [0, 5, 10]


def test_two_weeks_of_hours_begin_on_a_monday_and_lie_within_the_time() -> None:
    company = Company(size=4, pools=0.5, alike=0.9)

    def until(end: str) -> Lives:
        times = {"time__granularity": "15min", "time__start_date": "2024-01-03", "time__end_date": end}
        return Lives.of(spec_of(None, servers=120, places=(), company=company, **times))

    lives = until("2024-12-31")
    first = np.datetime64("2024-01-03", "us") + np.timedelta64(lives.opens, "us")
    assert first.astype("M8[D]").astype(int) % 7 == 4  # 1970-01-01 was a Thursday
    assert (lives.moments, lives.step) == (14 * 24, 3600 * 10**6)
    elapsed = lives.opens + np.array([-1, 0, lives.step, lives.step * lives.moments - 1, lives.step * lives.moments])
    assert lives.moment_of(elapsed).tolist() == [-1, 0, 1, 335, -1]
    short = until("2024-01-05")
    assert (short.opens, short.moments) == (0, 72)


def test_fleets_without_company_or_places_have_nothing_beside_each_other_and_no_zones() -> None:
    assert (Lives.of(spec_of()).together, Lives.of(spec_of()).zones) == ((), ())
    hourly = spec_of(places=PLACES, time__granularity="hourly", time__end_date="2022-01-31")
    assert Lives.of(hourly).zones == tuple(place.timezone for place in PLACES)
    assert Lives.of(spec_of(places=PLACES)).zones == ()  # a daily row has no hour
