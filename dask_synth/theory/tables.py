"""What a group of servers must add up to, statistic by statistic. Tables of groups that share nothing add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.theory.censored import STEP, about, joint_about, uniform_moments
from dask_synth.theory.cumulants import Cumulants, bernoulli, of_rows
from dask_synth.theory.gauge import CORRELATION_EXACT, Gauge, Pair, edges_of
from dask_synth.theory.law import Law

Floats = npt.NDArray[np.float64]


QUADRATURE_EXACT = 1e-4
"""Least share of the fourth moments that their difference must be, to be known to a tenth."""

UNKNOWN = Cumulants(np.asarray(0.0), np.asarray(np.nan), np.asarray(0.0))
"""Of a statistic that nothing can be said of."""


class Classes(NamedTuple):
    """Counts of a column's values by class: their expectation (classes,) and covariance (classes, classes)."""

    expected: Floats
    covariance: Floats


@dataclass(frozen=True, eq=False)
class Tables:
    """Sums over some servers' rows. Columns come first in every shape.

    Attributes
    ----------
    rows
        Rows of each cell, (cells,).
    sums, squares
        Of the values, and of their squared distance to the gauge's centre, (columns, cells).
    noise
        Squared distance to the expectation in the same slot of the day, (columns,).
    contrasts
        Relative distance of the compared means, (columns, contrasts).
    trend
        Values times the gauge's lever, (columns,).
    days
        First four cumulants of the sum in each day's other hours and business hours, (4, columns, days, 2).
    pairs
        (View, column, column) -> u w - rho (u ** 2 + w ** 2) / 2 of the scaled deviations: what the correlation is off.
    tails, levers
        Values above the gauge's edge, and by how much they grow from no spike to all, (columns,).
    below
        Rows of exactly 0, then below each whole percent of the range, (columns, 101).
    classes
        For each column.
    """

    rows: Floats
    sums: Cumulants
    squares: Cumulants
    noise: Cumulants
    contrasts: Cumulants
    trend: Cumulants
    days: Floats
    pairs: dict[tuple[str, int, int], Cumulants]
    tails: Cumulants
    levers: Floats
    below: Floats
    classes: tuple[Classes, ...]

    def __add__(self, other: Self) -> Self:
        return type(self)(
            rows=self.rows + other.rows,
            sums=self.sums + other.sums,
            squares=self.squares + other.squares,
            noise=self.noise + other.noise,
            contrasts=self.contrasts + other.contrasts,
            trend=self.trend + other.trend,
            days=self.days + other.days,
            pairs={key: value + other.pairs[key] for key, value in self.pairs.items()},
            tails=self.tails + other.tails,
            levers=self.levers + other.levers,
            below=self.below + other.below,
            classes=tuple(
                Classes(a.expected + b.expected, a.covariance + b.covariance)
                for a, b in zip(self.classes, other.classes, strict=True)
            ),
        )

    def __mul__(self, count: int) -> Self:
        """Return the tables of so many servers that are alike and share nothing."""
        return type(self)(
            rows=self.rows * count,
            sums=self.sums * count,
            squares=self.squares * count,
            noise=self.noise * count,
            contrasts=self.contrasts * count,
            trend=self.trend * count,
            days=self.days * count,
            pairs={key: value * count for key, value in self.pairs.items()},
            tails=self.tails * count,
            levers=self.levers * count,
            below=self.below * count,
            classes=tuple(Classes(one.expected * count, one.covariance * count) for one in self.classes),
        )


def server_tables(law: Law, gauge: Gauge) -> Tables:
    """Return what one server of a law must add up to."""
    nodes, columns = law.nodes, law.metrics.names
    cumulants = np.stack([_cumulants(law, column) for column in columns])
    days = np.stack([(nodes.slots @ of.T).T.reshape(4, *nodes.slot_rows.shape) for of in cumulants], axis=1)
    sums = _stacked([of_rows(nodes.weights, *of[:3]) for of in cumulants])
    by_day = days.sum(axis=3)
    tails, levers = _tails(law, gauge)
    return Tables(
        rows=nodes.weights.sum(axis=1),
        sums=sums,
        squares=_stacked([_squares(law, column, gauge.centres[k]) for k, column in enumerate(columns)]),
        noise=_stacked([_noise(law, column, steady) for column, steady in zip(columns, gauge.steady, strict=True)]),
        contrasts=_contrasts(sums, gauge),
        trend=Cumulants(*(by_day[i] @ gauge.lever ** (i + 1) for i in range(3))),
        days=days,
        pairs={key: _pair(law, gauge, key) for key in gauge.pairs},
        tails=tails,
        levers=levers,
        below=np.stack([law.below(column, _bin_edges(law, column)) @ nodes.weights[0] for column in columns]),
        classes=tuple(_classes(law, column, gauge.cuts[k]) for k, column in enumerate(columns)),
    )


def _bin_edges(law: Law, column: str) -> Floats:
    edges = edges_of(law, column).copy()
    edges[0] = STEP / 2
    return edges


def _cumulants(law: Law, column: str) -> Floats:
    """Return the first four cumulants of a value at each node, (4, nodes); NaN variances where rounding rules."""
    centre, powers = law.moments(column)
    second, third, fourth = (about(powers, -powers[1], k) for k in (2, 3, 4))
    known = 1.0 if law.resolved(column) else np.nan
    return np.stack([centre + powers[1], second * known, third, fourth - 3 * second**2])


def _square(powers: Floats, shift: Floats | float) -> tuple[Floats, Floats, Floats]:
    """Return the first three cumulants of a squared distance, from moments about the point + `shift`."""
    second, fourth, sixth = (about(powers, shift, k) for k in (2, 4, 6))
    return second, fourth - second**2, sixth - 3 * second * fourth + 2 * second**3


def _squares(law: Law, column: str, centres: Floats) -> Cumulants:
    centre, powers = law.moments(column)
    cells, known = [], 1.0 if law.resolved(column) else np.nan
    for weights, around in zip(law.nodes.weights, centres, strict=True):
        # At nodes that the cell does not touch there is nothing to work out.
        inside = np.flatnonzero(weights)
        mean, variance, third = _square(powers[:, inside], centre[inside] - around)
        cells.append(of_rows(weights[inside], mean, variance * known, third))
    return _stacked(cells)


def _noise(law: Law, column: str, steady: bool) -> Cumulants:
    powers = law.moments(column).about_centre
    mean, variance, third = _square(powers, -powers[1])
    known = 1.0 if steady and law.resolved(column) else np.nan
    return of_rows(law.nodes.weights[0], mean, variance * known, third)


def _contrasts(sums: Cumulants, gauge: Gauge) -> Cumulants:
    above, below = [c.above for c in gauge.contrasts], [c.below for c in gauge.contrasts]
    rows = gauge.law.nodes.weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # One server's sums of the gauge's law: relative to them, all servers' contrasts are on one scale.
        up, down = (gauge.centres[:, side] * rows[side] for side in (above, below))
        return Cumulants(
            sums.mean[:, above] / up - sums.mean[:, below] / down,
            sums.variance[:, above] / up**2 + sums.variance[:, below] / down**2,
            sums.third[:, above] / up**3 - sums.third[:, below] / down**3,
        )


def _pair(law: Law, gauge: Gauge, key: tuple[str, int, int]) -> Cumulants:
    """Return the cumulants of what a row adds to a correlation: its influence function."""
    view, a, b = key
    constants: Pair = gauge.pairs[key]
    columns, share = law.metrics.names, law.nodes.share
    steady = not view or (gauge.steady[a] and gauge.steady[b])
    # Of columns that show one metric the rounding goes together, in a way that only their scales know.
    same = law.metrics[columns[a]].metric == law.metrics[columns[b]].metric
    rounding = uniform_moments(STEP)[2] > CORRELATION_EXACT * constants.scales[0] * constants.scales[1]
    known = steady and law.resolved(columns[a]) and law.resolved(columns[b]) and not (same and rounding)
    if min(constants.scales) <= 0 or not known:
        return UNKNOWN
    joint = law.joint(columns[a], columns[b])
    moments = [law.moments(columns[k]) for k in (a, b)]
    own = [gauge.law.moments(columns[k]).mean for k in (a, b)]
    centres = [mean if view else share @ mean for mean in own]
    shifts = (moments[0].centre - centres[0], moments[1].centre - centres[1])
    rho, (left, right) = constants.correlation, constants.scales

    def moment(i: int, j: int) -> Floats:
        return joint_about(joint, shifts, i, j) / (left**i * right**j)

    mean = moment(1, 1) - rho / 2 * (moment(2, 0) + moment(0, 2))
    square = (
        moment(2, 2)
        - rho * (moment(3, 1) + moment(1, 3))
        + rho**2 / 4 * (moment(4, 0) + 2 * moment(2, 2) + moment(0, 4))
    )
    weights = law.nodes.weights[0]
    variance = float(weights @ (square - mean**2))
    # Where two columns are all but the same, what is left is the quadrature's error.
    if not same and variance < QUADRATURE_EXACT * float(weights @ moment(2, 2)):
        return UNKNOWN
    return Cumulants(np.asarray(weights @ mean), np.asarray(max(variance, 0.0)), np.asarray(0.0))


def _tails(law: Law, gauge: Gauge) -> tuple[Cumulants, Floats]:
    found, levers = [], []
    weights = law.nodes.weights[0]
    for column, edge in zip(law.metrics.names, gauge.tails, strict=True):
        if edge is None:
            found.append(UNKNOWN)
            levers.append(np.nan)
            continue
        at = edges_of(law, column)[[edge]]
        calm, spike = (1 - law.below(column, at, spike=spike)[0] for spike in (False, True))
        p = law.spike_probability
        tail = (1 - p) * calm + p * spike
        found.append(of_rows(weights, *bernoulli(tail)))
        levers.append(float(weights @ (spike - calm)))
    return _stacked(found), np.array(levers)


def _classes(law: Law, column: str, cuts: list[int]) -> Classes:
    weights = law.nodes.weights[0]
    below = law.below(column, edges_of(law, column)[cuts])
    shares = np.diff(np.vstack([np.zeros(len(weights)), below, np.ones(len(weights))]), axis=0)
    expected = shares @ weights
    return Classes(expected, np.diag(expected) - (shares * weights) @ shares.T)


def _stacked(parts: list[Cumulants]) -> Cumulants:
    return Cumulants(*(np.stack([getattr(part, name) for part in parts]) for name in ("mean", "variance", "third")))
