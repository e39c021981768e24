"""The dataset and the model, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from typing import Any

from dask_synth.config.layers import load_config
from dask_synth.config.run import RunConfig
from dask_synth.model.archetypes import PROFILES
from dask_synth.model.correlation import cholesky_factor
from dask_synth.model.holidays import holiday_names
from dask_synth.model.life import LIFE
from dask_synth.pipeline.chunk import servers_table
from dask_synth.pipeline.plan import spec_of
from dask_synth.proof.verdict import Check, Verdict
from dask_synth.schema import COLUMNS
from dask_synth.storage.identity import BYTE_DECIDING, MODEL_VERSION
from dask_synth.storage.manifest import FileEntry, Manifest, Record
from generated.markdown import attributes, kind, meaning, table


def columns() -> str:
    """List the columns of a dataset."""
    rows = [(f"`{column.name}`", _type(column.type), column.unit, column.meaning) for column in COLUMNS]
    return table(("column", "type", "unit", "meaning"), rows)


def own_metrics() -> str:
    """List the metrics that the example configuration adds, as their table has them."""
    metrics = spec_of(load_config("iops_gpu")).metrics
    rows = []
    for column in metrics.columns:
        metric = metrics.metric_of(column.name)
        if metric.name in metrics.further:
            acts = "".join(f"{word} " for word in ("load", "growth") if getattr(metric, word))
            bounds = f"0..{column.high:g} {column.unit}"
            rows.append((f"`{metric.name}`", f"`{column.name}`", bounds, acts, f"{metric.spike:g} m", column.meaning))
    return table(("metric", "column", "values", "on its mean", "in a spike", "meaning"), rows)


def _type(arrow: object) -> str:
    return "category" if str(arrow).startswith("dictionary") else f"`{arrow}`"


def profiles() -> str:
    """List the numbers of the built-in archetypes, one column each."""
    numbers = [dict(_numbers(profile)) for profile in PROFILES.values()]
    rows = [(f"`{key}`", *(of_one[key] for of_one in numbers)) for key in numbers[0]]
    return table(("key", *PROFILES), rows)


def _numbers(value: Any, above: str = "") -> Iterator[tuple[str, float]]:
    for field in fields(value):
        below = getattr(value, field.name)
        if field.name in LIFE:  # switches, which are off in all built-in profiles
            continue
        if isinstance(below, int | float):
            yield above + field.name, float(below)
        else:
            yield from _numbers(below, f"{above}{field.name}.")


def cholesky() -> str:
    """List the factors L of the built-in archetypes."""
    rows = []
    for name, profile in PROFILES.items():
        for metric, row in zip(("cpu", "mem", "disk", "net"), cholesky_factor(profile.correlation), strict=True):
            rows.append((name, metric, *(f"{weight:.4f}" if weight else "" for weight in row)))
    return table(("archetype", "row", "z0", "z1", "z2", "z3"), rows)


def holidays() -> str:
    """List the names of holidays that a configuration may use."""
    return "\n".join(f"- {name}" for name in sorted(holiday_names()))


def byte_deciding() -> str:
    """Name what is part of a run's identity beside its configuration."""
    packages = "".join(f"- `{name}`\n" for name in BYTE_DECIDING)
    return f"{packages}- the model of dask-synth, now version {MODEL_VERSION}"


def manifest() -> str:
    """List the keys of the manifest."""
    return _record(Manifest)


def file_entry() -> str:
    """List the keys of one file in the manifest."""
    return _record(FileEntry)


def verdict() -> str:
    """List the keys of ``validation.json``."""
    return _record(Verdict)


def check() -> str:
    """List the keys of one check in it."""
    return _record(Check)


def servers() -> str:
    """List the columns of ``servers.parquet``."""
    schema = servers_table(spec_of(RunConfig(fleet={"servers": 1}))).schema
    meanings = {column.name: column.meaning for column in COLUMNS}
    profile = "the profile's `{}`"
    rows = [
        (f"`{field.name}`", _type(field.type), meanings.get(field.name) or profile.format(_key(field.name)))
        for field in schema
    ]
    return table(("column", "type", "meaning"), rows)


def _key(column: str) -> str:
    """Return the configuration key of a profile's column: its dot was written as an underscore."""
    keys = {f"profile_{key.replace('.', '_')}": key for key, _ in _numbers(next(iter(PROFILES.values())))}
    return keys[column]


def _record(model: type[Record]) -> str:
    texts = attributes(model.__doc__ or "")
    entries = model.model_json_schema()["properties"]
    rows = []
    for text, group in groupby(entries, lambda key: meaning(key, texts.get(key))):
        keys = list(group)
        kinds = dict.fromkeys(kind(entries[key]) for key in keys)
        rows.append((", ".join(f"`{key}`" for key in keys), "; ".join(kinds), text))
    return table(("key", "value", "meaning"), rows)
