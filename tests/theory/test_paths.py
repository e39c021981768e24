"""Loads of servers that are individuals, worked out twice: by the model, and apart from it by the theory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dask_synth.model.calendar import Seasonality
from dask_synth.model.cycles import NAMED_CYCLES, Loads
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import Holiday
from dask_synth.theory.paths import Paths
from tests.people import grid, spec_of

OWN = tuple(float(hour % 5 + 1) for hour in range(24))
CYCLES: tuple[Any, ...] = (*NAMED_CYCLES, OWN, None)
PLACES = (
    Place(),
    Place(14, "SG"),
    Place(-12, "GB"),
    Place("America/New_York", "US-NY"),
    Place("Europe/Berlin", "DE-BY"),
    Place("Asia/Kolkata", "IN"),
    Place("Australia/Lord_Howe"),
)
"""Without daylight saving and with it, north and south, of an hour and of half an hour, and half hours ahead."""
ANY = Holiday(0.7, name="any")
HOLIDAYS = (ANY, Holiday(0.5, date="01-01"), Holiday(0.0, first="12-25", last="12-31"))


def both(place: Place, granularity: str, cycle: Any, **life: Any) -> tuple[Any, Any]:
    seasonality = life.pop("seasonality", Seasonality(holidays=HOLIDAYS))
    profile = {"cycle": cycle, "weekend": 0.6, "yearly": 0.3, "peak": 20.0, **life}
    spec = replace(spec_of(profile), grid=grid("2023-12-20", "2025-01-10", granularity), seasonality=seasonality)
    spec = replace(spec, fleet=replace(spec.fleet, places=(place,) * len(spec.fleet.regions)))
    return Loads.of(spec, "web"), Paths.of(spec, "web")


@pytest.mark.parametrize("granularity", ["daily", "hourly"])
@pytest.mark.parametrize("cycle", CYCLES, ids=str)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_two_loads_are_one(place: Place, cycle: Any, granularity: str) -> None:
    model, theory = both(place, granularity, cycle)
    for strength, shift in ((1.0, 0), (0.37, 5), (2.4, -11)):
        expected = model.of_server(1, strength, shift)
        np.testing.assert_allclose(theory.load(1, strength, shift), expected, rtol=1e-9, atol=1e-9)
        assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("off", ["weekly", "business_hours", "quarter_end"])
@pytest.mark.parametrize("granularity", ["daily", "15min"])
@pytest.mark.parametrize("cycle", ["night", None])
def test_seasons_that_are_off_are_off_in_both(cycle: str | None, granularity: str, off: str) -> None:
    place, seasons = Place("Europe/Berlin", "DE"), Seasonality(holidays=HOLIDAYS)
    model, theory = both(place, granularity, cycle, seasonality=_without(seasons, off))
    on, _ = both(place, granularity, cycle, seasonality=seasons)
    expected = model.of_server(0, 0.8, 2)
    np.testing.assert_allclose(theory.load(0, 0.8, 2), expected, rtol=1e-9, atol=1e-9)
    # Daily rows have business hours in them with a cycle alone.
    assert np.abs(expected - on.of_server(0, 0.8, 2)).max() > 0.05 or (granularity, cycle) == ("daily", None)


def test_holidays_are_local_days() -> None:
    place = Place("Asia/Kolkata", "IN")
    _, theory = both(place, "hourly", "flat", yearly=0.0, peak=0.0, weekend=1.0)
    feast, clock = theory.clocks[0].feast, theory.clocks[0]
    first = int(np.flatnonzero(feast == 0.5)[0])
    # Half past five hours ahead: January 1 begins at 18:30 UTC of December 31, seen at 19:00.
    assert first == 24 * 11 + 19 and (feast[first : first + 24] == 0.5).all()
    assert (clock.hour[first] % 24, feast[first - 1], feast[first + 24]) == (0, 0.0, 1.0)


def test_clocks_that_are_ahead_are_so_in_summer() -> None:
    _, theory = both(Place("Europe/Berlin", "DE"), "daily", "office")
    later = theory.clocks[0].later
    days = np.datetime64("2023-12-20") + np.arange(len(later))
    assert (days[later].min(), days[later].max()) == (np.datetime64("2024-03-31"), np.datetime64("2024-10-26"))


def _without(seasons: Seasonality, off: str) -> Seasonality:
    switched: Any = {off: False}
    return replace(seasons, **switched)
