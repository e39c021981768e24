"""The command line, command by command, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

import click

from dask_synth.cli import commands as cli
from generated.markdown import meaning, table

PROGRAM = "python -m dask_synth"


def commands() -> str:
    """Describe every command, and after them the options that several share, once."""
    context = click.Context(cli.main, info_name=PROGRAM)
    options = _options()
    parts = [_prose(cli.main.help or ""), cli.EPILOG]
    for name, command in cli.main.commands.items():
        pieces = command.collect_usage_pieces(click.Context(command, info_name=name, parent=context))
        parts += [f"## {name}", _prose(command.help or ""), f"```text\n{' '.join([PROGRAM, name, *pieces])}\n```"]
        parts += [_table(options[name,])] if (name,) in options else []
        links = [f"[{_title(having)}](#{_anchor(having)})" for having in _shared(options) if name in having]
        parts += [f"Takes the options of {', and of '.join(links)}."]
    for having in _shared(options):
        parts += [f"## Options of {_title(having)} {{ #{_anchor(having)} }}", _table(options[having])]
    return "\n\n".join(parts)


def _options() -> dict[tuple[str, ...], list[click.Option]]:
    """Return the options by the commands that have them."""
    having: dict[str, list[str]] = {}
    found: dict[str, click.Option] = {}
    for name, command in cli.main.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                having.setdefault(option.opts[-1], []).append(name)
                found[option.opts[-1]] = option
    grouped: dict[tuple[str, ...], list[click.Option]] = {}
    for name, option in found.items():
        grouped.setdefault(tuple(having[name]), []).append(option)
    return grouped


def _shared(options: dict[tuple[str, ...], list[click.Option]]) -> list[tuple[str, ...]]:
    return [having for having in options if len(having) > 1]


def _title(having: Sequence[str]) -> str:
    return ", ".join(having[:-1]) + f" and {having[-1]}"


def _anchor(having: Sequence[str]) -> str:
    return "-".join(("options", *having))


def _table(options: Sequence[click.Option]) -> str:
    rows, below = [], []
    for option in options:
        name = option.opts[-1]
        text = meaning(name, option.help)
        if "\b" in text:
            below += [f"`{name}` takes one of:", f"```text\n{text.replace(chr(8), '').strip()}\n```"]
            text = f"One of those below the table; {option.metavar} is described there."
        if isinstance(option.type, click.Choice):
            text += " One of " + ", ".join(f"`{choice}`" for choice in option.type.choices) + "."
        if option.show_default:
            text += f" Default: `{option.default}`."
        rows.append((f"`{name}`" if option.is_flag else f"`{name} {_value(option)}`", text))
    return "\n\n".join([table(("option", "meaning"), rows), *below])


def _value(option: click.Option) -> str:
    kinds = {"integer range": "NUMBER", "float range": "NUMBER", "choice": "NAME", "text": "TEXT"}
    return option.metavar or kinds.get(option.type.name, option.type.name.upper())


def _prose(text: str) -> str:
    """Return a help text as Markdown: what click must not rewrap is a block."""
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", inspect.cleandoc(text))]
    blocks = [f"```text\n{part.removeprefix(chr(8)).strip()}\n```" if part.startswith("\b") else part for part in parts]
    return "\n\n".join(blocks)
