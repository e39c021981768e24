"""Trials of what goes together among servers that are individuals: with themselves later, in pools, and with nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.measure.ranks import RankSums
from dask_synth.model.individuals import individuals_of
from dask_synth.proof.checks.ranks import free_servers
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MIN_ROWS, Trial
from dask_synth.proof.verdict import Kind
from dask_synth.theory.individual import Side
from dask_synth.theory.living import LivingTheory
from dask_synth.theory.scores import LOCATION, SCALE, TOP, Score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FLEET = "fleet"
FIXED = 0.999
"""Expected product beyond which two columns are one and the same, so that nothing is left to chance."""
MOSTLY = 0.5
"""Share of the most clear rows of any server that one must have to count."""
MIN_DAYS = 30
FARTHEST, STRONGEST = 2.0, 3.0
"""Where the normals of servers' own numbers are cut, and the strength of a cycle, at most."""


def sides(evidence: Evidence) -> Iterator[Trial]:
    """Compare how often values lie on the same side of their medians: later, in another metric, on the next server."""
    pooled: dict[Side, list[Units]] = {}
    for _, theory in evidence.living():
        place, chosen = _servers(evidence, theory)
        pools, products = theory.pools[place], evidence.measured.ranked.sides[chosen]
        same = np.append(False, (np.diff(place) == 1) & (pools[1:] == pools[:-1]) & (pools[1:] >= 0))[-len(place) :]
        units = np.where(pools >= 0, pools, -1 - place)
        for i, side in enumerate(theory.sides):
            if side.neighbour:
                pooled.setdefault(side, []).append(Units.of(products[same, :, i], pools[same]))
                others = Units.of(products[~same, :, i], place[~same])
                yield from _product(evidence, side, others, "strangers", theory.name)
            else:
                yield from _product(evidence, side, Units.of(products[:, :, i], units), side.name, theory.name)
    # There are few pools of one archetype: those of all count together.
    for side, parts in pooled.items():
        yield from _product(evidence, side, Units.joined(parts), "pool", None)


class Units(NamedTuple):
    """Products of sides of servers, or pools, that are independent of each other: what they differ by is the error.

    Attributes
    ----------
    expected, off
        What each unit's mean product must be, and by how much it differs, (units,).
    """

    expected: Floats
    off: Floats

    @classmethod
    def of(cls, products: Floats, units: npt.NDArray[np.int64]) -> Self:
        """Add up the products of servers, (servers, 3), unit by unit; those of few clear rows are left out."""
        counts = products[:, 2]
        usable = (counts >= MIN_ROWS) & (counts > MOSTLY * counts.max(initial=0.0))
        found, where = np.unique(units[usable], return_inverse=True)
        total = np.zeros((len(found), 3))
        np.add.at(total, where, products[usable])
        return cls(total[:, 1] / total[:, 2], (total[:, 0] - total[:, 1]) / total[:, 2])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put units of several archetypes together."""
        return cls(*(np.concatenate(of) for of in zip(*parts, strict=True)))


def _product(evidence: Evidence, side: Side, units: Units, which: str, archetype: str | None) -> Iterator[Trial]:
    """Compare the mean product of units."""
    count = len(units.off)
    if not count or abs(expected := float(units.expected.mean())) > FIXED:
        return
    first, second = evidence.metrics[side.first], evidence.metrics[side.second]
    words, hint = _words(which, first, second)
    metric = first if side.first == side.second else f"{first}~{second}"
    kind: Kind = "independence" if which == "strangers" else "correlation"
    yield Trial(
        name=f"{kind}.{archetype or FLEET}.{metric}" + ("" if "~" in which else f".{which}"),
        kind=kind,
        what=f"{archetype or FLEET} {words}: product of the sides of their medians",
        observed=expected + float(units.off.mean()),
        expected=expected,
        # Of one alone there is no spread: it is told as not tested.
        standard_error=float(units.off.std(ddof=min(count - 1, 1)) / np.sqrt(count)),
        freedom=count - 1,
        archetype=archetype,
        metric=metric,
        cell=None if "~" in which else which,
        hint=hint,
    )


def _words(which: str, first: str, second: str) -> tuple[str, str]:
    if which == "pool":
        return f"{first} of two servers of a pool", "do pools share less or more of their noise?"
    if which == "strangers":
        return f"{first} of two servers that share no pool", "do servers share noise that should not?"
    if "~" in which:
        return f"{first} and {second}", "is the correlation of the noise another?"
    return (
        f"{first} and the same {which} later",
        "does the noise last longer or shorter, or is another metric's share in it?",
    )


def servers(evidence: Evidence) -> Iterator[Trial]:
    """Compare how high, and how far out, each server's values lie; the farthest one counts."""
    if evidence.planned.grid.size < MIN_ROWS:
        return
    for _, theory in evidence.living():
        _, chosen = _servers(evidence, theory)
        ranked = evidence.measured.ranked
        whole = ranked.rows[chosen] == evidence.planned.grid.size
        index, sums = ranked.index[chosen][whole], ranked.ranks[chosen][whole] / evidence.planned.grid.size
        if not len(index):
            continue
        mean = (TOP**2 - 1) / 3
        both = (LOCATION, sums[:, : theory.columns] / TOP), (SCALE, (sums[:, theory.columns :] - mean) * 1.5 / TOP**2)
        for score, observed in both:
            yield from _farthest(evidence, theory, score, observed, index)


def _farthest(
    evidence: Evidence, theory: LivingTheory, score: Score, observed: Floats, index: npt.NDArray[np.int64]
) -> Iterator[Trial]:
    answer, words = theory.each(score), "high" if score is LOCATION else "far out"
    for k, metric in enumerate(evidence.metrics):
        expected, error, skewness = answer.at(k)
        far = int(np.argmax(np.abs(observed[:, k])))
        name = evidence.planned.server_id(int(index[far]))
        yield Trial(
            name=f"independence.{theory.name}.{metric}.{'servers' if score is LOCATION else 'servers_spread'}",
            kind="independence",
            what=f"how {words} {metric} of {name} lies, the farthest of the {theory.name} servers, by rank",
            observed=float(observed[far, k]),
            expected=expected,
            standard_error=error,
            skewness=skewness,
            family=len(index),
            archetype=theory.name,
            metric=metric,
            hint="is its level, its noise, its clock or its growth another than servers.parquet says?",
        )


def days(evidence: Evidence) -> Iterator[Trial]:
    """Compare how high values lie in each day's business hours and other hours; the farthest one counts."""
    grid = evidence.theory.spec.grid
    for seen, theory in evidence.living():
        steps = np.zeros((2, theory.steps.count))
        a_day = theory.steps.count // grid.days
        hour = np.arange(a_day)
        busy = (hour >= 9) & (hour <= 17)
        steps[0, :a_day], steps[1, :a_day] = ~busy, busy
        planned = steps.sum(axis=1) * theory.steps.rows * theory.servers
        error = theory.weighted(list(steps)) / np.maximum(planned, 1)
        whole = (seen.rows == planned) & (planned >= MIN_ROWS)
        observed = seen.ranks / TOP / np.maximum(planned, 1)
        for k, metric in enumerate(evidence.metrics if whole.any() else ()):
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.where(whole, np.nan_to_num(np.abs(observed[k]) / error[k]), 0.0)
            day, slot = (int(i) for i in np.unravel_index(int(np.argmax(z)), z.shape))
            when = evidence.planned.timestamp(day * grid.rows_per_day)[:10] + " in business hours" * slot
            yield Trial(
                name=f"mean.{theory.name}.{metric}.day",
                kind="mean",
                what=f"how high {theory.name} {metric} lies on {when}, the farthest day, by rank",
                observed=float(observed[k, day, slot]),
                expected=0.0,
                standard_error=float(error[k, slot]),
                family=int(whole.sum()),
                archetype=theory.name,
                metric=metric,
                cell="day",
                hint="is this day's load another day's, or its clock off?",
            )


def blocks(evidence: Evidence) -> Iterator[Trial]:
    """Look for noise that servers share and should not: it makes days vary too much, or archetypes go together."""
    metrics = range(len(evidence.metrics))
    found = {
        (theory.name, k): days
        for seen, theory in evidence.living()
        for k in metrics
        if (days := _free_days(evidence, seen, theory, k)) is not None
    }
    for (name, k), days in found.items():
        error, skewness = _square_of(days.memory, len(days.sums))
        observed = float(np.mean(days.sums**2))
        yield Trial(
            name=f"independence.{name}.{evidence.metrics[k]}.days",
            kind="independence",
            what=f"variance of {name} {evidence.metrics[k]} from day to day, by rank, over the model's",
            observed=observed,
            # What spikes leave of memory is known from below and from above.
            expected=float(np.clip(observed, days.least, 1.0)),
            standard_error=error,
            skewness=skewness,
            archetype=name,
            metric=evidence.metrics[k],
            hint="do servers share noise that should not, or are some days shifted?",
        )
    for ((a, k), one), ((b, other), two) in combinations(found.items(), 2):
        if k != other or a == b:
            continue
        yield Trial(
            name=f"independence.{a}~{b}.{evidence.metrics[k]}",
            kind="independence",
            what=f"correlation of {a} and {b} servers' {evidence.metrics[k]} from day to day, by rank",
            observed=float(np.mean(one.sums * two.sums)),
            expected=0.0,
            standard_error=_product_error(one.memory, two.memory, len(one.sums)),
            archetype=f"{a}~{b}",
            metric=evidence.metrics[k],
            hint="do the two archetypes share noise?",
        )


class FreeDays(NamedTuple):
    """Sums of ranks of servers that are free of bounds, day by day.

    Attributes
    ----------
    sums
        Over their deviation, (days,).
    memory
        Their correlation by days apart.
    least
        Variance that they have at least.
    """

    sums: Floats
    memory: Floats
    least: float


def _free_days(evidence: Evidence, seen: RankSums, theory: LivingTheory, column: int) -> FreeDays | None:
    free = free_servers(evidence, theory, column)
    rows, ranks = seen.free_days[:, column]
    whole = free.sum() * evidence.planned.grid.rows_per_day
    if len(rows) < MIN_DAYS or not whole or (rows != whole).any():
        return None
    units, blur = theory.units_of(free), seen.blur[column].sum() / rows.sum()
    most, least = (theory.day_covariance(column, units, (1 - blur) * calm) for calm in (1.0, theory.calm))
    return FreeDays(ranks / TOP / np.sqrt(most[0]), most / most[0], float(least[0] / most[0]))


def _square_of(memory: Floats, count: int) -> tuple[float, float]:
    """Return the error and skewness of the mean square of so many normals of this correlation."""
    lags = np.zeros(count)
    lags[: len(memory[:count])] = memory[:count]
    spectrum = np.maximum(np.fft.fft(np.concatenate([lags, lags[:0:-1]])).real, 0.0)
    second, third = (float((spectrum**n).sum()) * count / len(spectrum) for n in (2, 3))
    return float(np.sqrt(2 * second) / count), float(8 * third / (2 * second) ** 1.5)


def _product_error(left: Floats, right: Floats, count: int) -> float:
    lag = np.arange(min(len(left), len(right), count))
    both = left[: len(lag)] * right[: len(lag)] * (1 - lag / count)
    return float(np.sqrt((2 * both.sum() - both[0]) / count))


def individuals(evidence: Evidence) -> Iterator[Trial]:
    """Compare how far the servers' own numbers are spread with what the profile says."""
    for _, theory in evidence.living():
        for name, (values, most) in _spreads(theory).items():
            alike, (count, pairs) = theory.law.alike, theory.units
            mean, variance = _cut_normal(most)
            for moment, observed in (("middle", values - mean), ("spread", (values - mean) ** 2 / variance - 1)):
                share = alike if moment == "middle" else alike**2
                wide = variance if moment == "middle" else 2.0
                lopsided = moment == "spread" or most < FARTHEST
                yield Trial(
                    name=f"independence.{theory.name}.{name}.{moment}",
                    kind="independence",
                    what=f"{moment} of the {theory.name} servers' {name}, in the profile's spread",
                    observed=float(observed.mean()),
                    expected=0.0,
                    standard_error=float(np.sqrt(wide * (count + pairs * share)) / count),
                    skewness=float(np.sqrt(8 * (count + pairs * share)) / count) if lopsided else 0.0,
                    archetype=theory.name,
                    hint="is it drawn with another spread, or not for each server?",
                )


def _cut_normal(most: float) -> tuple[float, float]:
    """Return mean and variance of a normal that is cut at -FARTHEST and at `most`."""
    normal = np.linspace(-8, 8, 16001)
    weight = np.exp(-(normal**2) / 2)
    cut = np.clip(normal, -FARTHEST, most)
    mean = np.average(cut, weights=weight)
    return float(mean), float(np.average((cut - mean) ** 2, weights=weight))


def _spreads(theory: LivingTheory) -> dict[str, tuple[Floats, float]]:
    """Return what was drawn for the servers, as it was before it was spread, and how large it may be."""
    spec, profile = theory.law.spec, theory.law.spec.archetypes[theory.name]
    block = next(block for block in spec.fleet.blocks() if block.archetype == theory.name)
    known = individuals_of(spec, theory.name, block.start, block.stop)
    found = {
        f"level_{name}": (np.log(known.level[name]) / spread, FARTHEST)
        for name, spread in profile.level_spread.items()
        if spread
    }
    if profile.noise_spread:
        found["noise"] = np.log(known.noise) / profile.noise_spread, FARTHEST
    if profile.cycle is not None and profile.strength_spread and 0 < profile.strength < STRONGEST:
        most = np.log(STRONGEST / profile.strength) / profile.strength_spread
        values = np.log(known.strength / profile.strength) / profile.strength_spread
        found["cycle_strength"] = values, min(float(most), FARTHEST)
    if profile.growth and profile.growth_spread:
        found["growth_rate"] = (known.rate / profile.growth - 1) / profile.growth_spread, FARTHEST
    return found


def _servers(evidence: Evidence, theory: LivingTheory) -> tuple[npt.NDArray[np.int64], Flags]:
    """Return the places in its archetype of the servers that were seen, and which of `ranked` they are."""
    block = next(b for b in evidence.theory.spec.fleet.blocks() if b.archetype == theory.name)
    index = evidence.measured.ranked.index
    chosen = (index >= block.start) & (index < block.stop)
    return index[chosen] - block.start, chosen
