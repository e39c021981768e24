"""The fleet as a lazy Dask DataFrame: nothing is written, one partition a chunk."""

from __future__ import annotations

import dask.dataframe as dd

from dask_synth.config.run import RunConfig
from dask_synth.pipeline.chunk import chunk_frame, columns_of
from dask_synth.pipeline.plan import RunPlan
from dask_synth.schema import empty_frame


def fleet_frame(config: RunConfig) -> dd.DataFrame:
    """Return the fleet of a configuration, lazily.

    Parameters
    ----------
    config
        ``output`` only counts for ``rows_per_partition``.

    Returns
    -------
    dask.dataframe.DataFrame
        Sorted by server, then time, within each archetype. The values are those that ``generate`` writes.

    Examples
    --------
    >>> import dask_synth
    >>> config = dask_synth.load_config(overrides={"fleet.servers": 10, "time.years": 1})
    >>> len(dask_synth.fleet_frame(config))
    3650
    """
    plan = RunPlan.of(config)
    meta = empty_frame(plan.spec.fleet.categories(), columns_of(plan.spec))
    frame: dd.DataFrame = dd.from_map(
        chunk_frame, plan.chunks, spec=plan.spec, meta=meta, label="generate", enforce_metadata=False
    )
    return frame
