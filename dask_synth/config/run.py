"""The configuration of a run: read once, at the door, into frozen objects that refuse what they do not know.

Precedence, lowest first: built-in defaults, YAML file, environment, command line (``layers.py`` reads and merges them).
The bounds of a profile and of the seasons stand with the model, those of single values in ``values.py``; what must hold
between values stands here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from dateutil.relativedelta import relativedelta
from pydantic import (
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dask_synth.config.fleet import FleetConfig, Section
from dask_synth.config.metrics import Metrics
from dask_synth.config.profiles import Profile, as_mapping, check_numbers
from dask_synth.config.regions import calendars_of
from dask_synth.config.values import Count, Formats, Granularity, StorageOptions
from dask_synth.model.archetypes import PROFILES, ArchetypeProfile
from dask_synth.model.calendar import Seasonality
from dask_synth.model.holidays import ANY

FIRST_YEAR, LAST_YEAR = 1970, 2200
# A letter first: Parquet readers take a folder server_type=01 for a number.
ARCHETYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class TimeConfig(Section):
    """From the first day's 00:00 through the whole last day. ``years: N`` may stand instead of ``end_date``.

    Attributes
    ----------
    start_date
        First day.
    end_date
        Last day, included.
    granularity
        Time between two rows of a server.
    """

    start_date: dt.date = dt.date(2022, 1, 1)
    end_date: dt.date = dt.date(2025, 12, 31)
    granularity: Granularity = "daily"

    @field_validator("start_date", "end_date")
    @classmethod
    def _in_range(cls, day: dt.date) -> dt.date:
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}")
        return day

    @model_validator(mode="before")
    @classmethod
    def _years_to_end_date(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "years" not in data:
            return data
        if "end_date" in data:
            raise ValueError("give years or end_date, not both")
        years = data["years"]
        text = str(years)
        if isinstance(years, bool) or not (text.isdecimal() and 1 <= int(text) <= LAST_YEAR - FIRST_YEAR):
            raise PydanticCustomError(
                "years",
                "years must be a whole number from 1 to {most}, not {years}",
                {"most": LAST_YEAR - FIRST_YEAR, "years": repr(years)},
            )
        rest = {key: value for key, value in data.items() if key != "years"}
        try:
            start = TypeAdapter(dt.date).validate_python(data.get("start_date", cls.model_fields["start_date"].default))
        except ValidationError:
            return rest  # start_date's own error says it
        return {**rest, "end_date": start + relativedelta(years=int(text)) - dt.timedelta(days=1)}

    @model_validator(mode="after")
    def _in_order(self) -> TimeConfig:
        if self.end_date < self.start_date:
            raise ValueError(f"end_date {self.end_date} lies before start_date {self.start_date}")
        return self


class OutputConfig(Section):
    """Where the dataset lands and in which formats.

    Attributes
    ----------
    path
        A folder to make, or a URL such as ``s3://bucket/fleet``.
    storage_options
        What the client of an object store is given. Secrets: left out of every record and printed configuration.
    formats
        What to write: ``parquet``, ``csv``, or a list of both.
    rows_per_partition
        Most rows of a part; a server's whole time stays in one, so a part has at least one server.
    """

    path: Annotated[str, Field(min_length=1)] = "output"
    # Never dumped: that keeps secrets out of records, run ids and printed configurations.
    storage_options: Annotated[StorageOptions, Field(exclude=True, repr=False)] = Field(default_factory=dict)
    formats: Formats = ("parquet", "csv")
    rows_per_partition: Annotated[Count, Field(ge=1, le=100_000_000)] = 500_000


class RunConfig(BaseSettings):
    """Everything that decides a run. Frozen, and validated as a whole.

    Attributes
    ----------
    seed
        Of all random numbers.
    fleet
        Who is in the fleet.
    time
        From when to when, and how often.
    seasonality
        Which seasons act on the load.
    growth
        Whether cpu, mem and disk grow.
    spikes
        Whether there are spikes.
    metrics
        Metrics of one's own, by name, beside cpu, mem, disk and net.
    archetypes
        Changes to the built-in profiles, and new ones, by name.
    output
        Where the dataset lands.

    Examples
    --------
    >>> RunConfig(fleet={"servers": 3}).fleet.servers
    3
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    seed: Annotated[Count, Field(ge=0, lt=2**64)] = 42
    fleet: FleetConfig = FleetConfig()
    time: TimeConfig = TimeConfig()
    seasonality: Seasonality = Seasonality()
    growth: bool = True
    spikes: bool = True
    metrics: Metrics = {}
    archetypes: dict[str, Profile] = PROFILES
    output: OutputConfig = OutputConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the caller alone: the environment is read in one place, ``layers.py``."""
        return (init_settings,)

    @field_validator("seasonality")
    @classmethod
    def _known_holidays(cls, seasonality: Seasonality, info: ValidationInfo) -> Seasonality:
        fleet = info.data.get("fleet")
        table = seasonality.holidays
        if fleet is None:  # it has errors of its own; whose holidays there are, nobody knows yet
            table = tuple(replace(holiday, name=holiday.name and ANY) for holiday in table)
        calendars = calendars_of(fleet.regions if fleet else {})
        problems = [f"holidays[{i}]: {told}" for i, holiday in enumerate(table) if (told := holiday.problem(calendars))]
        if problems:
            raise ValueError("; ".join(problems))
        return seasonality

    @field_validator("archetypes", mode="before")
    @classmethod
    def _overrides(cls, given: Any) -> Any:
        """Lay what is given over the built-in profiles."""
        if not isinstance(given, Mapping):
            return given
        defaults = {name: as_mapping(profile) for name, profile in PROFILES.items()}
        return merged(defaults, {name: as_mapping(profile) for name, profile in given.items()})

    @field_validator("archetypes")
    @classmethod
    def _known_archetypes(
        cls, profiles: dict[str, ArchetypeProfile], info: ValidationInfo
    ) -> dict[str, ArchetypeProfile]:
        bad = [name for name in profiles if not ARCHETYPE_NAME.fullmatch(name)]
        if bad:
            raise ValueError(f"{bad[0]!r} cannot name an archetype: a letter, then letters, digits, '_', '-' and '.'")
        fleet = info.data.get("fleet")
        unknown = [name for name in fleet.mix if name not in profiles] if fleet else []
        if unknown:
            raise PydanticCustomError(
                "unknown_archetype",
                "{names} is not a known archetype; known are {known}; define a new one under archetypes",
                {"path": ("fleet", "mix", unknown[0]), "names": ", ".join(unknown), "known": ", ".join(profiles)},
            )
        if fleet:
            check_numbers({name: profiles[name] for name in fleet.mix}, info.data.get("metrics", {}))
        return profiles


def merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Return `low` with `high` laid over it, mapping by mapping."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
