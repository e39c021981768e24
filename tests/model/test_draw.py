from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from dask_synth.model.draw import Draw
from dask_synth.model.life import Company
from dask_synth.model.metrics import server_metrics
from tests.living import HOURLY, SKEW, drawn, living_spec


@pytest.mark.parametrize(("first_row", "stop"), [(0, 480), (0, 100), (37, 480), (37, 38)])
def test_servers_without_life_are_drawn_as_they_always_were(first_row: int, stop: int) -> None:
    spec = living_spec("hourly", 20, servers=5)
    assert not spec.living("web")
    found = drawn(spec, range(1, 4), first_row, stop)
    for place, server in enumerate(range(1, 4)):
        whole = {name: np.empty(480) for name in found}
        server_metrics(spec.baseline("web"), spec.seed, server, whole)
        for name, column in whole.items():
            assert found[name][place].tobytes() == column[first_row:stop].tobytes()


def test_what_draws_an_archetype_can_be_asked_again() -> None:
    pools = living_spec("hourly", 20, servers=5, company=Company(2, 1.0, 0.9), memory=HOURLY)
    for spec in (living_spec("hourly", 20, servers=5), pools):
        draw, whole = Draw(spec, "web"), drawn(spec)
        for servers in (range(3, 5), range(1), range(3, 5)):
            out = {name: np.empty((len(servers), 480)) for name in whole}
            draw.write(servers, out)
            for name, column in out.items():
                np.testing.assert_array_equal(column, whole[name][servers.start : servers.stop])


def test_a_longer_time_takes_no_more_memory_for_a_pool() -> None:
    def peak(days: int) -> int:
        life: dict[str, Any] = {"memory": HOURLY, "skew": SKEW, "in_out": 0.9}
        spec = living_spec("5min", days, servers=8, company=Company(8, 1.0, 0.9), grows=False, **life)
        out = {name: np.empty((8, spec.grid.size)) for name in spec.metrics.names}
        draw = Draw(spec, "web")
        draw.write(range(8), out)  # What all servers share is made once, and stays.
        tracemalloc.start()
        draw.write(range(8), out)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(240) < 1.05 * peak(60)
