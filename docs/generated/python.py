"""The Python interface: what mkdocstrings shall show."""

from __future__ import annotations

import dask_synth
from dask_synth import errors

BARE = "{members: false, show_bases: false, show_docstring_attributes: false}"
"""How the configuration is shown, which has a page of its own."""


def names() -> str:
    """Ask for each public name, the verdict and the errors, which come last and all together."""
    public = [f"dask_synth.{name}" for name in dask_synth.__all__ if name not in ("__version__", "DaskSynthError")]
    blocks = [f"::: {name}{_options(BARE) if name.endswith('.RunConfig') else ''}" for name in public]
    blocks += ["::: dask_synth.quality.verdict.Verdict", "::: dask_synth.quality.verdict.Check", "## Errors"]
    raised = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    return "\n\n".join([*blocks, *(f"::: dask_synth.errors.{name}{_options('{heading_level: 3}')}" for name in raised)])


def _options(options: str) -> str:
    return f"\n    options: {options}"
