"""Everything that a report shows of a dataset, as small arrays: what was observed beside what the model expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import BUILT_IN
from dask_synth.quality.binning import Layout, bin_quantiles
from dask_synth.quality.partials import Counts, Floats, Partial, Sums
from dask_synth.schema import METRICS
from dask_synth.theory.theory import ArchetypeTheory, Theory

FLEET = "whole fleet"
LOW, HIGH = 0.1, 0.9
"""The band that is shown around a mean: four rows in five lie in it."""


@dataclass(frozen=True, eq=False)
class Group:
    """An archetype, or the whole fleet.

    Attributes
    ----------
    name, servers, rows
        What it is, and how large.
    series
        Mean, LOW and HIGH quantile, and expected mean: (4, metric, period).
    shares
        Observed and expected share of the rows in each bin: (2, metric, bin).
    week
        Mean by slot of the week: (metric, slot).
    level
        Mean, LOW and HIGH quantile, and expected mean of the whole: (4, metric).
    correlation
        Of all rows: (metric, metric); NaN where a metric does not vary.
    """

    name: str
    servers: int
    rows: int
    series: Floats
    shares: Floats
    week: Floats
    level: Floats
    correlation: Floats


@dataclass(frozen=True, eq=False)
class Summary:
    """A dataset in figures.

    Attributes
    ----------
    layout
        Its axes.
    groups
        The fleet first, then its archetypes.
    servers
        Sampled server -> mean by (metric, period).
    memory
        Criticality -> rows by bin of mem_p95, in the order of the configuration.
    left_out
        Rows that could not be used.
    """

    layout: Layout
    groups: tuple[Group, ...]
    servers: Mapping[str, Floats]
    memory: Mapping[str, Counts]
    left_out: int

    def group(self, name: str) -> Group | None:
        """Return the group of this name, if the fleet has it."""
        return next((group for group in self.groups if group.name == name), None)


@dataclass(frozen=True, eq=False)
class _Expected:
    """What the model says of some servers: rows and sums of each period, rows in each bin, all additive.

    Attributes
    ----------
    rows, sums
        By period, (periods,) and (metric, period).
    shares
        Rows in each bin, (metric, bin).
    """

    rows: Floats
    sums: Floats
    shares: Floats

    def __add__(self, other: Self) -> Self:
        return type(self)(self.rows + other.rows, self.sums + other.sums, self.shares + other.shares)

    @classmethod
    def of(cls, theory: ArchetypeTheory, layout: Layout) -> Self:
        """Take an archetype's theory to the axes of a picture."""
        starts = np.arange(layout.periods) * layout.days_per_period
        below = theory.tables.below
        # Where there is next to nothing, a difference may be a rounding error below 0.
        shares = np.diff(below, axis=1, prepend=0.0, append=theory.rows)
        return cls(
            rows=np.add.reduceat(theory.slot_rows.sum(axis=1), starts),
            sums=np.add.reduceat(theory.tables.days[0].sum(axis=2), starts, axis=1),
            shares=np.maximum(shares, 0.0),
        )


def summary_of(partial: Partial, theory: Theory, layout: Layout) -> Summary:
    """Turn the sums of a whole dataset into what is shown of it."""
    expected = {name: _Expected.of(theory.archetypes[name], layout) for name, _ in layout.archetypes}
    sums = {name: partial.archetypes.get(name) or Sums.empty(layout) for name, _ in layout.archetypes}
    whole = reduce(add, expected.values())
    groups = [_group(name, servers, sums[name], expected[name]) for name, servers in layout.archetypes]
    known = [name for name in layout.criticalities if name in partial.memory]
    return Summary(
        layout=layout,
        groups=(_group(FLEET, theory.spec.fleet.servers, reduce(add, sums.values()), whole), *groups),
        servers={name: _means(partial.servers[name]) for name, _ in layout.sample if name in partial.servers},
        memory={name: partial.memory[name] for name in known},
        left_out=partial.left_out,
    )


def correlation_of(products: Floats) -> Floats:
    """Return the correlation matrix from sums of products of (1, x, y, ...) with themselves."""
    rows = products[0, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = products[0, 1:] / rows
        covariance = products[1:, 1:] / rows - np.outer(mean, mean)
        sd = np.sqrt(np.where(np.diag(covariance) > 1e-9 * np.maximum(mean**2, 1e-9), np.diag(covariance), np.nan))
        return np.asarray(np.clip(covariance / np.outer(sd, sd), -1, 1))


def _group(name: str, servers: int, sums: Sums, expected: _Expected) -> Group:
    rows = int(sums.products[0, 0])
    overall = sums.counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.totals / sums.counts[:, 0].sum(axis=-1, keepdims=True)
        level = sums.products[0, 1:] / rows if rows else np.full(len(METRICS), np.nan)
        shares = overall / overall.sum(axis=-1, keepdims=True)
    bands = [_quantiles(sums.counts, share) for share in (LOW, HIGH)]
    return Group(
        name=name,
        servers=servers,
        rows=rows,
        series=np.stack([mean.T, *(band.T for band in bands), expected.sums / expected.rows]),
        shares=np.stack([shares, expected.shares / expected.shares.sum(axis=1, keepdims=True)]),
        week=_means(sums.week),
        level=np.stack(
            [
                level,
                *(_quantiles(overall, share) for share in (LOW, HIGH)),
                expected.sums.sum(axis=1) / expected.rows.sum(),
            ]
        ),
        correlation=correlation_of(sums.products),
    )


def _quantiles(counts: Counts, share: float) -> Floats:
    """Return the quantile of each metric, which is the last axis but one."""
    limits = [BUILT_IN[name].high for name in METRICS]
    return np.stack([bin_quantiles(counts[..., m, :], share, high) for m, high in enumerate(limits)], axis=-1)


def _means(sums: npt.NDArray[np.float64]) -> Floats:
    """Turn sums of (1, metrics), the last axis, into means by (metric, the other)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((sums[:, 1:] / sums[:, :1]).T)
