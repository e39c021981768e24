"""How rows lie in a partition: what their sums over servers or over time run along.

Where rows are whole runs of servers, one after the other and in time order, as in the files of a dataset, a column is a
matrix of (server, time) and sums run along its axes: 0.5 ns a value. Any other goes through ``numpy.bincount``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dense:
    """Every server's rows are the positions first, ..., first + length - 1.

    Attributes
    ----------
    servers
        The servers' positions in the fleet, in the order of the rows.
    first, length
        The positions that each of them has.
    """

    servers: Ints
    first: int
    length: int

    @property
    def times(self) -> Ints:
        """The positions that the sums over servers stand for."""
        return np.arange(self.first, self.first + self.length)

    def rows_at_times(self) -> Floats:
        """Return the number of rows at each time."""
        return np.full(self.length, float(len(self.servers)))

    def by_time(self, values: Floats) -> Floats:
        """Return the sum at each time."""
        return np.asarray(self._matrix(values).sum(axis=0))

    def product_by_time(self, left: Floats, right: Floats) -> Floats:
        """Return the sum of products at each time."""
        return np.asarray(np.einsum("st,st->t", self._matrix(left), self._matrix(right)))

    def by_server(self, values: Floats) -> Floats:
        """Return the sum of each server."""
        return np.asarray(self._matrix(values).sum(axis=1))

    def count_by_server(self, true: npt.NDArray[np.bool_]) -> Ints:
        """Return in how many rows of each server it is true; quick where it rarely is."""
        return np.bincount(np.flatnonzero(true) // self.length, minlength=len(self.servers))

    def by_period(self, values: Floats, period: Ints, periods: int) -> Floats:
        """Return the sum of each server in each period, (servers, periods); `period` ascends, and goes with `times`."""
        starts = np.flatnonzero(np.diff(period, prepend=-1))
        sums = np.zeros((len(self.servers), periods))
        sums[:, period[starts]] = np.add.reduceat(self._matrix(values), starts, axis=1)
        return sums

    def by_group(self, values: Floats, groups: Ints, count: int) -> Floats:
        """Return the sum over each group of servers at each time, (count, times); servers of no group have -1."""
        sums = np.zeros((count, self.length))
        for group, row in zip(groups.tolist(), self._matrix(values), strict=True):
            if 0 <= group < count:
                sums[group] += row
        return sums

    def rows_by_group(self, groups: Ints, count: int) -> Floats:
        """Return the number of rows of each group of servers at each time, (count, times)."""
        sizes = np.bincount(groups[groups >= 0], minlength=count).astype(float)
        return np.tile(sizes[:count, None], self.length)

    def key_sums(self, weights: Floats) -> Floats:
        """Return each server's rows, and the sums of its positions, their squares and their weights, (servers, 4)."""
        t = self.times.astype(float)
        sums = [self.length, t.sum(), (t * t).sum(), weights[self.first : self.first + self.length].sum()]
        return np.tile(np.array(sums, float), (len(self.servers), 1))

    def unlike_time(self, values: Array, expected: Array) -> Ints:
        """Return the rows whose value is not the one that its time asks for; `expected` goes with `times`."""
        return np.flatnonzero(self._matrix(values) != expected)

    def unlike_server(self, values: Array, expected: Array) -> Ints:
        """Return the rows whose value is not the one that its server asks for; `expected` goes with `servers`."""
        return np.flatnonzero(self._matrix(values) != expected[:, None])

    def unlike_kind(self, values: Array, expected: Array, kind: Array) -> Ints:
        """Return the rows whose value is not the one that their time asks for in servers of their kind.

        `expected` has a row a kind, which goes with `times`; `kind` goes with `servers`.
        """
        return np.flatnonzero(self._matrix(values) != expected[kind])

    def add_by_time(self, values: Ints, of_times: Ints) -> None:
        """Add to each row, in place, what its time has."""
        matrix = self._matrix(values)
        matrix += of_times

    def rows_of(self, place: int) -> tuple[slice, Ints]:
        """Return the rows of the server at a place of `servers`, and the places of their times in `times`."""
        return slice(place * self.length, (place + 1) * self.length), np.arange(self.length)

    def place(self, row: int) -> tuple[int, int]:
        """Return the server and the position of a row."""
        return int(self.servers[row // self.length]), self.first + row % self.length

    def _matrix(self, values: Array) -> Array:
        return values.reshape(len(self.servers), self.length)


@dataclass(frozen=True, eq=False)
class Sparse:
    """Rows in any order.

    Attributes
    ----------
    servers
        The servers' positions in the fleet, each once.
    server
        Which of them each row is of.
    first, length
        Least position, and how far the positions reach.
    position
        Of each row, less `first`.
    """

    servers: Ints
    server: Ints
    first: int
    length: int
    position: Ints

    @property
    def times(self) -> Ints:
        """The positions that the sums over servers stand for."""
        return np.arange(self.first, self.first + self.length)

    def rows_at_times(self) -> Floats:
        """Return the number of rows at each time."""
        return np.bincount(self.position, minlength=self.length).astype(float)

    def by_time(self, values: Floats) -> Floats:
        """Return the sum at each time."""
        return np.bincount(self.position, values, self.length).astype(float)

    def product_by_time(self, left: Floats, right: Floats) -> Floats:
        """Return the sum of products at each time."""
        return np.bincount(self.position, left * right, self.length).astype(float)

    def by_server(self, values: Floats) -> Floats:
        """Return the sum of each server."""
        return np.bincount(self.server, values, len(self.servers)).astype(float)

    def count_by_server(self, true: npt.NDArray[np.bool_]) -> Ints:
        """Return in how many rows of each server it is true."""
        return np.bincount(self.server[true], minlength=len(self.servers))

    def by_period(self, values: Floats, period: Ints, periods: int) -> Floats:
        """Return the sum of each server in each period, (servers, periods); `period` goes with `times`."""
        place = self.server * periods + period[self.position]
        return np.bincount(place, values, len(self.servers) * periods).reshape(-1, periods).astype(float)

    def by_group(self, values: Floats, groups: Ints, count: int) -> Floats:
        """Return the sum over each group of servers at each time, (count, times); servers of no group have -1."""
        group = groups[self.server]
        place, inside = group * self.length + self.position, (group >= 0) & (group < count)
        return np.bincount(place[inside], values[inside], count * self.length).reshape(count, self.length).astype(float)

    def rows_by_group(self, groups: Ints, count: int) -> Floats:
        """Return the number of rows of each group of servers at each time, (count, times)."""
        return self.by_group(np.ones(len(self.position)), groups, count)

    def key_sums(self, weights: Floats) -> Floats:
        """Return each server's rows, and the sums of its positions, their squares and their weights, (servers, 4)."""
        t = (self.position + self.first).astype(float)
        columns = (np.ones(len(t)), t, t * t, weights[self.position + self.first])
        return np.stack([self.by_server(column) for column in columns], axis=1)

    def unlike_time(self, values: Array, expected: Array) -> Ints:
        """Return the rows whose value is not the one that its time asks for; `expected` goes with `times`."""
        return np.flatnonzero(values != expected[self.position])

    def unlike_server(self, values: Array, expected: Array) -> Ints:
        """Return the rows whose value is not the one that its server asks for; `expected` goes with `servers`."""
        return np.flatnonzero(values != expected[self.server])

    def unlike_kind(self, values: Array, expected: Array, kind: Array) -> Ints:
        """Return the rows whose value is not the one that their time asks for in servers of their kind.

        `expected` has a row a kind, which goes with `times`; `kind` goes with `servers`.
        """
        return np.flatnonzero(values != expected[kind[self.server], self.position])

    def add_by_time(self, values: Ints, of_times: Ints) -> None:
        """Add to each row, in place, what its time has."""
        values += of_times[self.position]

    def rows_of(self, place: int) -> tuple[Ints, Ints]:
        """Return the rows of the server at a place of `servers`, and the places of their times in `times`."""
        order, ends = self._by_server
        rows = order[ends[place] : ends[place + 1]]
        return rows, self.position[rows]

    def place(self, row: int) -> tuple[int, int]:
        """Return the server and the position of a row."""
        return int(self.servers[self.server[row]]), self.first + int(self.position[row])

    @cached_property
    def _by_server(self) -> tuple[Ints, Ints]:
        """The rows in the order of their servers, and where each server's begin and end."""
        order = np.argsort(self.server, kind="stable")
        return order, np.searchsorted(self.server[order], np.arange(len(self.servers) + 1))


Arrangement = Dense | Sparse


def arrangement_of(server: Array, servers: Ints, position: Ints) -> Arrangement:
    """Return how rows lie, as matrices where they can.

    Parameters
    ----------
    server, servers
        Which server each row is of, as a position in `servers`: positions in the fleet, each once.
    position
        Of each row in the grid.
    """
    length = int(np.argmax(server != server[0])) or len(server)
    if len(server) % length == 0:
        matrix, times = server.reshape(-1, length), position.reshape(-1, length)
        order = servers[matrix[:, 0]]
        whole = (matrix == matrix[:, :1]).all() and (times == position[0] + np.arange(length)).all()
        if whole and (np.diff(order) > 0).all():
            return Dense(order, int(position[0]), length)
    first = int(position.min())
    length = int(position.max()) - first + 1
    return Sparse(servers, server.astype(np.int64), first, length, position - first)
