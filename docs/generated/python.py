"""The Python interface: what mkdocstrings shall show."""

from __future__ import annotations

import dask_synth
from dask_synth import errors

BARE = "{members: false, show_bases: false, show_docstring_attributes: false}"
"""How the configuration is shown, which has a page of its own."""


def names() -> str:
    """Ask for each public name, the verdict and the errors."""
    public = [f"dask_synth.{name}" for name in dask_synth.__all__ if name != "__version__"]
    blocks = [f"::: {name}{_options(BARE) if name.endswith('.RunConfig') else ''}" for name in public]
    blocks += ["::: dask_synth.proof.verdict.Verdict", "::: dask_synth.proof.verdict.Check", "## Errors"]
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    raised = [value.__name__ for value in classes if value is not errors.DaskSynthError]  # which is public itself
    return "\n\n".join([*blocks, *(f"::: dask_synth.errors.{name}{_options('{heading_level: 3}')}" for name in raised)])


def _options(options: str) -> str:
    return f"\n    options: {options}"
