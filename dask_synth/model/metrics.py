"""One server's metrics over the time grid: load, growth, correlated noise, spikes, clipping.

Multiply-adds are written out: BLAS and fused reductions differ by processor in the last bits, these do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.calendar import Calendar, Seasonality, growth_factor, load_factor
from dask_synth.model.columns import BUILT_IN, ONE_STREAM, MetricColumn, MetricTable
from dask_synth.model.correlation import cholesky_factor
from dask_synth.model.seeds import Purpose, generator

Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 8192
"""Rows that are made at a time: their arrays stay in the processor's cache. The streams do not notice."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """What all servers of one archetype share over one grid.

    Attributes
    ----------
    metrics
        The table of metrics.
    mean
        Metric -> mean before spikes, one float64 a timestamp.
    sd
        Metric -> standard deviation.
    factor
        Cholesky factor over the metrics.
    spike_probability
        0 where spikes are switched off.
    spike_factor
        Metric -> its factor in a spike.
    """

    metrics: MetricTable
    mean: Mapping[str, Floats]
    sd: Mapping[str, float]
    factor: Floats
    spike_probability: float
    spike_factor: Mapping[str, float]

    @classmethod
    def of(
        cls,
        profile: ArchetypeProfile,
        calendar: Calendar,
        seasonality: Seasonality,
        *,
        growth: bool,
        spikes: bool,
        metrics: MetricTable = BUILT_IN,
    ) -> Self:
        """Evaluate a profile's load and growth over a calendar."""
        load = load_factor(profile, calendar, seasonality)
        trend = growth_factor(profile, calendar) if growth else np.ones(len(load))
        mean = {}
        for metric in metrics.metrics:
            level = np.full(len(load), float(getattr(profile.base, metric.name)))
            level = level * load if metric.load else level
            mean[metric.name] = level * trend if metric.growth else level
        return cls(
            metrics=metrics,
            mean=mean,
            sd={name: getattr(profile.sd, name) for name in metrics.latent},
            factor=cholesky_factor(profile.correlation, metrics.latent),
            spike_probability=profile.spike_probability if spikes else 0.0,
            spike_factor={name: metrics.spike_factor(name, profile.spike_magnitude) for name in metrics.latent},
        )

    @property
    def size(self) -> int:
        """Number of timestamps."""
        return len(next(iter(self.mean.values())))


def server_metrics(baseline: Baseline, seed: int, server: int, out: Mapping[str, Floats], first_row: int = 0) -> None:
    """Write one server's metric columns into `out`.

    Parameters
    ----------
    baseline
        Of the server's archetype.
    seed, server
        What the noise and the spikes are drawn from.
    out
        Column name -> contiguous float64 array with one element a timestamp from `first_row` on.
    first_row
        Rows before it are drawn, since the streams run in time order, and left out.
    """
    noise, chance = (generator(seed, purpose, server) for purpose in (Purpose.NOISE, Purpose.SPIKES))
    further = [generator(seed, Purpose.METRIC, server, name) for name in baseline.metrics.further]
    for start in range(0, baseline.size, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, baseline.size)
        normals, uniforms = noise.standard_normal((stop - start, ONE_STREAM)), chance.random(stop - start)
        if further:
            normals = np.column_stack([normals, *(own.standard_normal(stop - start) for own in further)])
        if stop <= first_row:
            continue
        drop = max(first_row - start, 0)
        rows = slice(start + drop, stop)
        latent = _latent(baseline, rows, normals[drop:], uniforms[drop:])
        for column in baseline.metrics.columns:
            observe(latent[column.metric], column, out[column.name][rows.start - first_row : stop - first_row])


def _latent(baseline: Baseline, rows: slice, normals: Floats, uniforms: Floats) -> dict[str, Floats]:
    spikes = np.flatnonzero(uniforms < baseline.spike_probability)
    latent = dict(zip(baseline.mean, correlate(normals, baseline.factor), strict=True))
    for metric, values in latent.items():
        values *= baseline.sd[metric]
        values += baseline.mean[metric][rows]
        if baseline.spike_factor[metric] != 1.0:
            values[spikes] *= baseline.spike_factor[metric]
    return latent


def correlate(normals: Floats, factor: Floats) -> list[Floats]:
    """Return the columns of ``normals @ factor.T``, each contiguous, added up from left to right."""
    columns = np.ascontiguousarray(normals.T)
    scratch = np.empty(len(normals))
    correlated = []
    for row, weights in enumerate(factor.tolist()):
        total = columns[0] * weights[0]
        for column in range(1, row + 1):
            total += np.multiply(columns[column], weights[column], out=scratch)
        correlated.append(total)
    return correlated


def observe(latent: Floats, column: MetricColumn, out: Floats) -> None:
    """Scale, clip and round to 2 decimals, into `out`."""
    np.multiply(latent, column.scale, out=out)
    np.clip(out, 0.0, column.high, out=out)
    # What numpy.round(out, 2) does, without its temporary.
    out *= 100.0
    np.rint(out, out=out)
    out /= 100.0
