"""What is asked of many series at once: a row each, NaN where a sample is missing. For `fidelity.py`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
WEEK = 168


def ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Floats:
    """Return the quotient, NaN where nothing is below."""
    low = np.asarray(below, float)
    return np.asarray(np.asarray(above, float) / np.where(low == 0, np.nan, low))


def mean(values: Floats, axis: int | tuple[int, ...] = -1, *, keepdims: bool = False) -> Floats:
    """Return the mean of the samples that are there, NaN where none is."""
    there = np.isfinite(values).sum(axis=axis, keepdims=keepdims)
    return ratio(np.nansum(values, axis=axis, keepdims=keepdims), there)


def centred(values: Floats) -> Floats:
    """Return the deviations from each row's mean; a row that does not move has none, whatever its rounding left."""
    away = values - mean(values, keepdims=True)
    scale = np.nanmax(np.abs(values), axis=-1, keepdims=True, initial=0)
    return np.where(np.abs(away) > 1e-12 * scale, away, 0 * away)


def deviation(values: Floats) -> Floats:
    """Return the standard deviation."""
    return np.asarray(np.sqrt(mean(centred(values) ** 2)))


def quantile(values: Floats, q: float) -> Floats:
    """Return the linear quantile along the last axis of the samples that are there, as NumPy has it."""
    ordered = np.sort(values, axis=-1)  # NaN last
    place = q * np.maximum(np.isfinite(values).sum(axis=-1, keepdims=True) - 1, 0)
    low = np.floor(place).astype(np.intp)
    below = np.take_along_axis(ordered, low, axis=-1)
    above = np.take_along_axis(ordered, np.ceil(place).astype(np.intp), axis=-1)
    return np.asarray((below + (above - below) * (place - low))[..., 0])


def autocorrelation(values: Floats, lag: int) -> Floats:
    """Return the autocorrelation at a lag: products over squares, as in a textbook."""
    away = centred(values)
    return ratio(np.nansum(away[:, lag:] * away[:, :-lag], axis=1), np.nansum(away**2, axis=1))


def correlation(first: Floats, second: Floats) -> Floats:
    """Return each row's correlation of two series."""
    both = np.isfinite(first) & np.isfinite(second)
    one, other = (centred(np.where(both, values, np.nan)) for values in (first, second))
    return ratio(mean(one * other), np.sqrt(mean(one**2) * mean(other**2)))


def ranks(values: Floats) -> Floats:
    """Return the ranks of each row's samples; equal ones share theirs."""
    return np.asarray(rankdata(values, axis=1, nan_policy="omit"), float)


def skewness(values: Floats) -> Floats:
    """Return the skewness."""
    away = centred(values)
    return ratio(mean(away**3), mean(away**2) ** 1.5)


def kurtosis(values: Floats) -> Floats:
    """Return the excess kurtosis."""
    away = centred(values)
    return ratio(mean(away**4), mean(away**2) ** 2) - 3


def less_cycle(values: Floats, period: int) -> Floats:
    """Return what is left without the mean of each place in the period."""
    rows, length = values.shape
    padded = np.full((rows, -(-length // period) * period), np.nan)
    padded[:, :length] = values
    folded = padded.reshape(rows, -1, period)
    return (folded - mean(folded, axis=1, keepdims=True)).reshape(rows, -1)[:, :length]


def explained(values: Floats, period: int) -> Floats:
    """Return R2 of the means over a period."""
    return 1 - ratio(mean(less_cycle(values, period) ** 2), mean(centred(values) ** 2))


def excess(values: Floats) -> Floats:
    """Return R2 of the hour of the week, above what periods that mean nothing explain by chance."""
    return explained(values, WEEK) - (explained(values, 163) + explained(values, 173)) / 2


def less_trend_and_weekday(days: Floats) -> Floats:
    """Return the residual of a line and seven weekday means, fitted together."""
    left = days
    for _ in range(6):  # in turns: over whole weeks each round leaves a hundredth of the error, gaps or none
        left = less_cycle(left, 7)
        time = np.where(np.isfinite(left), np.arange(days.shape[1], dtype=float), np.nan)
        time = time - mean(time, keepdims=True)
        slope = ratio(np.nansum(time * left, axis=1), np.nansum(time**2, axis=1))
        left = left - slope[:, None] * time
    return left


def day_share(hours: Floats) -> Floats:
    """Return the share of the residual's variance, without the hour of the week, that its daily means have."""
    left = less_cycle(hours, WEEK)
    return ratio(deviation(mean(left.reshape(len(left), -1, 24))) ** 2, deviation(left) ** 2)


def over(values: Floats) -> Flags:
    """Say which samples lie above the row's own mean + 3 standard deviations."""
    limit = mean(values, keepdims=True) + 3 * deviation(values)[:, None]
    return np.asarray(values > limit + 1e-9)


def share(flags: Flags, values: Floats) -> Floats:
    """Return the share of the samples that are there."""
    return ratio(flags.sum(axis=1), np.isfinite(values).sum(axis=1))


def starts(flags: Flags) -> Flags:
    """Say where a run of true ones begins."""
    began = flags.copy()
    began[:, 1:] &= ~flags[:, :-1]
    return began


def runs(flags: Flags, values: Floats) -> pd.DataFrame:
    """Return the runs of true ones: the row that each is of, its length and its highest value."""
    padded = np.pad(flags, ((0, 0), (0, 1)))
    edges = np.diff(np.concatenate([[False], padded.ravel()]).astype(np.int8))
    first, after = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    flat = np.pad(values, ((0, 0), (0, 1))).ravel()
    between = np.column_stack([first, after]).ravel()
    peaks = np.maximum.reduceat(flat, between)[::2] if first.size else np.empty(0)
    return pd.DataFrame({"row": first // padded.shape[1], "length": after - first, "peak": peaks})
