"""A share on the command line: ``5%``, ``0`` or ``all``."""

from __future__ import annotations

import re

import click


class Share(click.ParamType[float]):
    """A percentage, 0 or ``all``, as a number from 0 to 1."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a share, or fail with what may be written."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if text in ("0", "all"):
            return float(text == "all")
        percent = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
        if not percent or float(percent[1]) > 100:
            self.fail(f"{text!r} is not a share; write a percentage such as 5%, 0, or all", param, ctx)
        return float(percent[1]) / 100


recompute_option = click.option(
    "--recompute",
    default="all",
    show_default=True,
    metavar="SHARE",
    type=Share(),
    help="Servers whose rows are drawn anew and compared to the bit: all, 5%, or 0.",
)
"""The option of every command that validates."""
