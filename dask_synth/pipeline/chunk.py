"""One chunk to one Arrow table. Pure, and no Dask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dask_synth.model.calendar import regional_holidays
from dask_synth.model.draw import Draw
from dask_synth.model.fleet import ALONE
from dask_synth.model.individuals import individual_columns
from dask_synth.model.numbers import profile_numbers
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import Chunk
from dask_synth.schema import CATEGORICAL, PARTITION_KEY, Columns


def columns_of(spec: FleetSpec) -> Columns:
    """Return the columns of a dataset of this specification."""
    return Columns.of(spec.metrics.columns)


def chunk_table(spec: FleetSpec, chunk: Chunk) -> pa.Table:
    """Make the rows of a chunk's servers, sorted by server, then time.

    Returns
    -------
    pyarrow.Table
        The columns of :func:`columns_of`, with the strings dictionary-encoded: one entry a server.
    """
    size = spec.grid.size - chunk.first_row
    # One block: from 4 MB on, NumPy asks for huge pages, and a fresh worker waits for fewer of them.
    shown = spec.metrics.names
    metrics = dict(zip(shown, np.empty((len(shown), chunk.servers * size)), strict=True))
    of_servers = {name: values.reshape(chunk.servers, size) for name, values in metrics.items()}
    Draw(spec, chunk.archetype).write(range(chunk.start, chunk.stop), of_servers, chunk.first_row)
    columns: dict[str, npt.NDArray[np.generic] | pa.Array] = {**metrics}
    columns["timestamp"] = np.tile(spec.grid.timestamps()[chunk.first_row :], chunk.servers)
    calendar = spec.calendar().columns
    columns.update({name: np.tile(values[chunk.first_row :], chunk.servers) for name, values in calendar.items()})
    if spec.fleet.calendars:
        columns["is_holiday"] = _holidays(spec, chunk)
    columns.update(_text_columns(spec, chunk, size))
    names = columns_of(spec).names
    return pa.table([pa.array(columns[name]) for name in names], names=list(names))


def chunk_frame(chunk: Chunk, spec: FleetSpec) -> pd.DataFrame:
    """Return a chunk as pandas, in the documented dtypes."""
    frame: pd.DataFrame = chunk_table(spec, chunk).cast(columns_of(spec).arrow).to_pandas()
    return frame


def servers_table(spec: FleetSpec) -> pa.Table:
    """Return one row a server: id, app, metadata, type, the parameters of its profile, and what makes it individual."""
    fleet, blocks, categories = spec.fleet, spec.fleet.blocks(), spec.fleet.categories()
    codes = fleet.metadata_codes(spec.seed, 0, fleet.servers)
    codes[PARTITION_KEY] = np.repeat(
        np.array([categories[PARTITION_KEY].index(block.archetype) for block in blocks], np.int8),
        [block.stop - block.start for block in blocks],
    )
    columns: dict[str, Any] = {
        "server_id": fleet.server_ids(0, fleet.servers),
        "app_name": fleet.app_names(codes["business_unit"].tolist(), 0, fleet.pools(spec.seed, 0, fleet.servers)),
    }
    columns |= {name: _dictionary(codes[name], categories[name]) for name in CATEGORICAL}
    of_type = [profile_numbers(spec.archetypes[name], spec.metrics) for name in categories[PARTITION_KEY]]
    profiles = pd.DataFrame(of_type).astype(float)
    of_server = profiles.iloc[codes[PARTITION_KEY]]
    columns |= {f"profile_{name}": of_server[name].to_numpy() for name in profiles}
    own = individual_columns(spec, 0, fleet.servers)
    if own:
        columns |= own | {"pool": pa.array(own["pool"], mask=own["pool"] == ALONE)}
    return pa.table(columns)


def _holidays(spec: FleetSpec, chunk: Chunk) -> npt.NDArray[np.int8]:
    """Return whether each row is a holiday where its server stands."""
    region = spec.fleet.metadata_codes(spec.seed, chunk.start, chunk.stop)["region"]
    return regional_holidays(spec.grid, spec.fleet.calendars)[region, chunk.first_row :].ravel()


def _text_columns(spec: FleetSpec, chunk: Chunk, size: int) -> dict[str, pa.Array]:
    fleet, categories = spec.fleet, spec.fleet.categories()
    codes = fleet.metadata_codes(spec.seed, chunk.start, chunk.stop)
    codes[PARTITION_KEY] = np.full(chunk.servers, categories[PARTITION_KEY].index(chunk.archetype), np.int8)
    of_server = np.repeat(np.arange(chunk.servers, dtype=np.int32), size)
    pools = fleet.pools(spec.seed, chunk.start, chunk.stop)
    names = fleet.app_names(codes["business_unit"].tolist(), chunk.start, pools)
    # The servers of a pool have one application, and a dictionary has each text once.
    apps = {name: code for code, name in enumerate(dict.fromkeys(names))}
    of_app = np.repeat(np.array([apps[name] for name in names], np.int32), size)
    text = {
        "server_id": _dictionary(of_server, fleet.server_ids(chunk.start, chunk.stop)),
        "app_name": _dictionary(of_app, list(apps)),
    }
    return text | {name: _dictionary(np.repeat(codes[name], size), categories[name]) for name in CATEGORICAL}


def _dictionary(codes: npt.NDArray[np.integer], values: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values, pa.string()))
