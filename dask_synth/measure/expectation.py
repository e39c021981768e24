"""What each row of a server is on average: a table over what its values lie around, looked up at each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import MetricColumn
from dask_synth.theory.expected import LEVELS, expected_table
from dask_synth.theory.individual import Server

Floats = npt.NDArray[np.float64]

EXACT = 10_000
"""Expected values are whole parts of the unit, so that their sums are exact in any order."""


def expected_rows(server: Server, columns: Sequence[MetricColumn], reach: slice) -> Iterator[Floats]:
    """Yield what the rows of each column are on average, in EXACT parts of its unit.

    Good enough for a line in a picture, within 0.3 % of a metric's range unless noise is tiny, and no more: nothing is
    proved by it.

    Parameters
    ----------
    server
        Its law.
    columns
        What its columns show.
    reach
        Positions of the grid.
    """
    levels, ends = dict[str, npt.NDArray[np.intp]](), np.empty((2, len(columns)))
    for k, (column, mean) in enumerate(zip(columns, server.mean, strict=True)):
        low, top = mean.min(), mean.max()
        ends[:, k] = low, top
        if column.metric not in levels:
            step = (LEVELS - 1) / (top - low) if top > low else 0.0
            levels[column.metric] = ((mean[reach] - low) * step + 0.5).astype(np.intp)
    table = np.rint(expected_table(server.noise, *ends) * EXACT)
    for k, column in enumerate(columns):
        yield table[k].take(levels[column.metric])
