"""Sufficient statistics of a fleet: small tables that add up, whatever the rows are split into.

Sums are of whole hundredths, as 64-bit floats: below 2 ** 53 they are exact, so neither order nor partitions show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations_with_replacement
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import BUILT_IN
from dask_synth.quality.recompute import Redrawn
from dask_synth.schema import METRICS
from dask_synth.theory.gauge import BINS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Value = TypeVar("Value")

HOURS = 24
PAIRS = tuple(combinations_with_replacement(range(len(METRICS)), 2))
SUMS = 1 + len(METRICS)
"""Columns of a table of sums: the number of rows, then the sum of each metric."""

SERVER_KEYS = ("rows", "position", "square", "weight")
SERVER_COLUMNS = len(SERVER_KEYS) + len(METRICS)


@dataclass(frozen=True, eq=False)
class Sums:
    """What one archetype's metrics add up to, in hundredths.

    Attributes
    ----------
    days
        (days, 2, 21): for each day's other hours and business hours, the number of rows, the sums, and the sums of
        products of each pair of metrics.
    hours
        (24, 11): for each hour of the day, the number of rows, the sums, and the sums of squares.
    histogram
        (metrics, 10,001): number of values in each ten-thousandth of a metric's range.
    """

    days: Floats
    hours: Floats
    histogram: Ints

    def __add__(self, other: Self) -> Self:
        return type(self)(self.days + other.days, self.hours + other.hours, self.histogram + other.histogram)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.hours[:, 0].sum())


@dataclass(frozen=True, eq=False)
class Servers:
    """One row a server: how often each key came, and the sums of its metrics.

    Attributes
    ----------
    index
        Positions of the servers in the fleet, ascending, (k,).
    table
        (k, 9): number of rows; sum, sum of squares and weighted sum of their positions; the metrics'
        sums in hundredths.
    """

    index: Ints
    table: Floats

    def __add__(self, other: Self) -> Self:
        index, where = np.unique(np.concatenate([self.index, other.index]), return_inverse=True)
        table = np.zeros((len(index), SERVER_COLUMNS))
        np.add.at(table, where, np.concatenate([self.table, other.table]))
        return type(self)(index, table)


NO_SERVERS = Servers(np.empty(0, np.int64), np.empty((0, SERVER_COLUMNS)))


@dataclass(frozen=True, eq=False)
class Statistics:
    """All that a validation needs to know of some rows.

    Attributes
    ----------
    rows
        How many they are.
    faults
        What is wrong with single rows -> how often, such as ``null.cpu_p95`` or ``metadata.region``.
    examples
        The first case of each, in words.
    types
        Columns and their types where they are not the documented ones.
    sums
        Archetype -> its sums.
    servers
        Of all archetypes.
    redrawn
        What came of drawing rows anew.
    """

    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: Mapping[str, str] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    sums: Mapping[str, Sums] = field(default_factory=dict)
    servers: Servers = NO_SERVERS
    redrawn: Redrawn = field(default_factory=Redrawn)

    def __add__(self, other: Self) -> Self:
        """Put the rows of `other` behind these. Only `examples` looks at which rows are whose."""
        return type(self)(
            rows=self.rows + other.rows,
            faults=self.faults + other.faults,
            examples={**other.examples, **self.examples},
            types=self.types | other.types,
            sums=_joined(self.sums, other.sums, lambda a, b: a + b),
            servers=self.servers + other.servers,
            redrawn=self.redrawn + other.redrawn,
        )


def combine(parts: Iterable[Statistics]) -> Statistics:
    """Return the statistics of all rows together, the parts in the order of the rows."""
    return reduce(lambda left, right: left + right, parts, Statistics())


def bins_of(metric: int, hundredths: Floats) -> Ints:
    """Return which bin of its histogram each value lies in; what is out of range lies in the first or last."""
    # A tenth as a double lies above 1/10, so that no whole multiple falls into the bin below.
    bins = (hundredths * (BINS / (BUILT_IN[METRICS[metric]].high * 100))).astype(np.int64)
    return bins if bins.min() >= 0 and bins.max() <= BINS else np.clip(bins, 0, BINS)


def _joined(
    left: Mapping[str, Value], right: Mapping[str, Value], add: Callable[[Value, Value], Value]
) -> dict[str, Value]:
    return {**left, **right, **{key: add(left[key], right[key]) for key in left if key in right}}
