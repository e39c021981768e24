"""What the statistics of a fleet's servers must be, and how far chance may carry them, in closed form.

Each statistic here is a sum over independent rows, so its mean, variance and skewness are sums over the time nodes of
exact moments: no normal theory for the rows, and no simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from dask_synth.model.archetypes import ArchetypeProfile, correlation_matrix
from dask_synth.model.calendar import Seasonality
from dask_synth.model.joint import Censored, joint_powers
from dask_synth.model.metrics import OBSERVED, SPIKE_SHARE
from dask_synth.model.nodes import TimeNodes
from dask_synth.model.powers import Expected, central_of, expected, shifted

Floats = npt.NDArray[np.float64]

Value = TypeVar("Value")

LATENT = tuple(SPIKE_SHARE)
ORDER = 6
ROUNDING = 0.01**2 / 12
"""Variance that rounding to 2 decimals adds."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """The distribution of one archetype's metrics at each time node.

    Attributes
    ----------
    nodes
        The times.
    mean
        Latent metric -> mean before spikes, (nodes,).
    sd
        Latent metric -> standard deviation.
    correlation
        Of the latent noise, 4 x 4.
    spike_probability, spike_factor
        Share of spikes, and what they do to each latent metric.
    """

    nodes: TimeNodes
    mean: Mapping[str, Floats]
    sd: Mapping[str, float]
    correlation: Floats
    spike_probability: float
    spike_factor: Mapping[str, float]
    _cache: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, profile: ArchetypeProfile, nodes: TimeNodes, seasonality: Seasonality, *, growth: bool, spikes: bool
    ) -> Self:
        """Evaluate a profile at the nodes, from its numbers alone."""
        load, base = nodes.load(profile, seasonality), profile.base
        trend = 1 + profile.growth / 100 * nodes.months * growth
        magnitude = profile.spike_magnitude
        return cls(
            nodes=nodes,
            mean={
                "cpu": base.cpu * load * trend,
                "mem": base.mem * load * trend,
                "disk": base.disk * trend,
                "net": base.net * load,
            },
            sd=dict(zip(LATENT, astuple(profile.sd), strict=True)),
            correlation=correlation_matrix(profile.correlation),
            spike_probability=profile.spike_probability * spikes,
            spike_factor={"cpu": magnitude, "mem": 0.7 * magnitude, "disk": 1.0, "net": 0.8 * magnitude},
        )

    def censored(self, column: str, *, spike: bool) -> Censored:
        """Return a metric column over its upper bound, calm or in a spike."""
        limits = OBSERVED[column]
        scale = limits.scale / limits.high * (self.spike_factor[limits.latent] if spike else 1.0)
        return Censored(self.mean[limits.latent] * scale, self.sd[limits.latent] * scale)

    def powers(self, column: str) -> Floats:
        """Return E[Y ** k], k = 0..6, of a metric column over its upper bound, (7, nodes)."""

        def mixture() -> Floats:
            calm, spike = (self.censored(column, spike=spike).moments(ORDER) for spike in (False, True))
            return np.asarray((1 - self.spike_probability) * calm + self.spike_probability * spike)

        return self._once(("powers", column), mixture)

    def central(self, column: str) -> Floats:
        """Return the mean, the variance and the third central moment at each node, over the bound, (3, nodes)."""

        def moments() -> Floats:
            first, second, third = self.powers(column)[1:4]
            return np.stack([first, second - first**2, third - 3 * first * second + 2 * first**3])

        return self._once(("central", column), moments)

    def mean_in(self, column: str, weights: Floats) -> Expected:
        """Return what the mean over the timestamps with these node weights must be, in the column's unit."""
        share, high = weights / weights.sum(), OBSERVED[column].high
        mean, variance, third = self.central(column) @ share
        return expected(mean * high, variance * high**2 + ROUNDING, third * high**3)

    def variance_in(self, column: str, weights: Floats) -> Expected:
        """Return what the variance over these timestamps must be: within each of them, and between them.

        The row's contribution is (y - the exact mean over these timestamps) ** 2.
        """
        share, high = weights / weights.sum(), OBSERVED[column].high
        raw = self.powers(column)
        # At nodes that the cell does not touch there is nothing to work out.
        inside = np.flatnonzero(share)
        raw, share = raw[:, inside], share[inside]
        centre = share @ raw[1]
        second, fourth, sixth = (shifted(raw, centre, k) for k in (2, 4, 6))
        variance = fourth - second**2
        skew = sixth - 3 * second * fourth + 2 * second**3
        return expected(share @ second * high**2 + ROUNDING, share @ variance * high**4, share @ skew * high**6)

    def response(self, column: str, weights: Floats) -> float:
        """Return by how much the mean over these timestamps grows for each 100 % on the load, in the column's unit."""

        def slope() -> Floats:
            total = np.zeros(len(self.nodes.months))
            for spike, chance in ((False, 1 - self.spike_probability), (True, self.spike_probability)):
                part = self.censored(column, spike=spike)
                total += chance * part.mean * (ndtr((1 - part.mean) / part.sd) - ndtr(-part.mean / part.sd))
            return total

        return float(weights @ self._once(("slope", column), slope) / weights.sum() * OBSERVED[column].high)

    def noise(self, column: str) -> Expected:
        """Return what the variance around each timestamp's own mean must be, over the whole grid."""
        high, raw = OBSERVED[column].high, self.powers(column)
        second, fourth, sixth = (shifted(raw, raw[1], k) for k in (2, 4, 6))
        moments = second, fourth - second**2, sixth - 3 * second * fourth + 2 * second**3
        value, variance, third = (float(self._share @ moment) for moment in moments)
        return expected(value * high**2 + ROUNDING, variance * high**4, third * high**6)

    def correlation_of(self, first: str, second: str, *, noise: bool = False) -> Expected:
        """Return what the correlation of two columns over the whole grid must be.

        Parameters
        ----------
        first, second
            The columns.
        noise
            Of the deviations from each timestamp's own means, instead of the values.

        Notes
        -----
        With u and w the columns standardised by their exact pooled mean and standard deviation, a row adds u w - rho
        (u ** 2 + w ** 2) / 2 to the sample correlation (its influence function); moments up to the fourth give its
        exact variance at each timestamp.
        """
        share = self._share
        joint = self._joint(first, second)
        raw = [self.powers(column) for column in (first, second)]
        means = [powers[1] if noise else share @ powers[1] for powers in raw]
        spread = [np.sqrt(max(share @ (p[2] - mean**2), 0.0)) for p, mean in zip(raw, means, strict=True)]
        if min(spread) < 1e-6:
            return Expected(0.0, 0.0, 0.0)

        def moment(a: int, b: int) -> Floats:
            return np.asarray(central_of(joint, means, a, b) / (spread[0] ** a * spread[1] ** b))

        rho = float(share @ moment(1, 1))
        at_node = moment(1, 1) - rho / 2 * (moment(2, 0) + moment(0, 2))
        square = (
            moment(2, 2)
            - rho * (moment(3, 1) + moment(1, 3))
            + rho**2 / 4 * (moment(4, 0) + 2 * moment(2, 2) + moment(0, 4))
        )
        return expected(rho, share @ (square - at_node**2), 0.0)

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
            p = self.spike_probability
            return (1 - p) * self.below(column, edges, spike=False) + p * self.below(column, edges, spike=True)
        part = self.censored(column, spike=spike)
        return np.asarray(ndtr((edges[:, None] / OBSERVED[column].high - part.mean) / part.sd))

    def by_slot(self, column: str) -> Floats:
        """Return the sums of a server's first three central moments over each day's two slots, (3, days, 2).

        In the column's unit, its square and its cube.
        """

        def sums() -> Floats:
            high = OBSERVED[column].high
            table = self.nodes.slots @ (self.central(column).T * [high, high**2, high**3])
            return np.asarray(table.T.reshape(3, -1, 2))

        return self._once(("by_slot", column), sums)

    @cached_property
    def _share(self) -> Floats:
        total = self.nodes.weights[0]
        return np.asarray(total / total.sum())

    def _joint(self, first: str, second: str) -> dict[tuple[int, int], Floats]:
        """Return E[Y1 ** a Y2 ** b] for a + b <= 4 at each node."""
        sides = [OBSERVED[column].latent for column in (first, second)]
        rho = float(self.correlation[LATENT.index(sides[0]), LATENT.index(sides[1])])

        def mixture() -> dict[tuple[int, int], Floats]:
            p, joint = self.spike_probability, dict[tuple[int, int], Any]()
            for spike, chance in ((False, 1 - p), (True, p)):
                part = joint_powers(self.censored(first, spike=spike), self.censored(second, spike=spike), rho, 4)
                joint = {key: joint.get(key, 0.0) + chance * value for key, value in part.items()}
            return joint

        # Columns that show the same metric over bounds in proportion to their scales are the same but for the unit.
        units = [OBSERVED[column].high / OBSERVED[column].scale for column in (first, second)]
        joint = self._once(("joint", *sides, *map(str, units)), mixture)
        alone = {(k, 0): self.powers(first)[k] for k in range(5)} | {(0, k): self.powers(second)[k] for k in range(5)}
        return joint | alone

    def _once(self, key: tuple[str, ...], make: Callable[[], Value]) -> Value:
        if key not in self._cache:
            self._cache[key] = make()
        result: Value = self._cache[key]
        return result
