"""What a single value of a configuration may be: types that pydantic checks, with errors in words.

The bounds of a profile stand with the model, those of what a run is made of here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from dask_synth.model.calendar import GRANULARITIES
from dask_synth.storage.formats import FORMATS

MAX_CATEGORIES = 127


def _no_boolean(value: Any) -> Any:
    # YAML's yes, no, on and off are booleans, and Python's True is an int: `servers: yes` would be a fleet of 1.
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


class NotANumber:
    """Stands for a boolean where numbers are read, which pydantic would take for 1 or 0.

    Attributes
    ----------
    given
        The boolean.
    """

    def __init__(self, given: bool) -> None:
        self.given = given

    def __repr__(self) -> str:
        return repr(self.given)


def without_booleans(value: Any) -> Any:
    """Return what is given with each boolean replaced by what is no number."""
    if isinstance(value, Mapping):
        return {key: without_booleans(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [without_booleans(below) for below in value]
    return NotANumber(value) if isinstance(value, bool) else value


def listed_weights(value: Any) -> Any:
    """Return what may be listed as a mapping: all listed values weigh the same."""
    if isinstance(value, str):
        return {value: 1.0}
    if not isinstance(value, list | tuple):
        return value
    if any(isinstance(one, Mapping | list | tuple) for one in value):
        raise ValueError("a list holds names alone; what says more of them is a mapping, {name: ...}")
    if len(set(map(str, value))) < len(value):
        raise ValueError("a value is listed twice")
    return dict.fromkeys(value, 1.0)


def usable_weights(weights: dict[str, float]) -> dict[str, float]:
    """Return them, if they can be drawn from and their names can be values of a column."""
    for value in weights:
        if not value.strip() or not value.isprintable() or len(value) > 100:
            raise ValueError(f"{value!r} cannot be a value: it must be 1 to 100 printable characters")
    if sum(weights.values()) <= 0:
        raise ValueError("at least one weight must be above 0")
    return weights


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _no_repetition(formats: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(formats)) < len(formats):
        raise ValueError("a format is listed twice")
    return formats


def _spaced_colons(options: dict[str, Any]) -> dict[str, Any]:
    # `{secret:abc}` is one key without a value, which the store's client would repeat in its error.
    if any(":" in key for key in _keys(options)):
        raise ValueError("a key holds a colon; write a space after each: {key: ..., secret: ...}")
    return options


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from map(str, value)
        value = list(value.values())
    if isinstance(value, list):
        for below in value:
            yield from _keys(below)


def _share_sum(mix: dict[str, float]) -> dict[str, float]:
    total = sum(mix.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"the shares sum to {total:.10g}, and they must sum to 1")
    return mix


def _known_granularity(granularity: str) -> str:
    if granularity not in GRANULARITIES:
        raise ValueError(f"allowed are {', '.join(GRANULARITIES)}")
    return granularity


Granularity = Annotated[str, AfterValidator(_known_granularity), Field(json_schema_extra={"enum": list(GRANULARITIES)})]
Count = Annotated[int, BeforeValidator(_no_boolean)]
Share = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=1e9, allow_inf_nan=False)]
WeightedValues = Annotated[
    dict[str, Weight],
    BeforeValidator(listed_weights),
    Field(min_length=1, max_length=MAX_CATEGORIES),
    AfterValidator(usable_weights),
]
Mix = Annotated[dict[str, Share], Field(min_length=1, max_length=MAX_CATEGORIES), AfterValidator(_share_sum)]
StorageOptions = Annotated[dict[str, Any], AfterValidator(_spaced_colons)]
if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]
Formats = Annotated[
    tuple[FormatName, ...],
    BeforeValidator(_one_or_more),
    Field(min_length=1),
    AfterValidator(_no_repetition),
]
