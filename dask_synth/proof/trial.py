"""A trial: one statistic against its expectation, before the level of the whole decides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scipy.special import gammaincc, ndtri, stdtr

from dask_synth.proof.verdict import Check, Kind

MIN_ROWS = 100
MAX_SKEWNESS = 1.0
"""Of a statistic: beyond it no approximation of its tails is good enough, and it is not tested."""
MIN_FREEDOM = 4
"""Of an error that is seen and not known: with fewer, nothing that can come about would count."""

EXACT = 1e-9


@dataclass(frozen=True)
class Trial:
    """One statistic.

    Attributes
    ----------
    name, kind, what, archetype, metric, cell
        As in :class:`dask_synth.proof.verdict.Check`.
    observed, expected, standard_error
        Of the statistic.
    skewness
        Of the statistic.
    family
        Number of statistics of which this one is the most extreme.
    freedom
        Degrees of freedom of the standard error, where it is the spread of so many independent parts and one more.
    hint
        On failure: what would explain the value.
    """

    name: str
    kind: Kind
    what: str
    observed: float
    expected: float
    standard_error: float
    archetype: str | None = None
    metric: str | None = None
    cell: str | None = None
    skewness: float = 0.0
    family: int = 1
    freedom: float = math.inf
    hint: str = ""

    @property
    def z(self) -> float:
        """The deviation as a normal's that is as improbable: the statistic's skewness is taken out."""
        z = (self.observed - self.expected) / self.standard_error
        if self.freedom < math.inf:
            tail = float(stdtr(self.freedom, -abs(z)))
            return math.copysign(-float(ndtri(tail)) if tail > 1e-300 else 37.0, z)
        return math.copysign(normal_equivalent(abs(z), math.copysign(1, z) * self.skewness, self.family), z)

    @property
    def usable(self) -> bool:
        """Whether its tails are known well enough."""
        return self.standard_error > EXACT and abs(self.skewness) <= MAX_SKEWNESS and self.freedom >= MIN_FREEDOM

    def check(self, critical_z: float) -> Check:
        """Return the verdict on it."""
        z = self.z
        passed = abs(z) <= critical_z
        digits = max(2, min(6, 1 - math.floor(math.log10(self.standard_error))))
        value, should, error = (f"{x:.{digits}f}" for x in (self.observed, self.expected, self.standard_error))
        hint = f": {self.hint}" if self.hint and not passed else ""
        return Check(
            name=self.name,
            kind=self.kind,
            what=self.what,
            archetype=self.archetype,
            metric=self.metric,
            cell=self.cell,
            observed=self.observed,
            expected=self.expected,
            standard_error=self.standard_error,
            z=z,
            passed=passed,
            message=f"{self.what}: {value}, expected {should} ± {error} (z = {z:.1f}){hint}",
        )


def normal_equivalent(z: float, skewness: float, family: int = 1) -> float:
    """Return the normal deviate that is as improbable as `z` >= 0 of a standardised sum with this skewness.

    The tail on the skewed side is a Pearson type III's, whose first three moments agree; the other tail is lighter
    than a normal's, which stands in for it. Of a family of `family` statistics this is the most extreme.
    """
    if skewness > 1e-6:
        shape = 4 / skewness**2
        tail = float(gammaincc(shape, shape + z * math.sqrt(shape)))
    elif family == 1:
        return z
    else:
        tail = 0.5 * math.erfc(z / math.sqrt(2))
    tail = min(tail * family, 0.5)
    return -float(ndtri(tail)) if tail > 1e-300 else max(z, 37.0)


def critical_z(level: float, tests: int) -> float:
    """Return the |z| beyond which one of so many tests fails, so that all together fail by chance with `level`.

    Bonferroni's bound, which holds however the tests depend on each other.
    """
    return -float(ndtri(level / (2 * max(tests, 1))))


def decided(trials: Iterable[Trial], level: float) -> tuple[list[Check], float, list[Trial]]:
    """Decide all trials at once; return the checks, the critical z, and the trials that could not be decided."""
    trials = list(trials)
    usable = [trial for trial in trials if trial.usable]
    limit = critical_z(level, len(usable))
    return [trial.check(limit) for trial in usable], limit, [trial for trial in trials if not trial.usable]


def deviation_trial(
    observed: float, answer: tuple[float, float, float], *, name: str, what: str, about: tuple[str, str, str]
) -> Iterator[Trial]:
    """Yield the trial of a mean square, told as a standard deviation; none where that must be 0.

    Half a mean square over the deviation is the deviation, to first order: so the error is exact.
    """
    expected, error, skewness = answer
    if expected <= 0:
        return
    deviation = math.sqrt(expected)
    archetype, metric, cell = about
    yield Trial(
        name=name,
        kind="sd",
        what=what,
        observed=deviation + (observed - expected) / (2 * deviation),
        expected=deviation,
        standard_error=error / (2 * deviation),
        skewness=skewness,
        archetype=archetype,
        metric=metric,
        cell=cell,
        hint="is the noise's deviation, the clipping or a spike's factor another?",
    )
