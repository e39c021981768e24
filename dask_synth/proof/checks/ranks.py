"""Trials of servers that are individuals, by rank: each value's place in its own server's distribution at its time.

Ranks are uniform whoever the server is. That they lie high or low, near or far out, says what is wrong with what mean
or noise. What goes together is tried in :mod:`dask_synth.proof.checks.sides`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dask_synth.measure.ranks import RankSums
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MIN_ROWS, Trial
from dask_synth.theory.cells import Cell
from dask_synth.theory.cumulants import Answer
from dask_synth.theory.living import EVEN_SUM, LivingTheory
from dask_synth.theory.scores import EDGES, LOCATION, SCALE, TOP

Floats = npt.NDArray[np.float64]


def location(evidence: Evidence) -> Iterator[Trial]:
    """Compare how high values lie in each cell."""
    for seen, theory in evidence.living():
        rows, ranks, _ = in_cells(seen, theory)
        answer = theory.means(LOCATION, share_of(rows, theory))
        yield from _by_cell(evidence, theory, ranks / np.maximum(rows, 1), rows, answer, "mean")


def scale(evidence: Evidence) -> Iterator[Trial]:
    """Compare how far out values lie in each cell but single hours and weekdays."""
    for seen, theory in evidence.living():
        rows, _, squares = in_cells(seen, theory)
        answer = theory.means(SCALE, share_of(rows, theory))
        observed = _scale(squares, rows)
        yield from _by_cell(evidence, theory, observed, rows, answer, "sd")


def first_rows(evidence: Evidence) -> Iterator[Trial]:
    """Compare how far out the first values of servers lie: of a noise that begins anew they lie in the middle."""
    found = [(seen, theory) for seen, theory in evidence.living() if seen.first[0] == theory.servers]
    if not found:
        return
    rows = float(sum(seen.first[0] for seen, _ in found))
    squares = np.array([seen.first[1:] for seen, _ in found]).sum(axis=0)
    covariance = np.sum([theory.first() for _, theory in found], axis=0)
    columns = len(evidence.metrics)
    for metric, chosen in (*zip(evidence.metrics, np.eye(columns), strict=True), (None, np.ones(columns))):
        error = float(np.sqrt(chosen @ covariance @ chosen)) / rows / chosen.sum()
        name = metric or "all_metrics"
        yield Trial(
            name=f"sd.fleet.{name}.first_row",
            kind="sd",
            what=f"spread of the fleet's {metric or 'metrics'} among servers in their first row, by rank",
            observed=float(_scale(chosen @ squares / chosen.sum(), np.asarray(rows))),
            expected=0.0,
            standard_error=error,
            skewness=EVEN_SUM * error / float(np.sqrt(SCALE.variance)),
            metric=metric,
            cell="first_row",
            hint="does noise begin as it goes on?",
        )


def _by_cell(
    evidence: Evidence, theory: LivingTheory, observed: Floats, rows: Floats, answer: Answer, kind: str
) -> Iterator[Trial]:
    words, hint = RANKED[kind]
    for i, cell in enumerate(theory.cells):
        if rows[i] < MIN_ROWS or (kind == "sd" and (cell.fine or cell.hour is not None)):
            continue
        for k, metric in enumerate(evidence.metrics):
            expected, error, skewness = answer.at(k, i)
            yield Trial(
                name=f"{kind}.{theory.name}.{metric}.{cell.name}",
                kind="mean" if kind == "mean" else "sd",
                what=f"{words} {theory.name} {metric} lies {cell.words}, by rank",
                observed=float(observed[k, i]),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                archetype=theory.name,
                metric=metric,
                cell=cell.name,
                hint=hint,
            )


RANKED = {
    "mean": ("how high", "is the level, the load or the growth another than servers.parquet and the profile say?"),
    "sd": ("how far out", "is the noise larger or smaller, or is it not in proportion to the mean?"),
}


def edges(evidence: Evidence) -> Iterator[Trial]:
    """Compare the share of values below quantiles of their servers' distributions."""
    for seen, theory in evidence.living():
        rows = float(seen.classes[0].sum())
        answer = theory.shares(rows / (theory.servers * theory.patterns.rows[0]))
        below = np.cumsum(seen.classes, axis=1)[:, :-1] / max(rows, 1.0)
        for k, metric in enumerate(evidence.metrics if rows >= 10 * MIN_ROWS else ()):
            for i, edge in enumerate(EDGES):
                off, error, skewness = answer.at(k, i)
                yield Trial(
                    name=f"shape.{theory.name}.{metric}.below_{edge * 100:g}",
                    kind="shape",
                    what=f"share of {theory.name} {metric} below its own {edge * 100:g} % quantile",
                    observed=float(below[k, i]),
                    expected=edge + off,
                    standard_error=error,
                    skewness=skewness,
                    archetype=theory.name,
                    metric=metric,
                    cell=f"below_{edge * 100:g}",
                    hint="is the noise more or less lopsided, or are spikes rarer or more frequent?",
                )


def growth(evidence: Evidence) -> Iterator[Trial]:
    """Compare whether values rise or fall over time against what each server's growth makes of them."""
    grid = evidence.theory.spec.grid
    if grid.days < 30:
        return
    for seen, theory in evidence.living():
        days = np.arange(grid.days) - (grid.days - 1) / 2
        lever = days / max(days[-1], 1.0)
        weight = np.repeat(lever, theory.steps.count // grid.days)
        observed = seen.ranks.sum(axis=2) @ lever / TOP
        rows = theory.servers * np.abs(weight).sum() * theory.steps.rows
        error = theory.weighted([weight])[:, 0] / rows
        for k, metric in enumerate(evidence.metrics):
            yield Trial(
                name=f"growth.{theory.name}.{metric}",
                kind="growth",
                what=f"how much higher {theory.name} {metric} lies late than early, by rank",
                observed=float(observed[k] / rows),
                expected=0.0,
                standard_error=float(error[k]),
                archetype=theory.name,
                metric=metric,
                hint="is its growth another than servers.parquet says?",
            )


def share_of(rows: Floats, theory: LivingTheory) -> Floats:
    """Return the share of each cell's planned rows that there are, at least a trace."""
    return np.maximum(rows / (theory.servers * theory.patterns.rows), 1e-12)


def in_cells(seen: RankSums, theory: LivingTheory) -> tuple[Floats, Floats, Floats]:
    """Return rows, (cells,), scores of ranks and squares of ranks, (columns, cells), of each cell."""
    rows, ranks, squares = [], [], []
    for cell in theory.cells:
        rows.append(_of_cell(cell, seen.rows[None], seen.hour_rows[None])[0])
        ranks.append(_of_cell(cell, seen.ranks, seen.hour_ranks))
        squares.append(_of_cell(cell, seen.squares, None))
    return np.array(rows), np.stack(ranks, axis=1) / TOP, np.stack(squares, axis=1)


def _of_cell(cell: Cell, slots: Floats, hours: Floats | None) -> Floats:
    if cell.hour is not None and hours is not None:
        return hours[:, cell.hour]
    sides = np.array([cell.business is not True, cell.business is not False], float)
    return np.asarray((slots * np.outer(cell.days, sides)).sum(axis=(1, 2)))


def _scale(squares: Floats, rows: Floats) -> Floats:
    """Return the mean second score: ranks are odd numbers, whose squares have this mean."""
    mean = (TOP**2 - 1) / 3
    return np.asarray((squares / np.maximum(rows, 1) - mean) * 1.5 / TOP**2)
