"""The law of one server at the nodes of time: what its values, spikes and pairs of metrics are distributed as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import comb
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.model.columns import MetricTable
from dask_synth.model.correlation import correlation_matrix
from dask_synth.model.spec import FleetSpec
from dask_synth.theory.censored import STEP, Censored, Joint, joint_moments, uniform_moments
from dask_synth.theory.times import TimeNodes

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value")

ORDER = 6


class Moments(NamedTuple):
    """E[(Y - centre) ** k], k = 0..6, at each node, (7, nodes), in the column's unit."""

    centre: Floats
    about_centre: Floats

    @property
    def mean(self) -> Floats:
        """The mean at each node."""
        return np.asarray(self.centre + self.about_centre[1])


@dataclass(frozen=True, eq=False)
class Law:
    """What one server's rows are drawn from, at each time node.

    Attributes
    ----------
    nodes
        The times.
    metrics
        The table of metrics.
    mean
        Metric -> mean before spikes, (nodes,).
    sd
        Metric -> standard deviation.
    growth, trend
        Growth a month, and the growth factor at each node.
    correlation
        Of the noise, (metrics, metrics).
    spike_probability, spike_factor
        Share of spikes, and what they do to each metric.
    """

    nodes: TimeNodes
    metrics: MetricTable
    mean: Mapping[str, Floats]
    sd: Mapping[str, float]
    growth: float
    trend: Floats
    correlation: Floats
    spike_probability: float
    spike_factor: Mapping[str, float]
    _cache: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, spec: FleetSpec, archetype: str, nodes: TimeNodes) -> Self:
        """Evaluate a profile at the nodes, from its numbers alone."""
        profile, metrics = spec.archetypes[archetype], spec.metrics
        load = nodes.load(profile, spec.seasonality)
        trend = 1 + profile.growth / 100 * nodes.months * spec.growth
        return cls(
            nodes=nodes,
            metrics=metrics,
            mean={m.name: getattr(profile.base, m.name) * load**m.load * trend**m.growth for m in metrics.metrics},
            sd={name: getattr(profile.sd, name) for name in metrics.latent},
            growth=profile.growth / 100 * spec.growth,
            trend=trend,
            correlation=correlation_matrix(profile.correlation, metrics.latent),
            spike_probability=profile.spike_probability * spec.spikes,
            spike_factor={name: metrics.spike_factor(name, profile.spike_magnitude) for name in metrics.latent},
        )

    def resolved(self, column: str) -> bool:
        """Whether a column's deviation is no smaller than the step of rounding, so that closed forms hold."""
        shown = self.metrics[column]
        least = min(1.0, self.spike_factor[shown.metric]) if self.spike_probability else 1.0
        return self.sd[shown.metric] * shown.scale * least >= STEP

    def censored(self, column: str, *, spike: bool) -> Censored:
        """Return a column's distribution, calm or in a spike."""
        shown = self.metrics[column]
        scale = shown.scale * (self.spike_factor[shown.metric] if spike else 1.0)
        return Censored(self.mean[shown.metric] * scale, self.sd[shown.metric] * scale, shown.high)

    def moments(self, column: str) -> Moments:
        """Return a column's moments about the calm mean, or the bound beyond which that lies."""

        def mixture() -> Moments:
            centre = self._centre(column)
            calm, spike = (self.censored(column, spike=spike).moments(centre, ORDER) for spike in (False, True))
            p = self.spike_probability
            return Moments(centre, (1 - p) * calm + p * spike if p else calm)

        return self._once(("moments", column), mixture)

    def joint(self, first: str, second: str) -> Joint:
        """Return the moments of two columns about their centres, a + b <= 4, as they are rounded."""
        sides = [self.metrics[column] for column in (first, second)]
        position = [self.metrics.latent.index(side.metric) for side in sides]

        def mixture() -> dict[tuple[int, int], Floats]:
            p, joint = self.spike_probability, dict[tuple[int, int], Any]()
            centres = self._centre(first) / sides[0].high, self._centre(second) / sides[1].high
            for spike, chance in ((False, 1 - p), (True, p)):
                if chance:
                    both = self.censored(first, spike=spike).over_high(), self.censored(second, spike=spike).over_high()
                    part = joint_moments(both, centres, float(self.correlation[position[0], position[1]]), 4)
                    joint = {key: joint.get(key, 0.0) + chance * value for key, value in part.items()}
            return joint

        # Columns that show one metric over bounds in proportion to their scales are the same but for the unit.
        names = [f"{side.metric} {side.high / side.scale}" for side in sides]
        unitless = self._once(("joint", *names), mixture)
        inner = {(a, b): value * sides[0].high ** a * sides[1].high ** b for (a, b), value in unitless.items()}
        alone = [self.moments(column).about_centre for column in (first, second)]
        exact = {**inner, **{(k, 0): alone[0][k] for k in range(5)}, **{(0, k): alone[1][k] for k in range(5)}}
        return exact | {key: _rounded(exact, *key) for key in inner}

    def below(self, column: str, edges: Floats, *, spike: bool | None = None) -> Floats:
        """Return P(Y <= edge) at each node, (edges, nodes), for edges inside the bounds, in the column's unit.

        Parameters
        ----------
        column, edges
            Which, and where.
        spike
            Of spikes alone, of calm rows alone, or of the mixture (None).
        """
        if spike is None:
            p, calm = self.spike_probability, self.below(column, edges, spike=False)
            return (1 - p) * calm + p * self.below(column, edges, spike=True) if p else calm
        part = self.censored(column, spike=spike)
        return np.asarray(ndtr((edges[:, None] - part.mean) / part.sd))

    def response(self, column: str) -> Floats:
        """Return by how much the mean at each node grows for each 100 % on the metric's own mean, in the unit."""

        def slope() -> Floats:
            total = np.zeros(len(self.nodes.months))
            for spike, chance in ((False, 1 - self.spike_probability), (True, self.spike_probability)):
                part = self.censored(column, spike=spike)
                total += chance * part.mean * (ndtr((part.high - part.mean) / part.sd) - ndtr(-part.mean / part.sd))
            return total

        return self._once(("response", column), slope)

    def drift(self, column: str) -> Floats:
        """Return by how much growth moves the mean a month, at each node, in the column's unit."""
        grows = self.metrics.metric_of(column).growth
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(self.trend != 0, self.growth / self.trend, 0.0)
        return self.response(column) * rate * grows

    def _centre(self, column: str) -> Floats:
        shown = self.metrics[column]
        return np.asarray(np.clip(self.mean[shown.metric] * shown.scale, 0.0, shown.high))

    def _once(self, key: tuple[str, ...], make: Callable[[], Value]) -> Value:
        if key not in self._cache:
            self._cache[key] = make()
        result: Value = self._cache[key]
        return result


def _rounded(joint: Joint, a: int, b: int) -> Floats:
    """Add what rounding adds to both sides: independent uniform noise, whose odd moments are 0."""
    noise = uniform_moments(STEP)
    total = joint[a, b]
    for i in range(0, a + 1, 2):
        for j in range(0, b + 1, 2):
            # Where both sides are rounded, what stands for either alone holds the other's noise already.
            sign = 0 if not (i or j) else -1 if i and j else 1
            total = total + sign * comb(a, i) * comb(b, j) * noise[i] * noise[j] * joint[a - i, b - j]
    return np.asarray(total)
