"""Stands in for what other branches make."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from typing import Any

import holidays


def timezone_problem(timezone: str | int | None) -> str | None:
    if isinstance(timezone, int):
        return None if -12 <= timezone <= 14 else f"timezone {timezone!r} is not a whole number of hours, -12 to 14"
    return None if timezone is None or timezone in zoneinfo.available_timezones() else f"timezone {timezone!r} unknown"


def calendar_problem(calendar: str) -> str | None:
    country, _, part = calendar.partition("-")
    known = holidays.list_supported_countries()
    return None if country in known and (not part or part in known[country]) else f"holidays of {calendar!r} unknown"


def cycle_problem(cycle: str | Sequence[float] | None) -> str | None:
    if cycle is None or cycle in ("flat", "office", "night", "evening"):
        return None
    if isinstance(cycle, str):
        return f"cycle {cycle!r} is not known"
    return None if len(cycle) == 24 else f"a cycle has 24 numbers, one an hour from 00:00 on, and these are {len(cycle)}"


def innovation_correlation(profile: Any, step_hours: float, latent: Sequence[str]) -> None:
    return None
