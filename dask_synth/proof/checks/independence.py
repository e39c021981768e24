"""Trials of identity: no two servers alike, none that is another kind, no noise that servers or days share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dask_synth.measure.sums import CENT
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.observed import Observed
from dask_synth.proof.trial import MAX_SKEWNESS, MIN_ROWS, Trial
from dask_synth.proof.verdict import Check
from dask_synth.theory.theory import ArchetypeTheory, Blocks

Floats = npt.NDArray[np.float64]

MIN_BLOCKS = 30
BLOCK_ROWS = 200
"""In a block of days, at least: its sum is nearly normal then."""


def servers(evidence: Evidence) -> Iterator[Trial]:
    """Compare each server's mean with what it must be; the farthest one counts."""
    size = evidence.planned.grid.size
    if size < MIN_ROWS:
        return
    for _, theory in evidence.both():
        chosen = evidence.servers_of(theory.name)
        seen = evidence.measured.servers
        index, values = seen.index[chosen], seen.totals[chosen]
        whole = seen.keys[chosen, 0] == size
        if not whole.any():
            continue
        first = next(b.start for b in evidence.theory.spec.fleet.blocks() if b.archetype == theory.name)
        answer = theory.servers_means(index[whole] - first)
        for k, metric in enumerate(evidence.metrics):
            mean = values[whole, k] / CENT / size
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.nan_to_num(np.abs(mean - answer.expected[k]) / answer.error[k])
            far = int(np.argmax(z))
            expected, error, skewness = answer.at(k, far)
            name = evidence.planned.server_id(int(index[whole][far]))
            yield Trial(
                name=f"independence.{theory.name}.{metric}.servers",
                kind="independence",
                what=f"mean {metric} of {name}, the farthest of the {theory.name} servers",
                observed=float(mean[far]),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                family=int(whole.sum()),
                archetype=theory.name,
                metric=metric,
                hint="is its archetype, its load or its noise another's?",
            )


def twins(evidence: Evidence) -> Iterator[Check]:
    """Look for servers whose metrics have the same sums: to the hundredth, that does not happen by chance."""
    for _, theory in evidence.both():
        archetype, chosen = theory.name, evidence.servers_of(theory.name)
        sums = evidence.measured.servers.totals[chosen]
        index, name = evidence.measured.servers.index[chosen].tolist(), evidence.planned.server_id
        if _chance_of_twins(theory, len(index)) > 1e-6:
            continue
        _, first, inverse, count = np.unique(sums, axis=0, return_index=True, return_inverse=True, return_counts=True)
        copies = np.flatnonzero((count[inverse] > 1) & (first[inverse] != np.arange(len(index))))
        pairs = [f"{name(index[i])} is a copy of {name(index[first[inverse[i]]])}" for i in copies[:3]]
        yield Check(
            name=f"independence.{archetype}.twins",
            kind="independence",
            what=f"no two {archetype} servers have the same series",
            archetype=archetype,
            observed=f"{len(copies)} copies",
            expected="0 copies",
            passed=not len(copies),
            message=f"{archetype}: {'; '.join(pairs) if pairs else 'no two servers have the same series'}",
        )


def _chance_of_twins(theory: ArchetypeTheory, count: int) -> float:
    """Bound the expected number of chance twins: two sums agree to the hundredth with 1 / (sd 2 sqrt(pi))."""
    chance, law = count**2 / 2, theory.gauge.law
    for metric in {column.metric: column.name for column in law.metrics.columns}.values():
        # Half of the deviation: the metrics are not free of each other.
        variance = float(np.nan_to_num(theory.each.variance[law.metrics.names.index(metric)]).min())
        deviation = math.sqrt(max(variance, 0.0)) * CENT / 2
        chance *= min(1.0, 1 / (deviation * 2 * math.sqrt(math.pi))) if deviation else 1.0
    return chance


def blocks(evidence: Evidence) -> Iterator[Trial]:
    """Look for noise that servers or rows share: it makes the sums of blocks of days vary too much, or go together."""
    # The same blocks for all, so that archetypes can be compared; the smallest sets their size.
    fewest = min((float(np.median(seen.slot_rows.sum(axis=1))) for seen, _ in evidence.both()), default=1.0)
    size = math.ceil(BLOCK_ROWS / max(fewest, 1.0))
    found = {theory.name: _standardised(seen, theory, size) for seen, theory in evidence.both()}
    for archetype, (law, values) in found.items():
        for k, metric in enumerate(evidence.metrics if len(law.starts) >= MIN_BLOCKS else ()):
            expected, error, skewness = law.square.at(k)
            if not np.isfinite(values[k]).all():
                continue
            yield Trial(
                name=f"independence.{archetype}.{metric}.days",
                kind="independence",
                what=f"variance of {archetype} {metric} from day to day, over the model's",
                observed=float(np.mean(values[k] ** 2)),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                archetype=archetype,
                metric=metric,
                hint="do servers or rows share noise, or are some days shifted?",
            )
    for (a, (left, one)), (b, (right, two)) in combinations(found.items(), 2):
        answer = left.product(right)
        for k, metric in enumerate(evidence.metrics if len(left.starts) >= MIN_BLOCKS else ()):
            if not (np.isfinite(one[k]).all() and np.isfinite(two[k]).all()):
                continue
            expected, error, skewness = answer.at(k)
            yield Trial(
                name=f"independence.{a}~{b}.{metric}",
                kind="independence",
                what=f"correlation of {a} and {b} servers' {metric} from day to day",
                observed=float(np.mean(one[k] * two[k])),
                expected=expected,
                standard_error=error,
                skewness=skewness,
                archetype=f"{a}~{b}",
                metric=metric,
                hint="do the two archetypes share noise?",
            )


def _standardised(seen: Observed, theory: ArchetypeTheory, size: int) -> tuple[Blocks, Floats]:
    """Return each block's deviation in its own standard deviations, (columns, blocks); NaN where lopsided."""
    share = seen.slot_rows.sum(axis=1) / theory.slot_rows.sum(axis=1)
    law = theory.blocks(size, share)
    if not len(law.starts):
        return law, law.expected
    days = seen.slot_sums.sum(axis=2)[:, : law.starts[-1] + size]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (np.add.reduceat(days, law.starts, axis=1) - law.expected) / law.deviation
    return law, np.where(np.abs(law.skewness) <= MAX_SKEWNESS, z, np.nan)
