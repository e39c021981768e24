"""How long noise lasts: its correlation with itself, apart from the model's code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dask_synth.model.life import Memory

LOST = 1e-6
"""What is left of a component after a row, below which it is white noise at this granularity."""


def autocorrelation(
    memory: Memory | None, metric: str, lags: npt.NDArray[np.int64], step: float
) -> npt.NDArray[np.float64]:
    """Return the correlation of a metric's noise with itself so many rows later, 1 at 0.

    Parameters
    ----------
    memory
        Of the archetype, or None: white noise.
    metric
        Latent name.
    lags
        In rows.
    step
        Length of a row, in hours.
    """
    found = np.zeros(len(lags))
    if memory is not None:
        for share, hours in zip(memory.shares.get(metric, ()), memory.hours, strict=False):
            if np.exp(-step / hours) >= LOST:
                found += share * np.exp(-lags * step / hours)
    return np.where(lags == 0, 1.0, found)
