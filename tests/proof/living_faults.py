"""Single faults of fleets whose servers are individuals: the generator has other numbers, or its code differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.model import living, noise
from dask_synth.model.archetypes import ArchetypeProfile
from dask_synth.model.cycles import Loads
from dask_synth.model.fleet import Place
from dask_synth.model.individuals import Individuals
from dask_synth.model.life import Memory
from dask_synth.model.noise import POOL, Normals, Recall
from dask_synth.model.spec import FleetSpec
from tests.proof.faults import Make, patched, profile, times

Floats = npt.NDArray[np.float64]

YEAR = {
    "fleet.servers": 200,
    "time.start_date": "2024-01-01",
    "time.end_date": "2024-12-31",
    "output.rows_per_partition": 100_000_000,
}
CYCLES = {"web": "office", "application": "evening", "database": "night", "batch": "night"}
RHYTHM = {"strength": 0.8, "strength_spread": 0.5, "shift_spread": 2.0, "yearly": 0.2, "peak": 30, "growth_spread": 2.0}
FLEETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "realistic": ("realistic_hourly", YEAR),
    "large": ("realistic_hourly", YEAR | {"fleet.servers": 800, "time.end_date": "2024-01-07"}),
    "enterprise": ("enterprise_hourly", YEAR),
    "rhythmic": (
        "enterprise_hourly",
        YEAR
        | {f"archetypes.{name}.cycle": cycle for name, cycle in CYCLES.items()}
        | {f"archetypes.{name}.{key}": value for name in CYCLES for key, value in RHYTHM.items()},
    ),
}
"""Name -> preset, and what is changed of it.

`large` has 800 servers and a week, for what happens once needs many; `rhythmic` the levels of `enterprise`, with
cycles that are strong and growth that differs more.
"""


class LivingFault(NamedTuple):
    """What is wrong, in which fleet and archetypes of it, how it is done, and a check that must fail for it."""

    what: str
    fleet: str
    archetypes: tuple[str, ...]
    make: Make
    caught_by: str


def people(change: Callable[[Individuals], Individuals]) -> Make:
    """The generator takes its servers for others."""

    def wrap(drawn: Callable[..., Individuals]) -> Callable[..., Individuals]:
        return lambda *which: change(drawn(*which))

    return patched((living, "individuals_of", wrap))


def exchanged(field: str) -> Make:
    """Two servers of an archetype have each other's numbers."""

    def swap(values: Floats) -> Floats:
        # Those that differ most: who is who matters only as far as they differ.
        low, high = int(np.argmin(values)), int(np.argmax(values))
        swapped = values.copy()
        swapped[[low, high]] = values[[high, low]]
        return swapped

    def change(known: Individuals) -> Individuals:
        other: dict[str, Any] = (
            {"level": {**known.level, "mem": swap(known.level["mem"])}}
            if field == "level"
            else {field: swap(getattr(known, field))}
        )
        return replace(known, **other)

    return people(change)


def places(**moved: Place) -> Make:
    """The load is that of regions which are elsewhere; the columns are right."""

    def wrap(of: Callable[..., Loads]) -> Callable[..., Loads]:
        def loads(spec: FleetSpec, archetype: str) -> Loads:
            names = [name.replace("-", "_") for name, _ in spec.fleet.regions]
            others = (moved.get(name, place) for name, place in zip(names, spec.fleet.places, strict=True))
            return replace(of(spec, archetype), places=tuple(others))

        return loads

    return patched((Loads, "of", wrap))


def _longer(memory: Memory) -> Memory:
    return replace(memory, hours=(2 * memory.hours[0], 2 * memory.hours[1]))


def _swapped(memory: Memory) -> Memory:
    return replace(memory, shares={**memory.shares, "mem": memory.shares["net"], "net": memory.shares["mem"]})


def _nothing_shared(mix: Callable[..., None]) -> Callable[..., None]:
    return lambda self, normals, shared: mix(self, normals, None)


def _one_pool(normals: type[Normals]) -> Callable[..., Normals]:
    return lambda seed, index, further, purposes: normals(seed, 0 if purposes is POOL else index, further, purposes)


def _less_alike(of: Callable[..., Recall]) -> Callable[..., Recall]:
    def recall(*spec: Any) -> Recall:
        found = of(*spec)
        alike = found.alike[0] ** 2 - 0.06
        return replace(found, alike=(float(np.sqrt(alike)), float(np.sqrt(1 - alike))))

    return recall


def _less_correlated(factor: Callable[..., Floats]) -> Callable[..., Floats]:
    def changed(one: ArchetypeProfile, *which: Any) -> Floats:
        return factor(replace(one, correlation=replace(one.correlation, cpu_net=one.correlation.cpu_net - 0.1)), *which)

    return changed


def _from_nothing(states: Callable[..., list[Floats]]) -> Callable[..., list[Floats]]:
    return lambda *which: [np.zeros_like(state) for state in states(*which)]


def _same_growth(known: Individuals) -> Individuals:
    return replace(known, rate=np.full_like(known.rate, np.median(known.rate)))


def _same_strength(known: Individuals) -> Individuals:
    return replace(known, strength=np.full_like(known.strength, np.median(known.strength)))


def _no_strength(known: Individuals) -> Individuals:
    return replace(known, strength=np.ones_like(known.strength))


def _other_way(known: Individuals) -> Individuals:
    return replace(known, shift=-known.shift)


def _off(_: Any) -> float:
    return 0.0


ALL = ("web", "application", "database", "batch")
LIVING_FAULTS = (
    LivingFault(
        "memory left out",
        "realistic",
        ("web",),
        profile(memory=lambda _: None),
        r"correlation\.web\.\w+\.1h",
    ),
    LivingFault(
        "memory twice as long",
        "realistic",
        ("web",),
        profile(memory=_longer),
        r"correlation\.web\.\w+\.24h",
    ),
    LivingFault(
        "memory's shares of two metrics swapped",
        "realistic",
        ("application",),
        profile(memory=_swapped),
        r"correlation\.application\.(mem|net_in)_p95\.\d+h",
    ),
    LivingFault(
        "noise begins at nothing",
        "large",
        ALL,
        patched((Recall, "states", _from_nothing)),
        r"sd\.fleet\.\w+\.first_row",
    ),
    LivingFault(
        "a pool's noise not shared",
        "realistic",
        ALL,
        patched((Recall, "mix", _nothing_shared)),
        r"correlation\.fleet\.\w+\.pool",
    ),
    LivingFault(
        "pools alike by 0.90, not 0.96",
        "realistic",
        ALL,
        patched((Recall, "of", _less_alike)),
        r"correlation\.fleet\.\w+\.pool",
    ),
    LivingFault(
        "one noise for all pools",
        "realistic",
        ALL,
        patched((living, "Normals", _one_pool)),
        r"independence\.\w+~\w+\.\w+",
    ),
    LivingFault(
        "one correlation 0.1 down",
        "realistic",
        ("web",),
        patched((noise, "innovation_factor", _less_correlated)),
        r"correlation\.web\.cpu_p95~net_in_p95",
    ),
    LivingFault(
        "sent traffic all of the received",
        "realistic",
        ("web",),
        profile(in_out=lambda _: 1.0),
        r"correlation\.web\.net_in_p95~net_out_p95",
    ),
    LivingFault(
        "skew left out",
        "realistic",
        ("web",),
        profile(skew=lambda _: {}),
        r"shape\.web\.",
    ),
    LivingFault(
        "skew 10 % less",
        "realistic",
        ("application",),
        profile(skew=lambda s: {k: 0.9 * v for k, v in s.items()}),
        r"shape\.application\.",
    ),
    LivingFault(
        "deviation constant, not in proportion",
        "rhythmic",
        ("web",),
        profile(noise=lambda _: "constant"),
        r"sd\.web\.\w+\.weekend",
    ),
    LivingFault(
        "deviation of memory 5 % up", "enterprise", ("web",), profile(sd__mem=times(1.05)), r"sd\.web\.mem_p95"
    ),
    LivingFault(
        "base of memory 2 % up",
        "enterprise",
        ("application",),
        profile(base__mem=times(1.02)),
        r"mean\.application\.mem_p95\.all",
    ),
    LivingFault("spikes left out", "enterprise", ("batch",), profile(spike_probability=_off), r"shape\.batch\."),
    LivingFault(
        "two servers have each other's level",
        "realistic",
        ("web",),
        exchanged("level"),
        r"independence\.web\.mem_p95\.servers$",
    ),
    LivingFault(
        "two servers have each other's noise",
        "realistic",
        ("web",),
        exchanged("noise"),
        r"independence\.web\.\w+\.servers_spread$",
    ),
    LivingFault(
        "growth left out",
        "enterprise",
        ("web",),
        profile(growth=_off),
        r"growth\.web",
    ),
    LivingFault(
        "growth is everyone's",
        "rhythmic",
        ("web",),
        people(_same_growth),
        r"independence\.web\.\w+\.servers",
    ),
    LivingFault(
        "all cycles as strong as the median",
        "realistic",
        ("database",),
        people(_same_strength),
        r"effect\.database\.\w+\.cycle",
    ),
    LivingFault(
        "strength left out",
        "realistic",
        ("database",),
        people(_no_strength),
        r"effect\.database\.\w+\.cycle",
    ),
    LivingFault(
        "weeks begin later, not earlier",
        "rhythmic",
        ("web",),
        people(_other_way),
        r"independence\.web\.(cpu|net_in|net_out)_p95\.servers_spread",
    ),
    LivingFault(
        "EU an hour ahead",
        "realistic",
        ("batch",),
        places(EU=Place("Europe/Athens", "DE")),
        r"effect\.batch\.\w+\.clock_2",
    ),
    LivingFault(
        "daylight saving forgotten",
        "realistic",
        ("application",),
        places(US_East=Place(-5, "US")),
        r"effect\.application\.\w+\.clock_0_1",
    ),
    LivingFault(
        "holidays of another country",
        "enterprise",
        ALL,
        places(EU=Place("Europe/Berlin", "US")),
        r"effect\.fleet\.\w+\.holidays_2",
    ),
    LivingFault(
        "no swing over the year",
        "rhythmic",
        ("application",),
        profile(yearly=_off),
        r"mean\.application\.\w+\.(day|holiday_2)",
    ),
    LivingFault(
        "the year's peak a month late",
        "rhythmic",
        ("application",),
        profile(peak=lambda p: p + 30),
        r"mean\.application\.\w+\.(day|quarter_end_\d)",
    ),
)
