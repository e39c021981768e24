"""Regions: how much of the fleet stands in each, by which clock, and whose public holidays it keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, WrapValidator
from pydantic.functional_serializers import model_serializer
from pydantic_core.core_schema import SerializerFunctionWrapHandler, ValidatorFunctionWrapHandler

from dask_synth.config.values import MAX_CATEGORIES, Weight, listed_weights, usable_weights
from dask_synth.model.fleet import Place
from dask_synth.model.holidays import UNITED_STATES, calendar_problem
from dask_synth.model.localtime import timezone_problem

QUOTED = "YAML reads an unquoted yes, no, on or off as true or false"
HOURS = re.compile(r"[+-]?\d{1,3}")
TIMEZONE = "it must be a time zone such as Europe/Berlin or Asia/Kolkata, or whole hours ahead of UTC, -12 to 14"


def _usable_timezone(timezone: Any) -> Any:
    if isinstance(timezone, str) and HOURS.fullmatch(timezone):  # as all that the environment says
        timezone = int(timezone)
    if isinstance(timezone, bool):
        raise ValueError(f"{QUOTED}; {TIMEZONE}")
    if timezone is not None and not isinstance(timezone, str | int):
        raise ValueError(TIMEZONE)
    if problem := timezone_problem(timezone):
        raise ValueError(problem)
    return timezone


def _usable_holidays(calendar: Any) -> Any:
    if calendar is False:
        raise ValueError(f'{QUOTED}; for Norway write "NO", in quotes')
    if calendar is not None and not isinstance(calendar, str):
        raise ValueError("it must be a country such as DE, or a country and its subdivision such as US-NY")
    if calendar is not None and (problem := calendar_problem(calendar)):
        raise ValueError(problem)
    return calendar


class RegionConfig(BaseModel):
    """A region may say where it stands in time: ``{EU: {weight: 1, timezone: Europe/Berlin, holidays: DE}}``.

    Attributes
    ----------
    weight
        How much of the fleet stands in it, against the others' weights.
    timezone
        By whose clock its servers work: a name of the time zone database such as ``Europe/Berlin``, with daylight
        saving, or whole hours ahead of UTC, -12 to 14. Left out: UTC.
    holidays
        Whose public holidays it keeps: a country such as ``DE``, or with its subdivision, ``US-NY``. Left out: the US.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: Weight = 1.0
    timezone: Annotated[str | int | None, BeforeValidator(_usable_timezone)] = None
    holidays: Annotated[str | None, BeforeValidator(_usable_holidays)] = None

    @model_serializer(mode="wrap")
    def _what_is_said(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}

    @property
    def place(self) -> Place:
        """Return where it stands in time."""
        return Place(self.timezone, self.holidays)


def _read_region(given: Any, _: ValidatorFunctionWrapHandler) -> float | RegionConfig:
    """Read a weight, or a region; a region that says no more than its weight is that weight."""
    if not isinstance(given, Mapping | RegionConfig):
        return _WEIGHT.validate_python(given)
    region = RegionConfig.model_validate(given)
    return region if region.place != Place() else region.weight


_WEIGHT: TypeAdapter[float] = TypeAdapter(Weight)
Region = float | RegionConfig


def weight_of(region: Region) -> float:
    """Return how much of the fleet stands in a region."""
    return region.weight if isinstance(region, RegionConfig) else region


def places_of(regions: Mapping[str, Region]) -> tuple[Place, ...]:
    """Return where each region stands in time, or nothing if none of them says."""
    places = tuple(region.place if isinstance(region, RegionConfig) else Place() for region in regions.values())
    return places if any(place != Place() for place in places) else ()


def calendars_of(regions: Mapping[str, Region]) -> list[str]:
    """Return whose public holidays are kept somewhere."""
    return list(dict.fromkeys(place.holidays or UNITED_STATES for place in places_of(regions) or (Place(),)))


def _usable_regions(regions: dict[str, Region]) -> dict[str, Region]:
    usable_weights({name: weight_of(region) for name, region in regions.items()})
    return regions


Regions = Annotated[
    dict[str, Annotated[Weight | RegionConfig, WrapValidator(_read_region)]],
    BeforeValidator(listed_weights),
    Field(min_length=1, max_length=MAX_CATEGORIES),
    AfterValidator(_usable_regions),
]
