"""The constants that one archetype's statistics are taken with, fixed before any row is seen.

A statistic about constants is a sum over rows, so that its expectation is exact, whoever the servers are and whatever
their rows share. The constants come from the archetype's profile: with them the sums tell most; no more rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.calendar import DAYS_PER_MONTH
from dask_synth.theory.cells import Cell, Contrast
from dask_synth.theory.censored import STEP, about, joint_about
from dask_synth.theory.law import Law

Floats = npt.NDArray[np.float64]

BINS = 10_000
"""Histograms divide 0..high into so many bins, and one for `high` itself."""
CANDIDATES = 100
CLASSES = 25
MIN_EXPECTED = 25.0
MIN_TAIL = 50.0
MIN_LEVER = 0.01
CORRELATION_EXACT = 1e-5
"""Least error of a correlation: quadrature knows it no better. It counts where two columns are all but the same."""
MIN_SCALE = 1e-4
"""Deviation of a column, in its unit, below which it is a bound but for a few rows."""
DAY_VARIANCE = 1 / 12
"""Of a time within a day, in days, at most."""
MAX_DRIFT = 0.1
"""Standard errors that growth within a day may move the noise's variance by."""

VIEWS = ("", "noise")
"""Correlations of all that varies, and of what is left around each timestamp's own mean."""


class Pair(NamedTuple):
    """What a correlation is taken with.

    Attributes
    ----------
    scales
        Deviation of either side; 0 where one hardly ever varies.
    correlation
        What the correlation is for the archetype's profile.
    """

    scales: tuple[float, float]
    correlation: float


@dataclass(frozen=True, eq=False)
class Gauge:
    """The constants.

    Attributes
    ----------
    law
        Of a server that has the profile's numbers.
    cells, contrasts
        Parts of the grid, and those that are compared.
    centres
        Mean in each cell, (columns, cells): what deviations in it are taken around.
    slots
        Mean in each day's other hours and business hours, (columns, days, 2): what noise is taken around.
    pairs
        (View, column, column) -> what their correlation is taken with.
    lever
        Months of each day from the middle of the grid, (days,).
    steady
        For each column whether what growth moves it by within a day is lost in its noise.
    tails
        For each column the candidate edge above which a count tells most of spikes, or None.
    cuts
        For each column the candidate edges between classes of its distribution.
    """

    law: Law
    cells: list[Cell]
    contrasts: list[Contrast]
    centres: Floats
    slots: Floats
    pairs: dict[tuple[str, int, int], Pair]
    lever: Floats
    steady: tuple[bool, ...]
    tails: tuple[int | None, ...]
    cuts: tuple[list[int], ...]

    @classmethod
    def of(cls, law: Law, cells: list[Cell], contrasts: list[Contrast], servers: int) -> Self:
        """Choose them for so many servers of one law."""
        nodes, columns = law.nodes, law.metrics.names
        means = np.stack([law.moments(column).mean for column in columns])
        rows = nodes.slot_rows
        days = np.stack([(nodes.slots @ mean).reshape(rows.shape) for mean in means])
        months = np.arange(len(rows)) / DAYS_PER_MONTH
        whole = servers * nodes.weights[0].sum()
        below = [law.below(column, edges_of(law, column)) @ nodes.share for column in columns]
        return cls(
            law=law,
            cells=cells,
            contrasts=contrasts,
            centres=means @ nodes.weights.T / nodes.weights.sum(axis=1),
            slots=days / np.maximum(rows, 1),
            pairs=_pairs(law, means),
            lever=months - months @ rows.sum(axis=1) / rows.sum(),
            steady=tuple(_steady(law, column, whole) for column in columns),
            tails=tuple(_tail(law, column, whole) for column in columns),
            cuts=tuple(_cuts(one, whole) for one in below),
        )


def edges_of(law: Law, column: str) -> Floats:
    """Return where a column's histogram may be cut, as values before rounding."""
    # Rounding sends all below half a hundredth before a bin's first value into the bins before it.
    return np.asarray(candidate_bins() * law.metrics[column].high / BINS - STEP / 2)


def candidate_bins() -> npt.NDArray[np.int64]:
    """Return the bins before which a histogram may be cut; the first and last part off the bounds."""
    return np.array([1, *np.arange(1, CANDIDATES + 1) * (BINS // CANDIDATES)])


def _pairs(law: Law, means: Floats) -> dict[tuple[str, int, int], Pair]:
    share = law.nodes.share
    columns, found = law.metrics.names, dict[tuple[str, int, int], Pair]()
    for a, b in combinations(range(len(columns)), 2):
        joint = law.joint(columns[a], columns[b])
        for view in VIEWS:
            shifts = tuple(law.moments(columns[k]).centre - (means[k] if view else share @ means[k]) for k in (a, b))
            spread = [
                share @ about(law.moments(columns[k]).about_centre, s, 2) for k, s in zip((a, b), shifts, strict=True)
            ]
            scales = _scale(float(spread[0])), _scale(float(spread[1]))
            covariance = float(share @ joint_about(joint, (shifts[0], shifts[1]), 1, 1))
            found[view, a, b] = Pair(scales, covariance / (scales[0] * scales[1]) if min(scales) > 0 else 0.0)
    return found


def _scale(variance: float) -> float:
    return float(np.sqrt(variance)) if variance > MIN_SCALE**2 else 0.0


def _steady(law: Law, column: str, rows: float) -> bool:
    """Return whether noise around a slot's expectation is noise around each timestamp's, as far as chance shows."""
    weights = law.nodes.weights[0]
    noise = weights @ about(law.moments(column).about_centre, -law.moments(column).about_centre[1], 2)
    within = weights @ law.drift(column) ** 2 / DAYS_PER_MONTH**2 * DAY_VARIANCE
    return bool(within <= MAX_DRIFT * np.sqrt(2 / rows) * noise)


def _tail(law: Law, column: str, rows: float) -> int | None:
    """Return the candidate edge above which the count tells most about the share of spikes."""
    p = law.spike_probability
    if law.spike_factor[law.metrics[column].metric] == 1.0 or not p:
        return None
    share = law.nodes.share
    calm, spike = (1 - law.below(column, edges_of(law, column), spike=spike) for spike in (False, True))
    tail = (1 - p) * calm + p * spike
    lever, total, variance = (spike - calm) @ share, tail @ share, (tail * (1 - tail)) @ share
    usable = (np.minimum(total, 1 - total) * rows >= MIN_TAIL) & (np.abs(lever) > MIN_LEVER)
    if not usable.any():
        return None
    return int(np.argmax(np.where(usable, lever**2 / np.maximum(variance, 1e-300), -1.0)))


def _cuts(below: Floats, rows: float) -> list[int]:
    """Choose cuts so that classes hold MIN_EXPECTED rows, one of CLASSES parts of all where values are not a bound."""
    least = MIN_EXPECTED / rows
    last = len(below) - 1 if 1 - below[-1] >= least else len(below)
    top = float(below[last]) if last < len(below) else 1.0
    cuts = [0] if below[0] >= least else []
    reached = float(below[0]) if cuts else 0.0
    for i, share in enumerate(below[:last]):
        if i and share - reached >= max(1 / CLASSES, least) and top - share >= least:
            cuts.append(i)
            reached = float(share)
    return [*cuts, last] if last < len(below) else cuts
