"""Trials of independence: no two servers alike, none that is another kind, no noise that servers or days share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dask_synth.model.metrics import OBSERVED
from dask_synth.quality.evidence import Evidence
from dask_synth.quality.statistics import SERVER_KEYS
from dask_synth.quality.trial import MIN_ROWS, Trial, of_mean
from dask_synth.quality.verdict import Check
from dask_synth.schema import METRICS

Floats = npt.NDArray[np.float64]

MIN_BLOCKS = 30
BLOCK_ROWS = 200
"""In a block of days, at least: its sum is nearly normal then."""


def servers(evidence: Evidence) -> Iterator[Trial]:
    """Compare each server's mean with its archetype's; the farthest one counts."""
    weights = evidence.theory.nodes.weights[0]
    for archetype in evidence.archetypes:
        chosen = evidence.servers_of(archetype)
        table, index = evidence.statistics.servers.table[chosen], evidence.statistics.servers.index[chosen]
        whole = table[:, 0] == evidence.reference.grid.size
        if not whole.any() or evidence.reference.grid.size < MIN_ROWS:
            continue
        for k, metric in enumerate(METRICS):
            mean = table[whole, len(SERVER_KEYS) + k] / 100 / evidence.reference.grid.size
            expected = evidence.theory.forecasts[archetype].mean_in(metric, weights)
            error, skewness = of_mean(expected, evidence.reference.grid.size)
            far = int(np.argmax(np.abs(mean - expected.value)))
            name = evidence.reference.server_ids[index[whole][far]]
            yield Trial(
                name=f"independence.{archetype}.{metric}.servers",
                kind="independence",
                what=f"mean {metric} of {name}, the farthest of the {archetype} servers",
                observed=float(mean[far]),
                expected=expected.value,
                standard_error=error,
                skewness=skewness,
                family=int(whole.sum()),
                archetype=archetype,
                metric=metric,
                hint="is its archetype, its load or its noise another's?",
            )


def twins(evidence: Evidence) -> Iterator[Check]:
    """Look for servers whose metrics have the same sums: to the hundredth, that does not happen by chance."""
    for archetype in evidence.archetypes:
        chosen = evidence.servers_of(archetype)
        sums = evidence.statistics.servers.table[chosen][:, len(SERVER_KEYS) :]
        names = evidence.reference.server_ids[evidence.statistics.servers.index[chosen]]
        if _chance_of_twins(evidence, archetype, len(names)) > 1e-6:
            continue
        _, first, inverse, count = np.unique(sums, axis=0, return_index=True, return_inverse=True, return_counts=True)
        copies = np.flatnonzero((count[inverse] > 1) & (first[inverse] != np.arange(len(names))))
        pairs = [f"{names[i]} is a copy of {names[first[inverse[i]]]}" for i in copies[:3]]
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


def _chance_of_twins(evidence: Evidence, archetype: str, count: int) -> float:
    """Bound the expected number of chance twins: two sums agree to the hundredth with 1 / (sd 2 sqrt(pi))."""
    share, chance = evidence.theory.nodes.weights[0], count**2 / 2
    for metric in ("cpu_p95", "disk_p95", "net_in_p95"):
        _, first, second, *_ = evidence.theory.forecasts[archetype].powers(metric)
        deviation = math.sqrt(max(share @ (second - first**2), 0.0)) * OBSERVED[metric].high * 100
        chance *= min(1.0, 1 / (0.5 * deviation * 2 * math.sqrt(math.pi))) if deviation else 1.0
    return chance


def blocks(evidence: Evidence) -> Iterator[Trial]:
    """Look for noise that servers or rows share: it makes the sums of blocks of days vary too much, or go together."""
    # The same blocks for all, so that archetypes can be compared; the smallest sets their size.
    fewest = min((np.median(sums.days[:, :, 0].sum(axis=1)) for sums in evidence.statistics.sums.values()), default=1.0)
    size = math.ceil(BLOCK_ROWS / max(fewest, 1.0))
    residuals = {name: _standardised(evidence, name, size) for name in evidence.archetypes}
    for archetype, values in residuals.items():
        for k, metric in enumerate(METRICS):
            if (chosen := values[k]) is not None and len(chosen) >= MIN_BLOCKS:
                yield Trial(
                    name=f"independence.{archetype}.{metric}.days",
                    kind="independence",
                    what=f"variance of {archetype} {metric} from day to day, over independent rows'",
                    observed=float((chosen**2).mean()),
                    expected=1.0,
                    standard_error=math.sqrt(2.5 / len(chosen)),
                    skewness=2.8 / math.sqrt(len(chosen)),
                    archetype=archetype,
                    metric=metric,
                    hint="do servers or rows share noise, or are some days shifted?",
                )
    for (a, left), (b, right) in combinations(residuals.items(), 2):
        for k, metric in enumerate(METRICS):
            one, two = left[k], right[k]
            if one is not None and two is not None and len(one) >= MIN_BLOCKS and len(one) == len(two):
                yield Trial(
                    name=f"independence.{a}~{b}.{metric}",
                    kind="independence",
                    what=f"correlation of {a} and {b} servers' {metric} from day to day",
                    observed=float((one * two).mean()),
                    expected=0.0,
                    standard_error=1.1 / math.sqrt(len(one)),
                    archetype=f"{a}~{b}",
                    metric=metric,
                    hint="do the two archetypes share noise?",
                )


def _standardised(evidence: Evidence, archetype: str, size: int) -> list[Floats | None]:
    """Return, for each metric, the deviation of each block of days in its own standard deviations.

    A block is a run of `size` days.
    """
    days = evidence.statistics.sums[archetype].days.sum(axis=1)
    share = days[:, 0] / evidence.theory.nodes.slot_rows.sum(axis=1)
    starts = np.arange(0, len(days) - size + 1, size)
    found: list[Floats | None] = []
    for k, metric in enumerate(METRICS):
        expected, variance, _ = share * evidence.theory.forecasts[archetype].by_slot(metric).sum(axis=2)
        if not len(starts):
            found.append(None)
            continue
        deviation, spread = (
            np.add.reduceat(x[: starts[-1] + size], starts) for x in (days[:, 1 + k] / 100 - expected, variance)
        )
        found.append(deviation / np.sqrt(spread) if spread.min() > 1e-6 else None)
    return found
