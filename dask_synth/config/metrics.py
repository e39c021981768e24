"""Metrics of one's own: what ``metrics`` says of each.

Their numbers stand in the profiles, by the metric's name, beside those of cpu, mem, disk and net.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from dask_synth.config.values import Count
from dask_synth.model.columns import BUILT_IN, Metric, MetricColumn, MetricTable
from dask_synth.schema import NAMES

MAX_METRICS = 16
# No underscore: it parts the two names of a correlation.
NAME = re.compile(r"[a-z][a-z0-9]{0,31}")
COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it must be printable")
    return text


Text = Annotated[str, Field(max_length=100), AfterValidator(_printable)]


class MetricConfig(BaseModel):
    """Its numbers stand in the profiles: ``archetypes.NAME.base``, ``.sd`` and ``.correlation``, by the metric's name.

    Attributes
    ----------
    high
        Upper bound of its values; a whole number, so that each percent of the range is a value.
    column
        Name of its column; by default the metric's with ``_p95`` behind it.
    unit
        Of its values.
    load
        Whether load acts on its mean.
    growth
        Whether it grows.
    spike
        How much of a spike's magnitude multiplies it; 0: it does not spike.
    label
        Its name in pictures; by default the metric's.
    meaning
        What it is, in a sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: Annotated[Count, Field(ge=1, le=1_000_000)]
    column: str | None = None
    unit: Annotated[str, Field(max_length=20), AfterValidator(_printable)] = ""
    load: bool = False
    growth: bool = False
    spike: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 0.0
    label: Text | None = None
    meaning: Text | None = None

    def named(self, name: str) -> MetricConfig:
        """Return it with what is not given made of the metric's name."""
        label = self.label or name
        given = self.model_dump(exclude_none=True)
        defaults = {"column": f"{name}_p95", "label": label, "meaning": f"{label}, 0..{self.high}"}
        return MetricConfig(**{**defaults, **given})


Refusal = tuple[tuple[str, ...], str]
"""The key below ``metrics``, and what is wrong with it."""


def refuse(refusals: Sequence[Refusal]) -> NoReturn:
    """Raise them all at once."""
    found = [{"path": ("metrics", *place), "text": text} for place, text in refusals]
    details = [InitErrorDetails(type=PydanticCustomError("metrics", "{text}", one), input=None) for one in found]
    raise ValidationError.from_exception_data("metrics", details)


def _usable(metrics: dict[str, MetricConfig]) -> dict[str, MetricConfig]:
    refusals: list[Refusal] = [((name,), text) for name in metrics if (text := _bad_name(name))]
    named = {name: metric.named(name) for name, metric in metrics.items()}
    refusals += _bad_columns({name: metric for name, metric in named.items() if not _bad_name(name)})
    if refusals:
        refuse(refusals)
    return named


def _bad_name(name: str) -> str:
    if name in BUILT_IN.latent:
        return f"{name} is built in; give a metric of your own another name"
    if NAME.fullmatch(name) and not keyword.iskeyword(name):
        return ""
    return f"{name!r} cannot name a metric: a small letter, then small letters and digits, and no keyword of Python"


def _bad_columns(metrics: Mapping[str, MetricConfig]) -> Iterator[Refusal]:
    # Some readers take names that differ in capitals alone for one.
    taken = {column.lower(): "is a column of every dataset" for column in NAMES}
    for name, metric in metrics.items():
        column = str(metric.column)
        if not COLUMN.fullmatch(column):
            yield (name, "column"), f"{column!r} cannot name a column: a letter, then letters, digits and '_'"
        elif column.lower() in taken:
            yield (name, "column"), f"{column!r} {taken[column.lower()]}; give it another name"
        taken.setdefault(column.lower(), f"is the column of metrics.{name}")


Metrics = Annotated[dict[str, MetricConfig], Field(max_length=MAX_METRICS), AfterValidator(_usable)]


def metric_table(metrics: Mapping[str, MetricConfig]) -> MetricTable:
    """Return the table of a fleet's metrics: the built-in ones, then these."""
    if not metrics:
        return BUILT_IN
    rows = [Metric(name, load=one.load, growth=one.growth, spike=one.spike) for name, one in metrics.items()]
    columns = [
        MetricColumn(one.column or "", name, one.unit, float(one.high), one.label or "", one.meaning or "")
        for name, one in metrics.items()
    ]
    return BUILT_IN.extended(rows, columns)
