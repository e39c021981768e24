"""The Python interface: what mkdocstrings shall show."""

from __future__ import annotations

import dask_synth
from dask_synth import errors

BARE = ("dask_synth.RunConfig",)
"""Shown without members: the configuration has a page of its own."""


def names() -> str:
    """Ask for each public name, the verdict and the errors."""
    public = [f"dask_synth.{name}" for name in dask_synth.__all__ if name != "__version__"]
    blocks = [f"::: {name}{_options('members: false') if name in BARE else ''}" for name in public]
    blocks += ["::: dask_synth.quality.verdict.Verdict", "::: dask_synth.quality.verdict.Check", "## Errors"]
    raised = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    return "\n\n".join([*blocks, *(f"::: dask_synth.errors.{name}{_options('heading_level: 3')}" for name in raised)])


def _options(option: str) -> str:
    return f"\n    options:\n      {option}"
