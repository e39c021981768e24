"""The correlation of the metrics' noise: the matrix that a profile means, and its Cholesky factor.

A further metric's row is made of the pairs that are named and of nothing else, so that no other metric changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import sqrt
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from dask_synth.model.columns import BUILT_IN, ONE_STREAM

Floats = npt.NDArray[np.float64]

Coefficient = Annotated[float, Interval(ge=-1, le=1)]

CHOLESKY_DECIMALS = 12
"""Cholesky factors are rounded, so that every processor's LAPACK gives the same bits."""
LEAST = 1e-9
"""Smallest eigenvalue of a matrix. Below it a factor exists only by rounding, and its last pivot would be noise."""
CLOSER, ALIKE = "bring the correlations closer to 0", "make the metrics' shares more alike"


@dataclass(frozen=True)
class Correlation:
    """Correlation of the noise of each pair of metrics, before clipping."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    cpu_mem: Coefficient
    cpu_net: Coefficient
    mem_disk: Coefficient
    cpu_disk: Coefficient = 0.1
    mem_net: Coefficient = 0.2
    disk_net: Coefficient = 0.3


def coefficient(correlation: Correlation, first: str, second: str) -> float | None:
    """Return the correlation that is named for a pair, in either order, or None."""
    named: float | None = getattr(correlation, f"{first}_{second}", getattr(correlation, f"{second}_{first}", None))
    return named


def correlation_matrix(correlation: Correlation, latent: Sequence[str] = BUILT_IN.latent) -> Floats:
    """Return the symmetric matrix over metrics of these names, float64.

    A pair of a further metric that is not named follows from those that are: a metric that goes with cpu alone goes
    with the network as far as cpu does.
    """
    return _matrix_and_factor(correlation, latent)[0] if latent[ONE_STREAM:] else _built_in(correlation, latent)


def cholesky_factor(correlation: Correlation, latent: Sequence[str] = BUILT_IN.latent) -> Floats:
    """Return the lower-triangular L with L L' = the correlation matrix, so that L z has these correlations.

    Further metrics add rows and columns: what stands before them stays as it is, to the bit.

    Returns
    -------
    numpy.ndarray
        One row a metric, float64, rounded to 12 decimals.

    Raises
    ------
    ValueError
        If the matrix is not positive definite; the message gives its smallest eigenvalue.
    """
    return _matrix_and_factor(correlation, latent)[1]


def grown_factor(correlation: Correlation, latent: Sequence[str], divisors: Floats) -> tuple[Floats, Floats]:
    """Return the matrix with each named correlation divided by its number, and the Cholesky factor, row by row.

    Plain sums all along. Further metrics change nothing of what stands before them, as in :func:`cholesky_factor`.

    Raises
    ------
    ValueError
        If the matrix is not positive definite; the message gives its smallest eigenvalue.
    """
    matrix, factor = np.eye(len(latent)), np.eye(len(latent))
    for row in range(1, len(latent)):
        named = _named(correlation, latent, row)
        if row < ONE_STREAM:
            named = {i: named.get(i, 0.0) for i in range(row)}
        _add_metric(matrix, factor, row, {i: value / float(divisors[row, i]) for i, value in named.items()})
        _check(matrix[: row + 1, : row + 1], "the correlation of the metrics' innovations", f"{ALIKE}, or {CLOSER}")
    return matrix, factor


def _built_in(correlation: Correlation, latent: Sequence[str]) -> Floats:
    names = latent[:ONE_STREAM]
    return np.array([[1.0 if a == b else coefficient(correlation, a, b) or 0.0 for b in names] for a in names])


def _matrix_and_factor(correlation: Correlation, latent: Sequence[str]) -> tuple[Floats, Floats]:
    matrix, factor = np.eye(len(latent)), np.eye(len(latent))
    first = _built_in(correlation, latent)
    _check(first, f"the correlation matrix {tuple(getattr(correlation, field.name) for field in fields(Correlation))}")
    matrix[:ONE_STREAM, :ONE_STREAM] = first
    factor[:ONE_STREAM, :ONE_STREAM] = np.round(np.linalg.cholesky(first), CHOLESKY_DECIMALS)
    for row in range(ONE_STREAM, len(latent)):
        _add_metric(matrix, factor, row, _named(correlation, latent, row))
        told = {f"{latent[i]}_{latent[row]}": value for i, value in _named(correlation, latent, row).items()}
        pairs = ", ".join(f"{pair} {value:g}" for pair, value in told.items())
        _check(matrix[: row + 1, : row + 1], f"the correlation matrix with {pairs}")
    return matrix, factor


def _named(correlation: Correlation, latent: Sequence[str], row: int) -> dict[int, float]:
    """Return the correlations that are named with the metrics before one, by position.

    The built-in ones come first, then by name: sums do not show in which order a configuration has the others.
    """
    before = sorted(range(row), key=lambda i: (i, "") if i < ONE_STREAM else (ONE_STREAM, latent[i]))
    found = {i: coefficient(correlation, latent[i], latent[row]) for i in before}
    return {i: value for i, value in found.items() if value is not None}


def _add_metric(matrix: Floats, factor: Floats, row: int, named: Mapping[int, float]) -> None:
    """Fill in a row: the share that the named metrics explain is theirs, the rest is the metric's own."""
    weights = dict(zip(named, _solved(matrix, named), strict=True))
    for i in range(row):
        follows = sum(float(matrix[i, j]) * weight for j, weight in weights.items())
        matrix[row, i] = matrix[i, row] = named.get(i, follows)
        shared = sum(float(factor[j, i]) * weight for j, weight in weights.items())
        factor[row, i] = round(shared, CHOLESKY_DECIMALS)
    own = 1.0 - sum(named[j] * weight for j, weight in weights.items())
    factor[row, row] = round(sqrt(max(own, 0.0)), CHOLESKY_DECIMALS)


def _solved(matrix: Floats, right: Mapping[int, float]) -> list[float]:
    """Return the weights with which these metrics explain their correlations: a positive definite system.

    In plain sums, as LAPACK's last bits differ by processor.
    """
    rows = [[*(float(matrix[i, j]) for j in right), value] for i, value in right.items()]
    for i, pivot in enumerate(rows):
        for below in rows[i + 1 :]:
            share = below[i] / pivot[i]
            below[i:] = [value - share * above for value, above in zip(below[i:], pivot[i:], strict=True)]
    weights = [0.0] * len(rows)
    for i in reversed(range(len(rows))):
        known = sum(rows[i][j] * weights[j] for j in range(i + 1, len(rows)))
        weights[i] = (rows[i][-1] - known) / rows[i][i]
    return weights


def _check(matrix: Floats, told: str, remedy: str = CLOSER) -> None:
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < LEAST:
        raise ValueError(
            f"{told} is not positive definite: "
            f"its smallest eigenvalue is {smallest:.4f}, and it must be above 0; {remedy}"
        )
