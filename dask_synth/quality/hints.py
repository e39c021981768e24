"""Likely causes: a deviation of the mean, turned into the parameter that would explain it."""

from __future__ import annotations

import numpy as np

from dask_synth.model.cells import Cell, is_business_hour
from dask_synth.pipeline.plan import FleetSpec

ALIKE = 0.03
"""Relative distance within which two factors pass for the same."""


def mean_hint(spec: FleetSpec, archetype: str, metric: str, cell: Cell, ratio: float) -> str:
    """Say what would explain a mean that is as if the load (for disk: the base) were `ratio` times the planned."""
    profile = spec.archetypes[archetype]
    if metric == "disk_p95" or cell.name == "all":
        base = getattr(profile.base, metric.split("_")[0])
        return f"as if the base of {base:g} were {base * ratio:.4g}"
    if cell.hour is not None:
        return _hour_hint(cell.hour, profile.business_hours, ratio)
    if cell.name.startswith("quarter_end_"):
        return _quarter_hint(int(cell.name[-1]), ratio)
    if cell.name.startswith("holiday_"):
        return _factor("holiday", spec.seasonality.holidays[int(cell.name[8:])].factor, ratio)
    if cell.name in ("saturday", "sunday"):
        return _day_hint(cell.name.capitalize(), profile.weekend, ratio)
    if cell.name.startswith("weekend"):
        return _factor("weekend", profile.weekend, ratio)
    if cell.name in ("business_hours", "weekday_business_hours"):
        return _factor("business-hours", profile.business_hours, ratio)
    return f"as if the load were {ratio:.4g} of what it should be"


def _factor(name: str, factor: float, ratio: float) -> str:
    return f"is the {name} factor {factor * ratio:.3g} instead of {factor:g}?"


def _day_hint(day: str, factor: float, ratio: float) -> str:
    if abs(ratio * factor - 1) < ALIKE:
        return f"is {day} not taken for weekend?"
    return _factor("weekend", factor, ratio)


def _hour_hint(hour: int, factor: float, ratio: float) -> str:
    if not factor:
        return "does this hour take another's factor?"
    inside = bool(is_business_hour(np.array(hour)))
    if abs(ratio * (factor if inside else 1 / factor) - 1) < ALIKE:
        return f"is hour {hour} {'not ' * inside}taken for a business hour?"
    return f"as if the load in this hour were {ratio:.4g} of what it should be"


def _quarter_hint(days: int, ratio: float) -> str:
    lift = 1 + 0.3 * max(5 - days, 0) / 5
    for shift, words in ((-1, "a day late"), (1, "a day early")):
        if abs(ratio * lift / (1 + 0.3 * max(5 - days + shift, 0) / 5) - 1) < ALIKE / 3 and days < 5:
            return f"does the quarter's end come {words}?"
    return f"is the quarter-end factor {lift * ratio:.3g} instead of {lift:.3g}?"
