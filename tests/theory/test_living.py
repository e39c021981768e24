"""Errors of sums of ranks, against fleets of ranks that are drawn a thousand times."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import lfilter
from scipy.special import ndtr

from dask_synth.config.layers import load_config
from dask_synth.model.life import Company
from dask_synth.pipeline.plan import spec_of
from dask_synth.theory.cells import calendar_cells
from dask_synth.theory.individual import SharedLaw
from dask_synth.theory.living import LivingTheory, Units, grid_patterns
from dask_synth.theory.scores import EDGES, LOCATION, SCALE

Floats = npt.NDArray[np.float64]

FLEETS, ALIKE = 600, 0.8
SHARES = {"cpu": [0.3, 0.5], "mem": [0.3, 0.4], "disk": [0.3, 0.4], "net": [0.2, 0.6]}
MEMORY = {"hours": [3, 30], "shares": SHARES}
POOLS = np.array([-1, 1, 1, 1, -1, -1, 6, 6])


@pytest.fixture(scope="module")
def theory() -> LivingTheory:
    web = {"memory": MEMORY, "in_out": 0.7}
    settings = {"fleet.servers": 8, "fleet.mix": {"web": 1.0}, "archetypes.web": web}
    settings |= {"time.granularity": "hourly", "time.start_date": "2024-01-01", "time.end_date": "2024-02-04"}
    spec = spec_of(load_config(None, settings))
    spec = replace(spec, fleet=replace(spec.fleet, company=Company(alike=ALIKE)))
    cells = calendar_cells(spec.grid, spec.seasonality)
    steps, patterns = grid_patterns(spec, cells)
    return LivingTheory("web", 0, SharedLaw.of(spec, "web"), POOLS, np.zeros(8, np.int64), cells, steps, patterns)


@pytest.fixture(scope="module")
def ranks(theory: LivingTheory) -> Floats:
    """Ranks of cpu and sent traffic, (2, fleets, servers, rows)."""
    rng = np.random.default_rng(5)
    rows = theory.steps.count
    return np.stack([_ranks(rng, rows, SHARES["cpu"], 1.0), _ranks(rng, rows, SHARES["net"], 0.7)])


def _ranks(rng: np.random.Generator, rows: int, shares: list[float], in_out: float) -> Floats:
    def noise(count: int) -> Floats:
        total = np.sqrt(1 - sum(shares)) * rng.standard_normal((FLEETS, count, rows))
        for share, hours in zip(shares, (3, 30), strict=True):
            decay = np.exp(-1 / hours)
            innovations = np.sqrt(1 - decay**2) * rng.standard_normal((FLEETS, count, rows))
            innovations[..., 0] /= np.sqrt(1 - decay**2)
            total += np.sqrt(share) * lfilter([1], [1, -decay], innovations)
        return np.asarray(total)

    own = noise(len(POOLS))
    for pool in np.unique(POOLS[POOLS >= 0]):
        members = pool == POOLS
        own[:, members] = np.sqrt(ALIKE) * noise(1) + np.sqrt(1 - ALIKE) * own[:, members]
    own = in_out * own + np.sqrt(1 - in_out**2) * rng.standard_normal(own.shape)
    return np.asarray(2 * ndtr(own) - 1)


@pytest.mark.parametrize(("drawn", "column"), [(0, 0), (1, 4)], ids=["cpu", "sent"])
@pytest.mark.parametrize("cell", ["all", "weekend", "hour_03", "weekday_business_hours", "quarter_middle"])
def test_errors_of_cells(theory: LivingTheory, ranks: Floats, drawn: int, column: int, cell: str) -> None:
    place = [one.name for one in theory.cells].index(cell)
    day, hour = np.divmod(np.arange(theory.steps.count), 24)
    inside = theory.cells[place].covers(day, hour)
    values = ranks[drawn][..., inside]
    for score, scored in ((LOCATION, values), (SCALE, 1.5 * values**2 - 0.5)):
        spread = scored.mean(axis=(1, 2)).std()
        error = theory.means(score, np.ones(len(theory.cells))).error[column, place]
        assert error == pytest.approx(spread, rel=4 / np.sqrt(2 * FLEETS))


def test_error_of_a_server_and_of_days(theory: LivingTheory, ranks: Floats) -> None:
    assert theory.each(LOCATION).error[0] == pytest.approx(ranks[0].mean(axis=2).std(), rel=0.05)
    days = ranks[0].reshape(FLEETS, 8, -1, 24).sum(axis=(1, 3))
    covariance = theory.day_covariance(0, theory.units)
    for apart in (0, 1, 2):
        seen = (days[:, : days.shape[1] - apart] * days[:, apart:]).mean()
        assert covariance[apart] == pytest.approx(seen, rel=0.06)


def test_shares_below_edges(theory: LivingTheory, ranks: Floats) -> None:
    answer = theory.shares(1.0)
    for edge in (0.05, 0.5, 0.8):
        spread = (ranks[0] < 2 * edge - 1).mean(axis=(1, 2)).std()
        assert answer.error[0, EDGES.index(edge)] == pytest.approx(spread, rel=4 / np.sqrt(2 * FLEETS))


def test_pairs_are_of_one_pool() -> None:
    assert Units.of(POOLS) == Units(8, 3 * 2 + 2 * 1)
