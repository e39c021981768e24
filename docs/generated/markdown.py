"""Tables, and what docstrings and JSON schemas say, as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mkdocs.exceptions import PluginError

Row = Sequence[object]

BOUNDS = {
    "minimum": "at least {}",
    "ge": "at least {}",
    "exclusiveMinimum": "above {}",
    "gt": "above {}",
    "maximum": "at most {}",
    "le": "at most {}",
    "exclusiveMaximum": "below {}",
    "lt": "below {}",
}
KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "mapping",
    "array": "list",
}
FORMATS = {"date": "date, YYYY-MM-DD", "date-time": "time, ISO 8601"}


def table(head: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a Markdown table; columns that are empty in every row are left out."""
    kept = [i for i in range(len(head)) if any(str(row[i]) for row in rows)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([_cell(row[i]) for i in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "&#124;")


def summary(docstring: str) -> str:
    """Return a docstring up to its first section."""
    return re.split(r"\n\n\w+\n-{3,}", inspect.cleandoc(docstring))[0]


def attributes(docstring: str) -> dict[str, str]:
    """Return what a numpydoc docstring says of each attribute; `a, b` speaks of both."""
    lines = inspect.cleandoc(docstring).partition("Attributes\n----------\n")[2].splitlines()
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for position, line in enumerate(lines):
        if "".join(lines[position + 1 : position + 2]).startswith("---"):
            break
        if line.startswith(" "):
            for name in names:
                found[name].append(line.strip())
        elif line:
            names = line.split(", ")
            found |= {name: [] for name in names}
    return {name: " ".join(words) for name, words in found.items()}


def meaning(key: str, *texts: str | None) -> str:
    """Return the first text that there is; a key of which nothing is said stops the build."""
    for text in texts:
        if text:
            return text
    raise PluginError(f"no docstring says what {key!r} means")


def kind(entry: Mapping[str, Any]) -> str:
    """Describe the values that an entry of a JSON schema allows."""
    if "anyOf" in entry:
        return " or ".join(kind(choice) for choice in entry["anyOf"] if choice.get("type", "null") != "null")
    if "enum" in entry:
        return "one of " + ", ".join(f"`{value}`" for value in entry["enum"])
    values = entry.get("items") or entry.get("additionalProperties")
    each = [f"each {kind(values)}"] if isinstance(values, Mapping) and {"type", "anyOf"} & values.keys() else []
    if "prefixItems" in entry:  # a tuple of the same kind of values
        each = [f"{entry['maxItems']} of them, each {kind(entry['prefixItems'][0])}"]
    bounds = [words.format(_number(entry[bound])) for bound, words in BOUNDS.items() if bound in entry]
    return ", ".join([FORMATS.get(entry.get("format", ""), KINDS[entry["type"]]), *each, *bounds])


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
