"""The table of metrics: what a fleet measures, what acts on it, and the columns that show it.

Draws, theory, sums, checks, hints and report run over this table: a metric more is a row more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Self

ONE_STREAM = 4
"""So many metrics, the first of every table, draw their noise from one stream; each further one has its own."""


@dataclass(frozen=True)
class Metric:
    """One latent metric: its own number in a profile's base, deviations and correlation.

    Attributes
    ----------
    name
        As in a profile: ``cpu``.
    load, growth
        Whether load and growth act on its mean.
    spike
        How much of a spike's magnitude it takes; 0: it does not spike.
    """

    name: str
    load: bool
    growth: bool
    spike: float


@dataclass(frozen=True)
class MetricColumn:
    """A dataset column: the metric that it shows, times `scale`, clipped to 0..`high`, rounded to 2 decimals.

    Attributes
    ----------
    name, metric
        Of the column, and of the metric that it shows.
    unit, high, scale
        Its unit, upper bound and factor.
    label, meaning
        For people: in a picture, and in a sentence.
    """

    name: str
    metric: str
    unit: str
    high: float
    label: str
    meaning: str
    scale: float = 1.0


@dataclass(frozen=True)
class MetricTable:
    """The metrics of a fleet, and their columns in a dataset's order."""

    metrics: tuple[Metric, ...]
    columns: tuple[MetricColumn, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def latent(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(metric.name for metric in self.metrics)

    @cached_property
    def further(self) -> tuple[str, ...]:
        """The names of the metrics that draw from a stream of their own."""
        return self.latent[ONE_STREAM:]

    @cached_property
    def further_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of metrics of which one at least is a further one."""
        return tuple((a, b) for a, b in combinations(self.latent, 2) if b in self.further)

    def extended(self, metrics: Iterable[Metric], columns: Iterable[MetricColumn]) -> Self:
        """Return this table with further metrics and columns behind its own."""
        return type(self)((*self.metrics, *metrics), (*self.columns, *columns))

    def __getitem__(self, column: str) -> MetricColumn:
        return self.columns[self.names.index(column)]

    def metric_of(self, column: str) -> Metric:
        """Return the metric that a column shows."""
        return self.metrics[self.latent.index(self[column].metric)]

    def spike_factor(self, metric: str, magnitude: float) -> float:
        """Return what a spike of this magnitude multiplies a metric by."""
        share = self.metrics[self.latent.index(metric)].spike
        return share * magnitude if share else 1.0


BUILT_IN = MetricTable(
    metrics=(
        Metric("cpu", load=True, growth=True, spike=1.0),
        Metric("mem", load=True, growth=True, spike=0.7),
        Metric("disk", load=False, growth=True, spike=0.0),
        Metric("net", load=True, growth=False, spike=0.8),
    ),
    columns=(
        MetricColumn("cpu_p95", "cpu", "%", 100.0, "CPU", "95th percentile of CPU use, 0..100"),
        MetricColumn("mem_p95", "mem", "%", 100.0, "memory", "95th percentile of memory use, 0..100"),
        MetricColumn("disk_p95", "disk", "%", 100.0, "disk", "95th percentile of disk use, 0..100"),
        MetricColumn("net_in_p95", "net", "Mbps", 1000.0, "network in", "95th percentile of received traffic, 0..1000"),
        MetricColumn(
            "net_out_p95", "net", "Mbps", 600.0, "network out", "95th percentile of sent traffic, 0..600", 0.6
        ),
    ),
)
