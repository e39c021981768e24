"""Rows of living servers, drawn anew: one by one or a pool at once, in whatever order and part they come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dask_synth.measure import redraw as redraw_module
from dask_synth.measure.arrangement import Dense, Sparse
from dask_synth.measure.redraw import Recompute, redraw
from dask_synth.model.draw import Draw
from dask_synth.model.life import Company
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import Chunk
from tests.living import ALIVE, PLACES, drawn, living_spec

FLEET: dict[str, Any] = {**ALIVE, "company": Company(4, 0.7, 0.9), "places": PLACES}
ALL = Recompute(1.0)
HOURS = 24 * 20


def made(servers: int = 12, **changes: Any) -> Any:
    return living_spec("hourly", 20, servers=servers, **{**FLEET, **changes})


def test_a_chunk_has_the_rows_that_are_drawn() -> None:
    spec = made()
    values = drawn(spec)
    frame = chunk_frame(Chunk(0, "web", 5, 9, 100), spec)
    for name, column in values.items():
        np.testing.assert_array_equal(frame[name].to_numpy(), column[5:9, 100:].ravel())


@pytest.mark.parametrize(
    ("servers", "first", "stop"), [(range(12), 0, HOURS), (range(3, 9), 100, 300), ([1, 3, 7], 0, 9)]
)
def test_rows_as_they_were_made_are_found_so(servers: range | list[int], first: int, stop: int) -> None:
    spec = made()
    values = {name: column[list(servers), first:stop].ravel() for name, column in drawn(spec).items()}
    arrangement = Dense(np.array(servers), first, stop - first)
    found = redraw(spec, arrangement, values, ALL)
    assert (found.rows, found.unlike) == (len(servers) * (stop - first), {})
    values["mem_p95"][stop - first + 5] += 0.01
    (server,) = redraw(spec, arrangement, values, ALL).unlike
    assert server == servers[1]


def test_rows_in_any_order_are_found_as_they_were_made() -> None:
    spec, rng = made(), np.random.default_rng(1)
    servers = np.array([7, 2, 3, 0, 11])
    server, position = np.divmod(rng.permutation(5 * HOURS)[:900], HOURS)
    values = {name: column[servers[server], position] for name, column in drawn(spec).items()}
    arrangement = Sparse(servers, server, int(position.min()), int(np.ptp(position)) + 1, position - position.min())
    found = redraw(spec, arrangement, values, ALL)
    assert (found.rows, found.unlike) == (900, {})
    values["net_out_p95"][17] += 0.01
    assert list(redraw(spec, arrangement, values, ALL).unlike) == [servers[server[17]]]


@pytest.mark.parametrize("together", [1, 2 * HOURS, 10**9])
def test_however_many_are_drawn_at_once(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraw_module, "TOGETHER", together)
    calls: list[range] = []
    write = Draw.write

    def counted(self: Draw, servers: range, *rest: Any) -> None:
        calls.append(servers)
        write(self, servers, *rest)

    monkeypatch.setattr(Draw, "write", counted)
    spec = made(10)
    values = {name: column.ravel() for name, column in drawn(spec).items()}
    calls.clear()
    assert redraw(spec, Dense(np.arange(10), 0, HOURS), values, ALL).unlike == {}
    sizes = {1: [1] * 10, 2 * HOURS: [2] * 5, 10**9: [4, 4, 2]}
    assert [len(servers) for servers in calls] == sizes[together]
    assert [server for servers in calls for server in servers] == list(range(10))


@pytest.mark.parametrize(
    "change",
    [
        {"company": None},
        {"company": Company(4, 0.7, 0.8)},
        {"memory": None},
        {"in_out": 0.8},
        {"noise": "constant"},
        {"skew": {}},
        {"noise_spread": 0.5},
        {"strength": 0.2},
        {"places": ()},
        {"seed": 43},
    ],
    ids=str,
)
def test_another_life_is_seen(change: dict[str, Any]) -> None:
    values = {name: column.ravel() for name, column in drawn(made(**change)).items()}
    found = redraw(made(), Dense(np.arange(12), 0, HOURS), values, ALL)
    assert len(found.unlike) >= 4
