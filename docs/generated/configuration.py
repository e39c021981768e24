"""The configuration, key by key, from the models that read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import yaml

from dask_synth.cli.options import KEY_OPTIONS
from dask_synth.config.layers import as_yaml, effective_config
from dask_synth.config.run import RunConfig
from dask_synth.model.life import LIFE, NO_LIFE, Company, Life, Memory
from generated.markdown import Row, attributes, kind, meaning, summary, table

Entry = Mapping[str, Any]

HEAD = ("key", "meaning", "value", "default", "option")
OPTIONS = {key: option for option, key, _ in KEY_OPTIONS} | {"output.formats": "--format"}
SCHEMA = RunConfig.model_json_schema()
UNITS = {
    "memory.hours": "hours",
    "memory.shares": "share of the variance",
    "in_out": "correlation",
    "cycle": "a name, or 24 numbers",
    "strength": "exponent",
    "strength_spread": "logarithm",
    "shift_spread": "hours",
    "level_spread": "logarithm",
    "noise_spread": "logarithm",
    "growth_spread": "share of `growth`",
    "yearly": "share of the load",
    "peak": "day of the year",
    "size": "servers",
    "pools": "share of the groups",
    "alike": "correlation",
}
"""Switch -> its unit, where it has one."""


def keys() -> str:
    """Describe every key, section by section."""
    entries: Mapping[str, Entry] = SCHEMA["properties"]
    texts = attributes(SCHEMA["description"])
    plain = [row for key, entry in entries.items() if not _section_of(entry) for row in _rows(key, entry, texts[key])]
    parts = ["## Top level", table(HEAD, _joined(plain))]
    for key, entry in entries.items():
        if section := _section_of(entry):
            by_name = section is not _resolved(entry)
            parts += _section(f"`{key}`", f"{key}.NAME" if by_name else key, section, texts[key] if by_name else "")
    return "\n\n".join(parts)


def switches() -> str:
    """Describe the switches of a profile: unit, bounds, what is off, and what each does."""
    profile = SCHEMA["$defs"]["ArchetypeProfile"]["properties"]
    texts = attributes(Life.__doc__ or "")
    rows = []
    for name in LIFE:
        if name == "memory":
            below, of_memory = SCHEMA["$defs"]["Memory"]["properties"], attributes(Memory.__doc__ or "")
            rows += [_switch(f"memory.{key}", below[key], of_memory[key], "no memory") for key in below]
        else:
            rows.append(_switch(name, profile[name], texts[name], _off(getattr(NO_LIFE, name))))
    return table(("`archetypes.NAME.`", "unit", "value", "off", "what it does"), rows)


def company() -> str:
    """Describe the keys of the fleet's company."""
    keys, texts = SCHEMA["$defs"]["Company"]["properties"], attributes(Company.__doc__ or "")
    rows = [_switch(key, entry, texts[key], f"{entry['default']:g}") for key, entry in keys.items()]
    return table(("`fleet.company.`", "unit", "value", "where it is left out", "what it is"), rows)


def region() -> str:
    """Describe the keys of a region."""
    entry = SCHEMA["$defs"]["RegionConfig"]
    texts = attributes(entry["description"])
    rows = [(f"`{key}`", kind(below), texts[key]) for key, below in entry["properties"].items()]
    return table(("`fleet.regions.NAME.`", "value", "what it is"), rows)


def _switch(key: str, entry: Entry, text: str, off: str) -> Row:
    return f"`{key}`", UNITS.get(key, ""), kind(entry), off, text


def _off(value: object) -> str:
    return "`null`" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{_flow(value)}`"


def defaults() -> str:
    """Return every key with its default, as YAML."""
    lines = [line.partition("  # ")[0].rstrip() for line in as_yaml(effective_config(None, {})).splitlines()]
    return "\n".join(["```yaml", *lines, "```"])


def _section(title: str, name: str, section: Entry, text: str = "") -> list[str]:
    texts = attributes(section["description"])
    rows, below = list[Row](), list[str]()
    for key, entry in section["properties"].items():
        if key in (*LIFE, "company"):  # they have tables of their own
            continue
        rows += _rows(f"{name}.{key}", entry, texts.get(key))
        items = _resolved(entry.get("items", {}))
        if "properties" in items:
            below += _section(f"An entry of `{name}.{key}`", f"{name}[].{key}", items)
    intro = f"{text} {summary(section['description'])}".strip()
    return [f"## {title}", intro, table(HEAD, _joined(rows)), *below]


def _joined(rows: Iterable[Row]) -> list[Row]:
    """Join neighbours that differ in the last part of their keys alone."""
    joined: list[Row] = []
    for above, group in groupby(rows, lambda row: (str(row[0]).rpartition(".")[0], *row[1:])):
        first, *others = (str(row[0]) for row in group)
        names = [first, *(f"`.{key.strip('`').rpartition('.')[2]}`" if "." in key else key for key in others)]
        joined.append((", ".join(names), *above[1:]))
    return joined


def _rows(key: str, entry: Entry, text: str | None) -> Iterator[Row]:
    """Yield a row for a key, or for each key below it."""
    target = _resolved(entry)
    if "properties" in target:
        texts = attributes(target["description"])
        for name, below in target["properties"].items():
            yield from _rows(f"{key}.{name}", below, texts.get(name) or summary(target["description"]))
        return
    shown = key.rsplit("[].", 1)[-1].partition(".")[2] if "[]." in key else key
    default = f"`{_flow(entry['default'])}`" if entry.get("default") not in (None, "") else ""
    option = f"`{OPTIONS[key]}`" if key in OPTIONS else ""
    yield f"`{shown}`", meaning(key, text), kind(target), default, option


def _resolved(entry: Entry) -> Entry:
    found: Entry = SCHEMA["$defs"][entry["$ref"].rsplit("/", 1)[1]] if "$ref" in entry else entry
    return found


def _section_of(entry: Entry) -> Entry | None:
    """Return the section that a key of the top level holds, or holds by name."""
    named = entry.get("additionalProperties")
    target = _resolved(named if isinstance(named, Mapping) else entry)
    return target if "properties" in target else None


def _flow(value: object) -> str:
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(_without_none(value), default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(below) for key, below in value.items() if below is not None}
    return [_without_none(below) for below in value] if isinstance(value, list) else value
