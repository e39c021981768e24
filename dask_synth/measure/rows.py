"""Rows to sums. Vectorised, pure, and no Dask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dask_synth.measure.arrangement import Arrangement, arrangement_of
from dask_synth.measure.each import beside_each_other, by_local_hour, each_of
from dask_synth.measure.layout import Layout
from dask_synth.measure.picture import Binned, bins_of, memory_of, picture_of
from dask_synth.measure.planned import TEXT_BY_SERVER, Planned
from dask_synth.measure.ranks import rank_rows
from dask_synth.measure.redraw import redraw
from dask_synth.measure.row_faults import (
    Faults,
    check_calendar,
    check_metadata,
    check_metric,
    check_order,
    count_nulls,
    unexpected_types,
)
from dask_synth.measure.sums import Floats, Ints, Measured, added, servers_of, sums_of
from dask_synth.schema import PARTITION_KEY

MEMORY = "mem_p95"


def measure_rows(frame: pd.DataFrame, planned: Planned, layout: Layout | None = None) -> Measured:
    """Return what some rows come to.

    Parameters
    ----------
    frame
        Rows of a fleet, in any order and of any servers; texts may be categories.
    planned
        What they are held against.
    layout
        The axes of a picture, if one is wanted.
    """
    missing = frozenset(f"{name} is missing" for name in planned.columns.names if name not in frame)
    if missing or frame.empty:
        return Measured(rows=len(frame), types=missing)
    types = unexpected_types(frame, planned.categories, planned.columns)
    if not all(is_numeric_dtype(frame[name]) for name in planned.metrics):
        return Measured(rows=len(frame), types=types)
    texts = {name: frame[name].astype("category") for name in ("server_id", *TEXT_BY_SERVER)}
    frame = frame.assign(**{name: text for name, text in texts.items() if frame[name].dtype != "category"})
    parts = [_of_archetype(rows, planned, layout) for rows in _by_type(frame)]
    return added([Measured(types=types), *parts])


def _by_type(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of each archetype: usually all of them."""
    codes = frame[PARTITION_KEY].cat.codes.to_numpy()
    if codes.min() == codes.max():
        yield frame
        return
    for code in np.unique(codes):
        yield frame.iloc[np.flatnonzero(codes == code)]


def _of_archetype(frame: pd.DataFrame, planned: Planned, layout: Layout | None) -> Measured:
    faults, rows = Faults(), len(frame)
    count_nulls(faults, frame, planned.columns)
    frame, *places = _placed(faults, frame, planned)
    if frame.empty:
        return Measured(rows=rows, faults=faults.count, examples=faults.examples)
    arrangement = arrangement_of(*places)
    check_order(faults, arrangement, planned)
    check_calendar(faults, frame, arrangement, planned)
    check_metadata(faults, {name: frame[name].array for name in TEXT_BY_SERVER}, arrangement, planned)
    values = {name: frame[name].to_numpy(np.float64) for name in planned.metrics}
    redrawn = redraw(planned.spec, arrangement, values, planned.recompute)
    if redrawn.rows < len(frame) or redrawn.unlike:  # else they are the model's, which keeps to ranges and decimals
        for name, column in values.items():
            check_metric(faults, planned.spec.metrics[name], column)
    hundredths = [_in_hundredths(column) for column in values.values()]
    servers = servers_of(arrangement, hundredths, planned.weights)
    if any(faults.count[f"null.{name}"] for name in values):
        arrangement, frame, hundredths = _complete(frame, places, hundredths)
    summed = _summed(frame, arrangement, hundredths, planned, layout) if len(frame) else Measured()
    return summed + Measured(rows=rows, faults=faults.count, examples=faults.examples, servers=servers, redrawn=redrawn)


def _in_hundredths(column: Floats) -> Floats:
    scaled = column * 100
    return np.rint(scaled, out=scaled)


def _placed(faults: Faults, frame: pd.DataFrame, planned: Planned) -> tuple[pd.DataFrame, npt.NDArray[Any], Ints, Ints]:
    """Find each row's server and place in the grid; leave out the rows that have none."""
    ids = frame["server_id"].cat
    servers = planned.positions(ids.categories)
    server = ids.codes.to_numpy()
    elapsed = (frame["timestamp"].to_numpy().astype("M8[us]") - np.datetime64(planned.grid.start, "us")).view(np.int64)
    step = int(planned.step.astype(np.int64))
    position = elapsed // step
    off_grid = (position * step != elapsed) | (position < 0) | (position >= planned.grid.size)
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


def _complete(
    frame: pd.DataFrame, places: Sequence[Ints], columns: Sequence[Floats]
) -> tuple[Arrangement, pd.DataFrame, list[Floats]]:
    """Leave out the rows that lack a value: sums of the others are scaled up, and the check of nulls says so."""
    keep = np.flatnonzero(np.isfinite(np.stack(columns)).all(axis=0))
    server, servers, position = places
    arrangement = arrangement_of(server[keep], servers, position[keep])
    return arrangement, frame.iloc[keep], [column[keep] for column in columns]


def _summed(
    frame: pd.DataFrame, arrangement: Arrangement, hundredths: list[Floats], planned: Planned, layout: Layout | None
) -> Measured:
    archetype = frame[PARTITION_KEY].iloc[0]
    if archetype not in planned.categories[PARTITION_KEY]:
        return Measured()
    columns = planned.spec.metrics.columns
    bins = [bins_of(column.high, values) for column, values in zip(columns, hundredths, strict=True)]
    at_times = [arrangement.rows_at_times(), *map(arrangement.by_time, hundredths)]
    binned = Binned(arrangement, hundredths, bins, at_times)
    summed = Measured(sums={archetype: sums_of(binned, planned.grid)})
    if layout:
        summed += _drawn(archetype, binned, frame, planned, layout)
    if not planned.spec.living(archetype):
        return summed
    values = [column / 100 for column in hundredths]
    ranks, ranked = rank_rows(arrangement, values, planned.spec, archetype, expect=layout is not None)
    return replace(summed, ranks={archetype: ranks}, ranked=ranked)


def _drawn(archetype: str, binned: Binned, frame: pd.DataFrame, planned: Planned, layout: Layout) -> Measured:
    """Return what a picture needs besides: by archetype and by server."""
    elapsed = binned.arrangement.times * int(planned.step.astype(np.int64))
    criticality = frame["criticality"].array
    cells = binned.cells(planned.metrics.index(MEMORY))
    rows, lives = (binned.arrangement, binned.hundredths), layout.lives
    regions = planned.codes("region", binned.arrangement.servers).astype(np.int64) if lives.zones else None
    picture = replace(
        picture_of(archetype, binned, elapsed, layout),
        memory=memory_of(list(criticality.categories), criticality.codes, cells),
        local={} if regions is None else {archetype: by_local_hour(*rows, regions, lives, planned.grid)},
        beside=beside_each_other(*rows, elapsed, lives),
    )
    return Measured(picture=picture, each=each_of(*rows, elapsed, planned.spec.metrics.columns, lives))
