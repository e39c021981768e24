"""Local time: which hour it is, where a server stands, at each timestamp of a grid.

Daylight saving is the time zone database's, asked once a day of the grid and never row by row.
"""

from __future__ import annotations

import datetime as dt
import difflib
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import TimeGrid
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import calendar_problem

Ints = npt.NDArray[np.int64]
Changes = tuple[tuple[int, int], ...]

DATABASE = files("tzdata")
HOUR = 3600
DAY = 24 * HOUR
WEEK_HOURS = 7 * 24
THURSDAY = 3 * 24
"""Hours of the week at 1970-01-01 00:00."""
EPOCH = dt.date(1970, 1, 1)
FARTHEST_WEST, FARTHEST_EAST = -12, 14
NOT_A_ZONE = frozenset({"localtime", "posixrules", "Factory"})
"""Files of the time zone database that stand for something else on every machine."""


def local_hours(grid: TimeGrid, timezone: str | int | None) -> Ints:
    """Return how many whole hours of local time have passed since 1970-01-01 00:00, for each timestamp.

    A daily row stands for its date, so that it has the hour 0 everywhere.
    """
    seconds = grid.timestamps().astype("M8[s]").astype(np.int64)
    if grid.rows_per_day > 1 and timezone is not None:
        if isinstance(timezone, int):
            seconds += timezone * HOUR
        else:
            starts, offsets = np.array(zone_changes(timezone, grid.start, grid.end)).T
            rows = np.append(np.searchsorted(seconds, starts), len(seconds))
            seconds += np.repeat(offsets, np.diff(rows))
    return seconds // HOUR


@lru_cache(maxsize=32)
def hours_of_week(grid: TimeGrid, timezone: str | int | None) -> npt.NDArray[np.uint8]:
    """Return the local hour of the week at each timestamp, Monday 00:00 being 0."""
    hours = ((local_hours(grid, timezone) + THURSDAY) % WEEK_HOURS).astype(np.uint8)
    hours.flags.writeable = False
    return hours


@lru_cache(maxsize=64)
def zone_changes(timezone: str, first: dt.date, last: dt.date) -> Changes:
    """Return from when on a zone is how far ahead of UTC, in seconds since 1970: at 00:00 of `first`, and later."""
    zone = zone_of(timezone)

    def ahead(second: int) -> int:
        # Counted from 1970: fromtimestamp() has bounds of its own on some systems.
        moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
        offset = moment.astimezone(zone).utcoffset()
        return round(offset.total_seconds()) if offset else 0

    midnights = range((first - EPOCH).days * DAY, ((last - EPOCH).days + 1) * DAY + 1, DAY)
    changes = [(midnights[0], ahead(midnights[0]))]
    for before, after in pairwise(midnights):
        if (offset := ahead(after)) == changes[-1][1]:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if ahead(middle) == changes[-1][1] else (before, middle)
        changes.append((after, offset))
    return tuple(changes)


@lru_cache(maxsize=64)
def zone_of(timezone: str) -> ZoneInfo:
    """Return a zone of the package tzdata: the system's own would be of another version on each machine."""
    with (DATABASE / "zoneinfo" / timezone).open("rb") as file:
        return ZoneInfo.from_file(file, key=timezone)


def timezone_text(timezone: str | int | None) -> str:
    """Return a zone as people read it: ``Europe/Berlin``, ``UTC+8``, ``UTC``."""
    if isinstance(timezone, str):
        return timezone
    return f"UTC{timezone:+d}" if timezone else "UTC"


def place_problem(place: Place) -> str | None:
    """Say what is wrong with a place, or None."""
    calendar = None if place.holidays is None else calendar_problem(place.holidays)
    return "; ".join(problem for problem in (timezone_problem(place.timezone), calendar) if problem) or None


def timezone_problem(timezone: str | int | None) -> str | None:
    """Say what is wrong with a zone, or None."""
    if timezone is None:
        return None
    if not isinstance(timezone, str):
        allowed = not isinstance(timezone, bool) and FARTHEST_WEST <= timezone <= FARTHEST_EAST
        hours = f"{FARTHEST_WEST} to {FARTHEST_EAST}"
        return None if allowed else f"timezone {timezone!r} is not a whole number of hours ahead of UTC, {hours}"
    known = _zones()
    if timezone in known:
        return None
    return f"timezone {timezone!r} is not known; {_nearest(timezone, known)}"


def _nearest(timezone: str, known: frozenset[str]) -> str:
    """Suggest zones that are spelt alike, as a whole or by their city."""
    name = timezone.strip().replace(" ", "_")
    by_lower = {zone.lower(): zone for zone in known} | {
        zone.lower().rpartition("/")[2]: zone for zone in sorted(known)
    }
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.7)
    close += difflib.get_close_matches(name.lower().rpartition("/")[2], by_lower, n=3, cutoff=0.7)
    names = list(dict.fromkeys(by_lower[match] for match in close))[:3]
    if names:
        return f"did you mean {' or '.join(map(repr, names))}?"
    return "write it as the time zone database does, such as 'Europe/Berlin', or as whole hours ahead of UTC"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset((DATABASE / "zones").read_text().split()) - NOT_A_ZONE
