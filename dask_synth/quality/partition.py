"""One partition to its statistics. Vectorised, pure, and no Dask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dask_synth.quality.arrangement import Arrangement, arrangement_of
from dask_synth.quality.faults import (
    Faults,
    check_calendar,
    check_metadata,
    check_metric,
    check_order,
    count_nulls,
    unexpected_types,
)
from dask_synth.quality.recompute import redraw
from dask_synth.quality.reference import TEXT_BY_SERVER, Reference
from dask_synth.quality.statistics import HOURS, PAIRS, Floats, Ints, Servers, Statistics, Sums, bins_of, combine
from dask_synth.schema import METRICS, NAMES, PARTITION_KEY
from dask_synth.theory.cells import is_business_hour
from dask_synth.theory.gauge import BINS


def summarise(frame: pd.DataFrame, reference: Reference) -> Statistics:
    """Return the statistics of some rows.

    Parameters
    ----------
    frame
        Rows of a fleet, in any order and of any servers; texts may be categories.
    reference
        What they are held against.
    """
    missing = frozenset(f"{name} is missing" for name in NAMES if name not in frame)
    if missing or frame.empty:
        return Statistics(rows=len(frame), types=missing)
    types = unexpected_types(frame, reference.categories)
    if not all(is_numeric_dtype(frame[name]) for name in METRICS):
        return Statistics(rows=len(frame), types=types)
    texts = {name: frame[name].astype("category") for name in ("server_id", *TEXT_BY_SERVER)}
    frame = frame.assign(**{name: text for name, text in texts.items() if frame[name].dtype != "category"})
    parts = [_of_archetype(rows, reference) for rows in _by_type(frame)]
    return combine([Statistics(types=types), *parts])


def _by_type(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of each archetype: usually all of them."""
    codes = frame[PARTITION_KEY].cat.codes.to_numpy()
    if codes.min() == codes.max():
        yield frame
        return
    for code in np.unique(codes):
        yield frame.iloc[np.flatnonzero(codes == code)]


def _of_archetype(frame: pd.DataFrame, reference: Reference) -> Statistics:
    faults, rows = Faults(), len(frame)
    count_nulls(faults, frame)
    frame, server, servers, position = _placed(faults, frame, reference)
    if frame.empty:
        return Statistics(rows, faults.count, faults.examples)
    arrangement = arrangement_of(server, servers, position)
    texts = {name: frame[name].array for name in TEXT_BY_SERVER}
    check_order(faults, arrangement, reference)
    check_calendar(faults, frame, arrangement, reference)
    check_metadata(faults, texts, arrangement, reference)
    values = {name: frame[name].to_numpy(np.float64) for name in METRICS}
    hundredths = [check_metric(faults, name, column) for name, column in values.items()]
    archetype = str(texts[PARTITION_KEY][0])
    known = archetype in reference.categories[PARTITION_KEY]
    return Statistics(
        rows=rows,
        faults=faults.count,
        examples=faults.examples,
        types=frozenset(),
        sums={archetype: _sums(arrangement, hundredths, reference)} if known else {},
        servers=_server_table(arrangement, hundredths, reference),
        redrawn=redraw(reference.spec, arrangement, values, reference.recompute),
    )


def _placed(
    faults: Faults, frame: pd.DataFrame, reference: Reference
) -> tuple[pd.DataFrame, npt.NDArray[Any], Ints, Ints]:
    """Find each row's server and place in the grid; leave out the rows that have none."""
    ids = frame["server_id"].cat
    servers = reference.positions(ids.categories)
    server = ids.codes.to_numpy()
    elapsed = (frame["timestamp"].to_numpy().astype("M8[us]") - np.datetime64(reference.grid.start, "us")).view(
        np.int64
    )
    step = int(reference.step.astype(np.int64))
    position = elapsed // step
    off_grid = (position * step != elapsed) | (position < 0) | (position >= reference.grid.size)
    # A row without an id has the code -1: the last place.
    lost = np.append(servers, -1)[server] < 0 if (servers < 0).any() or server.min() < 0 else None
    if lost is not None and lost.any():
        faults.add("server", int(lost.sum()), f"{frame['server_id'].iloc[int(np.argmax(lost))]!r} is not in the plan")
    if off_grid.any():
        example = f"{frame['timestamp'].iloc[int(np.argmax(off_grid))]} is not on the grid"
        faults.add("timestamp", int(off_grid.sum()), example)
    elif lost is None:
        return frame, server, servers, position
    keep = np.flatnonzero(~(off_grid if lost is None else off_grid | lost))
    return frame.iloc[keep], server[keep], servers, position[keep]


def _sums(arrangement: Arrangement, hundredths: list[Floats], reference: Reference) -> Sums:
    per_day = reference.grid.rows_per_day
    day, row = np.divmod(arrangement.times, per_day)
    hour = row * HOURS // per_day
    slot = 2 * day + is_business_hour(hour)
    first = [arrangement.rows_at_times(), *(arrangement.by_time(values) for values in hundredths)]
    products = {pair: arrangement.product_by_time(hundredths[pair[0]], hundredths[pair[1]]) for pair in PAIRS}
    squares = [products[i, i] for i in range(len(METRICS))]
    days = [np.bincount(slot, column, 2 * reference.grid.days).astype(float) for column in (*first, *products.values())]
    hours = [np.bincount(hour, column, HOURS).astype(float) for column in (*first, *squares)]
    histogram = [np.bincount(bins_of(i, values), minlength=BINS + 1) for i, values in enumerate(hundredths)]
    return Sums(
        np.stack(days, axis=1).reshape(reference.grid.days, 2, -1), np.stack(hours, axis=1), np.stack(histogram)
    )


def _server_table(arrangement: Arrangement, hundredths: list[Floats], reference: Reference) -> Servers:
    sums = [arrangement.by_server(values) for values in hundredths]
    table = np.column_stack([arrangement.key_sums(reference.weights), *sums])
    seen = table[:, 0] > 0
    order = np.argsort(arrangement.servers[seen])
    return Servers(arrangement.servers[seen][order], table[seen][order])
