"""Numbers of further metrics in a profile: base, deviations and correlation with fields of their names besides.

They stay plain frozen dataclasses, so that whoever reads ``base.cpu`` reads ``base.iops`` likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field, fields, make_dataclass
from functools import cache
from typing import Any

from dask_synth.model.archetypes import ArchetypeProfile, Base, Deviation, Deviations, Level
from dask_synth.model.columns import MetricTable
from dask_synth.model.correlation import Coefficient, Correlation, correlation_matrix
from dask_synth.model.life import LIFE

BOUNDS: Mapping[type, Any] = {Base: Level, Deviations: Deviation, Correlation: Coefficient}


@cache
def numbers_type(kind: type[Any], names: tuple[str, ...]) -> type[Any]:
    """Return one of the keys of :data:`BOUNDS` with fields of these names behind its own."""
    if not names:
        return kind

    def reduce(self: Any) -> Any:
        return rebuilt, (kind, names, asdict(self))

    def identity(self: Any) -> Any:
        return kind.__name__, asdict(self)

    return make_dataclass(
        kind.__name__,
        # The last of a built-in pair's correlations have defaults, so those behind need one; it is never used.
        [(name, BOUNDS[kind], field(default=0.0) if kind is Correlation else field()) for name in names],
        bases=(kind,),
        frozen=True,
        # Nobody sends the type itself: who looked for it by its name would find the one that it adds to, and what
        # copies it by value (as Dask does for a token that is not given) makes its fields' defaults others.
        namespace={"__reduce__": reduce, "__dask_tokenize__": identity, "__doc__": kind.__doc__},
    )


def rebuilt(kind: Any, names: tuple[str, ...], values: Mapping[str, float]) -> Any:
    """Return what was sent to another process."""
    return numbers_type(kind, names)(**values)


@cache
def profile_type(base: tuple[str, ...], sd: tuple[str, ...], pairs: tuple[str, ...]) -> type[ArchetypeProfile]:
    """Return the type that a profile is read with which has further numbers of these names."""
    parts = {
        "base": numbers_type(Base, base),
        "sd": numbers_type(Deviations, sd),
        "correlation": numbers_type(Correlation, pairs),
    }
    return make_dataclass("ArchetypeProfile", list(parts.items()), bases=(ArchetypeProfile,), frozen=True)


def plain(profile: ArchetypeProfile) -> ArchetypeProfile:
    """Return a profile in the one type that all of them have, whatever it was read with."""
    return ArchetypeProfile(**vars(profile))


def profile_numbers(profile: ArchetypeProfile, metrics: MetricTable) -> dict[str, float]:
    """Return all numbers of a profile by name, such as ``base_cpu``; a pair that is not named has what follows."""
    numbers = {part: asdict(getattr(profile, part)) for part in ("base", "sd", "correlation")}
    built_in = {field.name for field in fields(Correlation)}
    pairs = {pair: value for pair, value in numbers["correlation"].items() if pair in built_in}
    if metrics.further:
        matrix, place = correlation_matrix(profile.correlation, metrics.latent), metrics.latent.index
        pairs |= {f"{a}_{b}": float(matrix[place(a), place(b)]) for a, b in metrics.further_pairs}
    numbers["correlation"] = pairs
    nested = {f"{part}_{name}": value for part, values in numbers.items() for name, value in values.items()}
    # In this order they stand in every table of servers that there is.
    own = {name: value for name, value in asdict(profile).items() if name not in numbers and name not in LIFE}
    return own | nested
