"""Likely causes: a deviation of the mean, turned into the parameter that would explain it."""

from __future__ import annotations

import numpy as np

from dask_synth.model.spec import FleetSpec
from dask_synth.theory.cells import Cell, is_business_hour
from dask_synth.theory.theory import ArchetypeTheory

ALIKE = 0.03
"""Relative distance within which two factors pass for the same."""


def mean_hint(spec: FleetSpec, archetype: str, metric: str, cell: Cell, ratio: float) -> str:
    """Say what would explain a mean that is as if the load (for disk: the base) were `ratio` times the planned."""
    profile, known = spec.archetypes[archetype], spec.metrics.metric_of(metric)
    if not known.load or cell.kind == "all":
        base = getattr(profile.base, known.name)
        return f"as if the base of {base:g} were {base * ratio:.4g}"
    match cell.kind:
        case "hour":
            return _hour_hint(cell.number, profile.business_hours, ratio)
        case "days_before_quarter_end":
            return _quarter_hint(cell.number, ratio)
        case "holiday":
            return _factor("holiday", spec.seasonality.holidays[cell.number].factor, ratio)
        case "weekday_name" if cell.number >= 5:
            return _day_hint(cell.name.capitalize(), profile.weekend, ratio)
        case "weekend":
            return _factor("weekend", profile.weekend, ratio)
        case "business_hours":
            return _factor("business-hours", profile.business_hours, ratio)
        case _:
            return f"as if the load were {ratio:.4g} of what it should be"


def growth_hint(spec: FleetSpec, theory: ArchetypeTheory, column: int, off: float) -> str:
    """Say what would explain a slope that is `off` by so much a month."""
    metric = spec.metrics.metric_of(spec.metrics.names[column])
    rate = spec.archetypes[theory.name].growth
    if not metric.growth or not theory.trend().expected[column] or not rate:
        return "does something grow that should not?"
    nodes = theory.gauge.law.nodes
    # The mean's response is to a factor on all of it; growth acts on what there was at the start.
    trend = 1 + rate / 100 * (nodes.weights[0] @ nodes.months) / nodes.weights[0].sum()
    response = theory.response(column, 0)
    if abs(response) < 1e-6:
        return "clipping leaves no growth to see"
    seen = rate + 100 * off * trend / response
    per_year = ": is it the rate of a year?" if abs(seen * 12 / rate - 1) < 0.5 else ""
    return f"as if it grew by {seen:.3g} % a month instead of {rate:g} %{per_year}"


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
