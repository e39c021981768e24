"""A fleet's servers one by one: how far they differ, which are the highest, who goes with whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.measure.layout import Layout
from dask_synth.measure.lives import MAX_SERVERS, Together
from dask_synth.measure.sums import CENT, Measured
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HIGHEST = 10
LOW, HIGH = 0.1, 0.9
"""The band between servers: four in five lie in it."""
LEAST_POINTS = 12
"""Points of time from which a correlation is taken."""
KIN_BINS = 40
"""Bins of correlations from -1 to 1."""


class High(NamedTuple):
    """One of the servers that are highest in a metric.

    Attributes
    ----------
    name, position, archetype
        Which.
    mean, median
        Of it, and of the servers of its archetype.
    full
        Share of its rows that are at the metric's upper bound; NaN if it was not counted.
    """

    name: str
    position: int
    archetype: str
    mean: float
    median: float
    full: float


@dataclass(frozen=True, eq=False)
class EachServer:
    """A fleet's servers one by one, or those of a very large fleet that have a series.

    Attributes
    ----------
    living
        Whether any of them are individuals.
    names, index, kind
        Ids, positions in the fleet, and place of the archetype in the layout's.
    series
        Means, (servers, metrics, points).
    mean
        Of the whole time, (metrics, servers).
    band
        Group, the fleet first -> LOW and HIGH quantile of the servers' means, (2, metrics, points).
    highest
        Of each metric.
    together
        Whose rows are drawn beside each other, and their values in their means, (servers, metrics, moments).
    kin
        Number of pairs of servers by the correlation of their series, (archetypes, 2, metrics, KIN_BINS): of those
        that share a pool, and of strangers. What all servers of the archetype have in common is taken off before.
    local
        Group -> mean by local hour of the week, (metrics, regions, 168).
    regions
        Their names.
    """

    living: bool
    names: tuple[str, ...]
    index: Ints
    kind: Ints
    series: Floats
    mean: Floats
    band: Floats
    highest: tuple[tuple[High, ...], ...]
    together: tuple[tuple[Together, Floats], ...]
    kin: Floats
    local: Floats
    regions: tuple[str, ...]


def each_server(measured: Measured, spec: FleetSpec, layout: Layout) -> EachServer:
    """Turn the sums of single servers into what is shown of them."""
    each, columns = measured.each, len(spec.metrics.columns)
    blocks = spec.fleet.blocks()
    stops = np.array([block.stop for block in blocks])
    kind = np.searchsorted(stops, each.index, side="right")
    sums = each.series if len(each.index) else np.zeros((0, 1 + columns, layout.lives.points))
    series = _means(sums, axis=1)
    places = spec.fleet.places and layout.lives.zones
    return EachServer(
        living=any(spec.living(block.archetype) for block in blocks),
        names=tuple(spec.fleet.server_ids(i, i + 1)[0] for i in each.index.tolist()),
        index=each.index,
        kind=kind,
        series=series,
        mean=_means(sums.sum(axis=2).T, axis=0),
        band=np.stack([_band(series[some]) for some in (kind >= 0, *(kind == k for k in range(len(blocks))))]),
        highest=_highest(measured, spec),
        together=tuple(found for one in layout.lives.together if (found := _beside(one, measured.picture.beside))),
        kin=_kin(series, each.index, kind, spec),
        local=_local(measured.picture.local, [block.archetype for block in blocks]) if places else np.zeros(0),
        regions=tuple(region for region, _ in spec.fleet.regions)[: len(layout.lives.zones)],
    )


def _means(sums: Floats, axis: int) -> Floats:
    """Turn rows and sums in hundredths along an axis into means."""
    rows, totals = np.split(sums, [1], axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(totals / rows / CENT)


def _band(series: Floats) -> Floats:
    """Return two quantiles over servers, (2, metrics, points); NaN where there are none."""
    if not len(series):
        return np.full((2, *series.shape[1:]), np.nan)
    if not np.isfinite(series).all():
        series = np.where(np.isfinite(series), series, np.nanmean(series))
    return np.asarray(np.quantile(series, (LOW, HIGH), axis=0))


def _highest(measured: Measured, spec: FleetSpec) -> tuple[tuple[High, ...], ...]:
    servers, each = measured.servers, measured.each
    if not len(servers.index):
        return ()
    blocks = spec.fleet.blocks()
    kind = np.searchsorted([block.stop for block in blocks], servers.index, side="right")
    means = servers.totals / np.maximum(servers.keys[:, :1], 1) / CENT
    medians = {k: np.median(means[kind == k], axis=0) for k in np.unique(kind).tolist()}
    full = {int(i): of / rows for i, of, rows in zip(each.index, each.full, each.series[:, 0].sum(axis=1), strict=True)}
    unknown = np.full(means.shape[1], np.nan)

    def high(row: int, metric: int) -> High:
        position, k = int(servers.index[row]), int(kind[row])
        name = spec.fleet.server_ids(position, position + 1)[0]
        share = float(full.get(position, unknown)[metric])
        of = float(means[row, metric]), float(medians[k][metric])
        return High(name, position, blocks[k].archetype, *of, share)

    order = np.argsort(-means, axis=0, kind="stable")[:HIGHEST]
    return tuple(tuple(high(int(row), metric) for row in rows) for metric, rows in enumerate(order.T))


def _beside(together: Together, sums: Mapping[int, Floats]) -> tuple[Together, Floats] | None:
    """Return rows beside each other, as multiples of each server's mean; None where rows are missing."""
    if not all(server in sums for server in together.servers):
        return None
    values = np.stack([_means(sums[server], axis=0) for server in together.servers])
    with np.errstate(invalid="ignore", divide="ignore"):
        return together, values / np.nanmean(values, axis=2, keepdims=True)


def _kin(series: Floats, index: Ints, kind: Ints, spec: FleetSpec) -> Floats:
    """Count pairs of servers by the correlation of their series."""
    kinds = len(spec.fleet.blocks())
    counts = np.zeros((kinds, 2, series.shape[1], KIN_BINS))
    company = spec.fleet.company
    if not (company and company.pools) or series.shape[2] < LEAST_POINTS or spec.fleet.servers > MAX_SERVERS:
        return counts
    pools = spec.fleet.pools(spec.seed, 0, spec.fleet.servers)[index]
    for k in range(kinds):
        mine = np.flatnonzero(kind == k)
        if len(mine) < 3:
            continue
        near = [(i, i + step) for step in range(1, min(company.size, len(mine))) for i in range(len(mine) - step)]
        first, second = np.array(near).T
        same = (pools[mine][first] >= 0) & (pools[mine][first] == pools[mine][second])
        # Strangers are as near in the fleet: nothing but the pool tells the two apart.
        apart = ~same
        for metric in range(series.shape[1]):
            own = _own(series[mine, metric])
            pairs = np.einsum("pt,pt->p", own[first], own[second])
            for which, some in enumerate((same, apart)):
                known = pairs[some & np.isfinite(pairs)]
                counts[k, which, metric] = np.histogram(known.clip(-1, 1), KIN_BINS, (-1, 1))[0]
    return counts


def _own(series: Floats) -> Floats:
    """Return what is a server's own in its series, of length 1: less what all have in common, in their measure."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = series / series.mean(axis=1, keepdims=True)
        own = relative - np.nanmean(relative, axis=0)
        own -= own.mean(axis=1, keepdims=True)
        return np.asarray(own / np.sqrt((own**2).sum(axis=1, keepdims=True)))


def _local(sums: Mapping[str, Floats], archetypes: list[str]) -> Floats:
    """Return means by group, the fleet first, (groups, metrics, regions, 168)."""
    known = next(iter(sums.values()), None)
    if known is None:
        return np.zeros(0)
    each = [sums.get(name, np.zeros_like(known)) for name in archetypes]
    return np.stack([_means(of, axis=0) for of in (sum(each, np.zeros_like(known)), *each)])
