"""Rows that obey the model and are not its own: statistics pass them, drawing anew does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_synth.measure.planned import Planned
from dask_synth.measure.redraw import Recompute, Redrawn, Unlike, picked
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import added
from dask_synth.model.archetypes import PROFILES
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import judge
from dask_synth.proof.verdict import Check

VALUES = ["cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"]
HOURS = 24 * 90
Edit = Callable[[Any, list[pd.DataFrame]], None]


@pytest.fixture(scope="module")
def made(bench: Any) -> Any:
    return bench(fleet__servers=12, time__granularity="hourly", time__end_date="2022-03-31")


def checked(made: Any, frames: list[pd.DataFrame], share: float = 1.0, most_work: float = math.inf) -> Check:
    planned = Planned.of(made.plan.spec, Recompute(share, most_work))
    statistics = added(measure_rows(frame, planned) for frame in frames)
    verdict = judge(Evidence(statistics, planned, made.theory), "run", 0.0)
    (check,) = [check for check in verdict.checks if check.kind == "recompute"]
    return check


def rows_of(frame: pd.DataFrame, server: int) -> slice:
    return slice(server * HOURS, (server + 1) * HOURS)


def put(frame: pd.DataFrame, rows: Any, values: Any, columns: list[str] = VALUES) -> None:
    for k, name in enumerate(columns):
        column = frame[name].to_numpy().copy()
        column[rows] = values[k] if isinstance(values, list) else values[name].to_numpy()
        frame[name] = column


def taken(frame: pd.DataFrame, rows: Any) -> list[np.ndarray]:
    return [frame[name].to_numpy()[rows].copy() for name in VALUES]


def other_spec(**changes: Any) -> Edit:
    """The first archetype's second server, as another specification draws it."""

    def edit(made: Any, frames: list[pd.DataFrame]) -> None:
        spec = replace(made.plan.spec, **{key: change(made.plan.spec) for key, change in changes.items()})
        other = chunk_frame(made.plan.chunks[0], spec)
        put(frames[0], rows_of(other, 1), other.iloc[rows_of(other, 1)])

    return edit


def other_profile(**changes: Any) -> Edit:
    return other_spec(archetypes=lambda spec: {**spec.archetypes, "web": replace(PROFILES["web"], **changes)})


def late(hours: int) -> Edit:
    def edit(made: Any, frames: list[pd.DataFrame]) -> None:
        rows = rows_of(frames[0], 1)
        put(frames[0], rows, [np.roll(values, hours) for values in taken(frames[0], rows)])

    return edit


def autocorrelated(made: Any, frames: list[pd.DataFrame]) -> None:
    rows = rows_of(frames[0], 1)
    values = taken(frames[0], rows)
    for of_metric in values:
        of_metric[1:] = np.clip(np.round(of_metric[1:] + 0.1 * (of_metric[:-1] - of_metric[:-1].mean()), 2), 0, 100)
    put(frames[0], rows, values)


def stuck(column: str, first: int, count: int) -> Edit:
    def edit(made: Any, frames: list[pd.DataFrame]) -> None:
        values = frames[0][column].to_numpy().copy()
        start = HOURS + first
        values[start : start + count] = values[start]
        frames[0][column] = values

    return edit


def repeated(made: Any, frames: list[pd.DataFrame]) -> None:
    week = slice(HOURS + 7 * 24, HOURS + 14 * 24)
    put(frames[0], slice(HOURS + 14 * 24, HOURS + 21 * 24), taken(frames[0], week))


def exchanged(made: Any, frames: list[pd.DataFrame]) -> None:
    one, two = taken(frames[0], rows_of(frames[0], 1)), taken(frames[0], rows_of(frames[0], 2))
    put(frames[0], rows_of(frames[0], 1), two)
    put(frames[0], rows_of(frames[0], 2), one)


def one_value(column: str, row: int, step: float) -> Edit:
    def edit(made: Any, frames: list[pd.DataFrame]) -> None:
        values = frames[0][column].to_numpy().copy()
        values[HOURS + row] = np.round(values[HOURS + row] + step, 2)
        frames[0][column] = values

    return edit


def two_rows(made: Any, frames: list[pd.DataFrame]) -> None:
    first, second = HOURS + 100, HOURS + 268
    one, two = taken(frames[0], [first]), taken(frames[0], [second])
    put(frames[0], [first], two)
    put(frames[0], [second], one)


def backwards(made: Any, frames: list[pd.DataFrame]) -> None:
    day = slice(HOURS + 24, HOURS + 48)
    put(frames[0], day, [values[::-1] for values in taken(frames[0], day)])


def smoothed(made: Any, frames: list[pd.DataFrame]) -> None:
    rows = rows_of(frames[0], 1)
    values = taken(frames[0], rows)
    values[2] = np.round((values[2] + np.roll(values[2], 1)) / 2, 2)
    put(frames[0], rows, values)


def spikes_of_another(made: Any, frames: list[pd.DataFrame]) -> None:
    rows = rows_of(frames[0], 1)
    values = taken(frames[0], rows)
    high = np.argsort(values[0])[-20:]
    for of_metric in values:
        of_metric[high] = np.roll(of_metric[high], 1)
    put(frames[0], rows, values)


def one_metric_of_another(made: Any, frames: list[pd.DataFrame]) -> None:
    values = frames[0]["disk_p95"].to_numpy().copy()
    values[rows_of(frames[0], 1)] = values[rows_of(frames[0], 2)]
    frames[0]["disk_p95"] = values


FAULTS: dict[str, Edit] = {
    "another server's noise, an hour late": late(1),
    "a day late": late(24),
    "AR(1) of 0.1": autocorrelated,
    "a sensor stuck for 5 hours": stuck("mem_p95", 500, 5),
    "a sensor stuck for 2 hours": stuck("disk_p95", 30, 2),
    "a week repeated": repeated,
    "two servers exchanged": exchanged,
    "seed + 1": other_spec(seed=lambda spec: spec.seed + 1),
    "no growth in one server": other_spec(growth=lambda spec: False),
    "no spikes in one server": other_spec(spikes=lambda spec: False),
    "a growth of 0.6 %": other_profile(growth=0.6),
    "a spike magnitude of 1.79": other_profile(spike_magnitude=1.79),
    "a spike probability of 0.031": other_profile(spike_probability=0.031),
    "a correlation of 0.81": other_profile(correlation=replace(PROFILES["web"].correlation, cpu_net=0.81)),
    "a deviation of 8.01": other_profile(sd=replace(PROFILES["web"].sd, mem=8.01)),
    "one value up by a hundredth": one_value("cpu_p95", 77, 0.01),
    "the first value down by a hundredth": one_value("net_in_p95", 0, -0.01),
    "two hours exchanged": two_rows,
    "a day backwards": backwards,
    "a smoothed metric": smoothed,
    "spikes in other hours": spikes_of_another,
    "one metric of another server": one_metric_of_another,
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_statistics_cannot_see_is_found_by_server_and_first_row(made: Any, what: str) -> None:
    frames = made.frames()
    clean = [frame.copy() for frame in frames]
    FAULTS[what](made, frames)
    wrong = (frames[0][VALUES] != clean[0][VALUES]).any(axis=1).to_numpy()
    first = int(np.argmax(wrong))
    check = checked(made, frames)
    assert not check.passed
    assert check.observed == f"{wrong.sum():,}"
    assert f"{frames[0]['server_id'].iloc[first]} from {frames[0]['timestamp'].iloc[first]} on" in check.message


def test_the_models_own_rows_are_found_equal(made: Any) -> None:
    check = checked(made, made.frames())
    assert check.passed
    assert check.what.startswith(f"of {12 * HOURS:,} rows drawn anew")


def test_rows_in_any_order_and_any_parts_are_found_equal(made: Any) -> None:
    rows = pd.concat(made.frames(), ignore_index=True)
    rows = rows.astype({"server_id": "category", "app_name": "category"})
    mixed = rows.sample(frac=1, random_state=1)
    half = len(mixed) // 2
    assert checked(made, [mixed.iloc[:half], mixed.iloc[half:]]).passed
    wrong = mixed.copy()
    put(wrong, [5], [[1.23]], ["cpu_p95"])
    place = wrong.iloc[5]
    assert f"{place['server_id']} from {place['timestamp']} on (1 rows; cpu_p95 1.23," in checked(made, [wrong]).message


def test_nulls_are_no_rows_of_the_models(made: Any) -> None:
    frames = made.frames()
    put(frames[1], [3], [[np.nan]], ["disk_p95"])
    assert checked(made, frames).observed == "1"


def late_slices(made: Any) -> list[pd.DataFrame]:
    """Return the last two days alone, as an appended run has them."""
    return [frame[frame["timestamp"] >= "2022-03-30"].reset_index(drop=True) for frame in made.frames()]


def test_a_late_slice_is_drawn_as_well_and_told_by_its_own_time(made: Any) -> None:
    frames = late_slices(made)
    assert checked(made, frames).what.startswith(f"of {12 * 48:,} rows drawn anew, those")
    put(frames[0], [48 + 7], [[1.23]], ["cpu_p95"])
    check = checked(made, frames)
    assert check.observed == "1"
    assert "server_001 from 2022-03-30 07:00:00 on (1 rows; cpu_p95 1.23," in check.message


def test_a_late_slice_is_left_out_where_drawing_it_costs_too_much_and_that_is_told(made: Any) -> None:
    check = checked(made, late_slices(made), most_work=4)
    assert check.passed
    assert check.what.startswith(f"of 0 rows drawn anew ({12 * 48:,} others were not drawn)")


def test_the_first_row_is_the_first_in_time_whatever_the_order(made: Any) -> None:
    rows = made.frames()[0]
    put(rows, [10, 20], [[1.23, 2.34]], ["mem_p95"])
    backwards_in_time = rows.iloc[::-1].reset_index(drop=True)
    message = checked(made, [backwards_in_time]).message
    assert "server_000 from 2022-01-01 10:00:00 on (2 rows; mem_p95 1.23," in message


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_share_of_the_servers_is_that_share_spread_over_the_fleet(share: float) -> None:
    taken = picked(np.arange(10_000), share)
    assert taken.mean() == pytest.approx(share, abs=0.002)
    assert np.diff(np.flatnonzero(taken)).max() < 4 / share
    assert picked(np.arange(10), 1.0).all()
    assert not picked(np.arange(10), 0.0).any()


def _redrawn() -> st.SearchStrategy[Redrawn]:
    return st.builds(
        lambda rows, unlike: Redrawn(rows, {k: Unlike(n, n, f"{n}") for k, n in unlike.items()}),
        st.integers(0, 9),
        st.dictionaries(st.integers(0, 5), st.integers(1, 9)),
    )


@settings(deadline=None)
@given(a=_redrawn(), b=_redrawn(), c=_redrawn())
def test_parts_add_up_in_any_grouping(a: Redrawn, b: Redrawn, c: Redrawn) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + Redrawn() == a
