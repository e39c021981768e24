"""Single faults: of the generator (a patched model makes one archetype's rows) and of a dataset (rows are edited)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from dask_synth.model import calendar, metrics
from dask_synth.model.archetypes import ArchetypeProfile, Correlation
from dask_synth.model.calendar import Calendar, Seasonality
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.holidays import Holiday
from dask_synth.model.seeds import Purpose
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import Chunk

Floats = npt.NDArray[np.float64]
Make = Callable[[FleetSpec, Chunk, pytest.MonkeyPatch], pd.DataFrame]
"""Makes the rows of a chunk, with the fault in them."""

Edit = Callable[[pd.DataFrame], pd.DataFrame | None]
"""Changes rows where they are, or returns others."""

Change = Callable[[Any], Any]
"""Another value for an old one, of whatever type it is."""

LoadFactor = Callable[[ArchetypeProfile, Calendar, Seasonality], Floats]
Generator = Callable[[int, Purpose, int], np.random.Generator]


class Fault(NamedTuple):
    """What is wrong, how it is done, and a check that must fail for it."""

    what: str
    archetype: str
    make: Make
    caught_by: str


def profile(**changes: Change) -> Make:
    """The generator has other numbers in a profile."""

    def make(spec: FleetSpec, chunk: Chunk, patch: pytest.MonkeyPatch) -> pd.DataFrame:
        old = spec.archetypes[chunk.archetype]
        for path, change in changes.items():
            part, _, field = path.partition("__")
            value = (
                replace(getattr(old, part), **{field: change(getattr(getattr(old, part), field))}) if field else None
            )
            other: dict[str, Any] = {part: value if field else change(getattr(old, part))}
            old = replace(old, **other)
        return chunk_frame(chunk, replace(spec, archetypes={**spec.archetypes, chunk.archetype: old}))

    return make


def specification(**changes: Callable[[FleetSpec], Any]) -> Make:
    """The generator runs with another specification."""
    return lambda spec, chunk, patch: chunk_frame(chunk, replace(spec, **{k: f(spec) for k, f in changes.items()}))


def metric(name: str, **changes: Any) -> Make:
    """The generator has another row in the table of metrics."""
    changed = tuple(replace(m, **changes) if m.name == name else m for m in BUILT_IN.metrics)
    return specification(metrics=lambda _: replace(BUILT_IN, metrics=changed))


def column(name: str, **changes: Any) -> Make:
    """The generator has another column in the table of metrics."""
    changed = tuple(replace(c, **changes) if c.name == name else c for c in BUILT_IN.columns)
    return specification(metrics=lambda _: replace(BUILT_IN, columns=changed))


def patched(*places: tuple[object, str, Change]) -> Make:
    """The generator's code differs: (module, name, function of the old value)."""

    def make(spec: FleetSpec, chunk: Chunk, patch: pytest.MonkeyPatch) -> pd.DataFrame:
        for owner, name, change in places:
            patch.setattr(owner, name, change(getattr(owner, name)))
        calendar.calendar_of.cache_clear()
        return chunk_frame(chunk, spec)

    return make


def other_calendar(change: Callable[[Calendar], Calendar]) -> Make:
    """The load sees another calendar than the columns."""

    def wrap(load_factor: LoadFactor) -> LoadFactor:
        return lambda profile, cal, seasonality: load_factor(profile, change(cal), seasonality)

    return patched((metrics, "load_factor", wrap))


def edited(edit: Edit) -> Make:
    """The rows were right, and were changed afterwards."""

    def make(spec: FleetSpec, chunk: Chunk, patch: pytest.MonkeyPatch) -> pd.DataFrame:
        frame = chunk_frame(chunk, spec)
        changed = edit(frame)
        return frame if changed is None else changed

    return make


def put(column: str, row: int | slice, value: float) -> Make:
    def edit(frame: pd.DataFrame) -> None:
        values = frame[column].to_numpy().copy()
        values[row] = value
        frame[column] = values

    return edited(edit)


class Making(Protocol):
    """Whatever says how rows with a fault are made."""

    @property
    def make(self) -> Make: ...


@contextmanager
def faulty(fault: Making, spec: FleetSpec, chunk: Chunk) -> Iterator[pd.DataFrame]:
    with pytest.MonkeyPatch.context() as patch:
        yield fault.make(spec, chunk, patch)
    calendar.calendar_of.cache_clear()


def _swap(frame: pd.DataFrame) -> pd.DataFrame:
    order = np.arange(len(frame))
    order[[1000, 1001]] = 1001, 1000
    return frame.iloc[order]


def _copy(frame: pd.DataFrame) -> None:
    size = int((frame["server_id"] == frame["server_id"].iloc[0]).sum())
    for name in ("cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"):
        values = frame[name].to_numpy().copy()
        values[size : 2 * size] = values[:size]
        frame[name] = values


def _region(frame: pd.DataFrame) -> None:
    first = frame["region"].iloc[0]
    other = next(value for value in frame["region"].cat.categories if value != first)
    half = int((frame["server_id"] == frame["server_id"].iloc[0]).sum()) // 2
    region = frame["region"].astype(object).to_numpy().copy()
    region[half : 2 * half] = other
    frame["region"] = pd.Categorical(region, frame["region"].cat.categories)


def _shift_day(frame: pd.DataFrame) -> None:
    day = frame["timestamp"].dt.normalize() == "2022-06-15"
    frame.loc[day, "timestamp"] += pd.Timedelta(hours=1)


def _roll_day(frame: pd.DataFrame) -> None:
    rows = np.flatnonzero(frame["timestamp"].dt.normalize() == "2022-06-15").reshape(-1, 24)
    for name in ("cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"):
        values = frame[name].to_numpy().copy()
        values[rows] = np.roll(values[rows], 3, axis=1)
        frame[name] = values


def _other_kind(frame: pd.DataFrame) -> None:
    size = int((frame["server_id"] == frame["server_id"].iloc[0]).sum())
    values = frame["disk_p95"].to_numpy().copy()
    values[:size] = np.round(np.minimum(values[:size] + 1, 100), 2)
    frame["disk_p95"] = values


def _late(cal: Calendar) -> Calendar:
    return replace(cal, quarter_end_lift=np.roll(cal.quarter_end_lift, 24))


def _hour_late(cal: Calendar) -> Calendar:
    return replace(cal, hour=np.roll(cal.hour, 1))


def _weekend(days: Sequence[int]) -> Callable[[Calendar], Calendar]:
    return lambda cal: replace(
        cal, columns={**cal.columns, "is_weekend": np.isin(cal.columns["dayofweek"], days).astype(np.int8)}
    )


def _hours(cal: Calendar) -> Calendar:
    return replace(cal, hour=np.where(cal.hour == 17, 18, cal.hour))


def _shared_noise(generator: Generator) -> Generator:
    return lambda seed, purpose, server: generator(seed, purpose, server - 45)


def _uniform_noise(generator: Generator) -> Callable[..., object]:
    class Uniform:
        def __init__(self, rng: np.random.Generator) -> None:
            self.rng = rng

        def standard_normal(self, shape: tuple[int, int]) -> Floats:
            return self.rng.uniform(-(3**0.5), 3**0.5, shape)

        def random(self, size: int) -> Floats:
            return self.rng.random(size)

    return lambda *identity: Uniform(generator(*identity))


def _no_correlation(_: Correlation) -> Correlation:
    return Correlation(0, 0, 0, 0, 0, 0)


def _swapped_correlation(c: Correlation) -> Correlation:
    return replace(c, cpu_mem=c.cpu_net, cpu_net=c.cpu_mem)


def _without(date: str) -> Callable[[FleetSpec], Seasonality]:
    def seasonality(spec: FleetSpec) -> Seasonality:
        kept = tuple(h for h in spec.seasonality.holidays if h.date != date)
        return replace(spec.seasonality, holidays=kept)

    return seasonality


def _shorter_window(spec: FleetSpec) -> Seasonality:
    return replace(spec.seasonality, holidays=(spec.seasonality.holidays[0], Holiday(0.6, first="12-26", last="12-31")))


def times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


FAULTS = (
    Fault(
        "business-hours factor 1 % up",
        "web",
        profile(business_hours=times(1.01)),
        r"mean\.web\.mem_p95\.business_hours",
    ),
    Fault("weekend factor 1 % up", "database", profile(weekend=times(1.01)), r"mean\.database\.mem_p95\.weekend"),
    Fault(
        "weekend factor 0.7 -> 0.65", "database", profile(weekend=lambda _: 0.65), r"effect\.database\.mem_p95\.weekend"
    ),
    Fault("base of memory 1 % up", "application", profile(base__mem=times(1.01)), r"mean\.application\.mem_p95\.all"),
    Fault("deviation of memory 1 % up", "web", profile(sd__mem=times(1.01)), r"sd\.web\.mem_p95\.noise"),
    Fault("spike probability halved", "web", profile(spike_probability=times(0.5)), r"spike\.web\.cpu_p95"),
    Fault("spike magnitude 10 % down", "web", profile(spike_magnitude=times(0.9)), r"spike\.web\.(cpu|mem)_p95"),
    Fault("growth per year, not per month", "database", profile(growth=times(1 / 12)), r"growth\.database\.mem_p95"),
    Fault(
        "two correlations swapped",
        "web",
        profile(correlation=_swapped_correlation),
        r"correlation\.web\.cpu_p95~mem_p95",
    ),
    Fault(
        "identity instead of Cholesky",
        "application",
        profile(correlation=_no_correlation),
        r"correlation\.application\.",
    ),
    Fault(
        "one correlation 1 % up",
        "web",
        profile(correlation__cpu_net=times(1.01)),
        r"correlation\.web\.cpu_p95~net_in_p95",
    ),
    Fault("memory is not spiked", "web", metric("mem", spike=0.0), r"spike\.web\.mem_p95"),
    Fault(
        "net spikes in full",
        "batch",
        metric("net", spike=1.0),
        r"(spike|sd)\.batch\.net_in_p95",
    ),
    Fault(
        "clipping at 99",
        "batch",
        column("cpu_p95", high=99.0),
        r"shape\.batch\.cpu_p95",
    ),
    Fault(
        "net_out is 0.59 of net",
        "web",
        column("net_out_p95", scale=0.59),
        r"mean\.web\.net_out_p95\.all",
    ),
    Fault("uniform noise", "application", patched((metrics, "generator", _uniform_noise)), r"shape\.application\."),
    Fault(
        "noise shared by two archetypes",
        "database",
        patched((metrics, "generator", _shared_noise)),
        r"independence\.web~database",
    ),
    Fault("hours 9..16", "web", other_calendar(_hours), r"mean\.web\.mem_p95\.hour_17"),
    Fault(
        "the clock an hour late", "application", other_calendar(_hour_late), r"mean\.application\.mem_p95\.hour_(09|18)"
    ),
    Fault("quarter-end a day late", "web", other_calendar(_late), r"mean\.web\.mem_p95\.quarter_end_0"),
    Fault("Sunday left out", "application", other_calendar(_weekend([5])), r"mean\.application\.mem_p95\.sunday"),
    Fault("Friday taken for weekend", "batch", other_calendar(_weekend([4, 5, 6])), r"mean\.batch\.mem_p95\.friday"),
    Fault(
        "January 1 no holiday",
        "web",
        specification(seasonality=_without("01-01")),
        r"(mean|effect)\.web\.mem_p95\.holiday_0",
    ),
    Fault(
        "December 25 no holiday",
        "web",
        specification(seasonality=_shorter_window),
        r"mean\.web\.mem_p95\.(holiday_1|day)",
    ),
    Fault(
        "no quarter-end",
        "database",
        specification(seasonality=lambda s: replace(s.seasonality, quarter_end=False)),
        r"effect\.database\.mem_p95\.quarter_end",
    ),
    Fault("a partition of another seed", "web", specification(seed=lambda _: 43), r"structure\.metadata\.region"),
    Fault("one day's load three hours late", "web", edited(_roll_day), r"mean\.web\.mem_p95\.day"),
    Fault("one day's timestamps an hour late", "web", edited(_shift_day), r"structure\.keys"),
    Fault("one server's disk 1 % up", "database", edited(_other_kind), r"independence\.database\.disk_p95\.servers"),
    Fault("one server copied from another", "batch", edited(_copy), r"independence\.batch\.twins"),
    Fault("two rows swapped", "web", edited(_swap), r"structure\.order"),
    Fault("one row lost", "web", edited(lambda f: f.drop(index=5000)), r"structure\.keys"),
    Fault("one row twice", "web", edited(lambda f: f.iloc[np.sort([*range(len(f)), 5000])]), r"structure\.keys"),
    Fault("one null", "database", put("mem_p95", 77, np.nan), r"structure\.null\.mem_p95"),
    Fault("one value of 100.01", "web", put("cpu_p95", 77, 100.01), r"structure\.range\.cpu_p95"),
    Fault("one value of three decimals", "batch", put("disk_p95", 77, 12.345), r"structure\.decimals\.disk_p95"),
    Fault(
        "one flag of a holiday missing", "web", put("is_holiday", slice(0, 24), 0), r"structure\.calendar\.is_holiday"
    ),
    Fault("one month wrong", "web", put("month", 77, 2), r"structure\.calendar\.month"),
    Fault("region changed half-way", "application", edited(_region), r"structure\.metadata\.region"),
    Fault(
        "one app_name wrong",
        "web",
        edited(lambda f: f.assign(app_name=f["app_name"].where(f.index != 5, "x"))),
        r"structure\.metadata\.app_name",
    ),
    Fault("32-bit metrics", "batch", edited(lambda f: f.astype({"cpu_p95": "float32"})), r"structure\.types"),
    Fault(
        "one server missing",
        "batch",
        edited(lambda f: f[f["server_id"] != f["server_id"].iloc[0]]),
        r"structure\.servers",
    ),
)
