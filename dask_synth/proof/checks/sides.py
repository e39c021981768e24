"""Trials of sides of the median: what goes together later, with other metrics, in pools, and with nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dask_synth.proof.evidence import Evidence
from dask_synth.proof.trial import MIN_ROWS, Trial
from dask_synth.proof.verdict import Kind
from dask_synth.theory.individual import Side
from dask_synth.theory.living import LivingTheory

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FLEET = "fleet"
FIXED = 0.999
"""Expected product beyond which two columns are one and the same, so that nothing is left to chance."""
MOSTLY = 0.5
"""Share of the most clear rows of any server that one must have to count."""


def sides(evidence: Evidence) -> Iterator[Trial]:
    """Compare how often values lie on the same side of their medians: later, in another metric, on the next server."""
    pooled: dict[Side, list[Units]] = {}
    for _, theory in evidence.living():
        place, chosen = servers_seen(evidence, theory)
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


def servers_seen(evidence: Evidence, theory: LivingTheory) -> tuple[npt.NDArray[np.int64], Flags]:
    """Return the places in its archetype of the servers that were seen, and which of `ranked` they are."""
    place = evidence.measured.ranked.index - theory.first_server
    chosen = (place >= 0) & (place < theory.servers)
    return place[chosen], chosen
