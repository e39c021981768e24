"""Everything that a report shows of a dataset, as small arrays: what was observed beside what the model expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import numpy.typing as npt

from dask_synth.measure.layout import Layout
from dask_synth.measure.sums import CENT, Measured, pairs_of
from dask_synth.model.columns import MetricTable
from dask_synth.reporting.each import EachServer, each_server
from dask_synth.reporting.sides import Expected, Seen
from dask_synth.theory.theory import Theory

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

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
        Observed and expected share of the rows in each bin: (2, metric, bin). NaN where servers differ from each other.
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
    layout, metrics
        Its axes, and its table of metrics.
    groups
        The fleet first, then its archetypes.
    servers
        Sampled server -> mean by (metric, period).
    memory
        Criticality -> rows by bin of mem_p95, in the order of the configuration.
    left_out
        Rows that could not be used.
    each
        Its servers, one by one.
    """

    layout: Layout
    metrics: MetricTable
    groups: tuple[Group, ...]
    servers: Mapping[str, Floats]
    memory: Mapping[str, Counts]
    left_out: int
    each: EachServer

    def group(self, name: str) -> Group | None:
        """Return the group of this name, if the fleet has it."""
        return next((group for group in self.groups if group.name == name), None)


def summary_of(measured: Measured, theory: Theory, layout: Layout) -> Summary:
    """Turn the sums of a whole dataset into what is shown of it."""
    columns = theory.spec.metrics.columns
    expected = {name: Expected.of(measured, theory, name, layout) for name, _ in layout.archetypes}
    seen = {name: Seen.of(measured, name, layout, len(columns)) for name, _ in layout.archetypes}
    servers = {FLEET: theory.spec.fleet.servers, **dict(layout.archetypes)}
    whole = {FLEET: (reduce(add, seen.values()), reduce(add, expected.values()))}
    both = whole | {name: (seen[name], expected[name]) for name, _ in layout.archetypes}
    limits = [column.high for column in columns]
    picture = measured.picture
    return Summary(
        layout=layout,
        metrics=theory.spec.metrics,
        groups=tuple(_group(name, servers[name], *of, limits) for name, of in both.items()),
        servers={name: _means(picture.servers[name]) for name, _ in layout.sample if name in picture.servers},
        memory={name: picture.memory[name] for name in layout.criticalities if name in picture.memory},
        left_out=measured.left_out,
        each=each_server(measured, theory.spec, layout),
    )


def correlation_of(rows: float, sums: Floats, products: Floats) -> Floats:
    """Return the correlation matrix from a number of rows, sums, and sums of products of all pairs, (pairs,)."""
    size = len(sums)
    square = np.empty((size, size))
    for (a, b), product in zip(pairs_of(size), products, strict=True):
        square[a, b] = square[b, a] = product
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / rows
        covariance = square / rows - np.outer(mean, mean)
        sd = np.sqrt(np.where(np.diag(covariance) > 1e-9 * np.maximum(mean**2, 1e-9), np.diag(covariance), np.nan))
        return np.asarray(np.clip(covariance / np.outer(sd, sd), -1, 1))


def bin_quantiles(counts: Counts, share: float, high: float) -> Floats:
    """Return a quantile from counts of bins along the last axis, linear within a bin; NaN where all counts are 0."""
    reached = counts.cumsum(axis=-1)
    target = share * reached[..., -1:]
    position = np.minimum((reached < target).sum(axis=-1, keepdims=True), counts.shape[-1] - 1)
    inside = np.take_along_axis(counts, position, axis=-1)
    before = np.take_along_axis(reached, position, axis=-1) - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (position - 1 + (target - before) / inside) * (high / (counts.shape[-1] - 2))
    return np.asarray(np.clip(value, 0.0, high)[..., 0])


def _group(name: str, servers: int, seen: Seen, expected: Expected, limits: Sequence[float]) -> Group:
    rows, overall = float(seen.rows.sum()), seen.counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = seen.sums / seen.rows
        level = seen.sums.sum(axis=1) / rows
        shares = overall / overall.sum(axis=-1, keepdims=True)
        due, whole = expected.sums / expected.rows, expected.sums.sum(axis=1) / expected.rows.sum()
        density = expected.shares / expected.shares.sum(axis=1, keepdims=True)
    return Group(
        name=name,
        servers=servers,
        rows=int(rows),
        series=np.stack([means, *_bands(seen.counts, limits), due]),
        shares=np.stack([shares, density]),
        week=_means(seen.week),
        level=np.stack([level, *_bands(overall, limits), whole]),
        correlation=correlation_of(rows, seen.sums.sum(axis=1), seen.products),
    )


def _bands(counts: Counts, limits: Sequence[float]) -> list[Floats]:
    """Return the LOW and the HIGH quantile of each metric, the first axis."""
    return [
        np.stack([bin_quantiles(of, share, high) for of, high in zip(counts, limits, strict=True)])
        for share in (LOW, HIGH)
    ]


def _means(sums: Floats) -> Floats:
    """Turn rows and sums in hundredths, (1 + metrics, ...), into means."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[1:] / sums[0] / CENT)
