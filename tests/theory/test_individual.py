"""The law of a single server: the mean and the deviation that its draws have, and how its columns go together."""

import numpy as np
import pytest

from dask_synth.model.individuals import individuals_of
from dask_synth.model.life import Company, Memory
from dask_synth.theory.individual import SharedLaw, follows, servers_of, sides_of
from dask_synth.theory.ranks import spread_of
from tests.living import ALIVE, PLACES, drawn, living_spec


def test_means_are_what_values_lie_around() -> None:
    spec = living_spec("hourly", 40, servers=6, places=PLACES, spikes=False, **ALIVE)
    profile = spec.archetypes["web"]
    values = drawn(spec)
    for place, server in enumerate(servers_of(SharedLaw.of(spec, "web"), 0, 6)):
        for k, name in enumerate(spec.metrics.names):
            noise, mean = server.noise[k], server.mean[k]
            z = (values[name][place] / mean - 1) / noise.relative
            # What varies is of mean 0 and deviation 1, but for the bounds and few independent rows.
            if noise.free(mean.min(), mean.max()):
                assert z.min() >= -1 / spread_of(noise.skew) - 1e-2 / (noise.relative * mean.min())
                assert np.median(z) == pytest.approx(0.0, abs=1.2)
        assert server.noise[4].high == 600.0
        assert server.mean[4] == pytest.approx(0.6 * server.mean[3])
    assert profile.growth


def test_levels_rates_and_noise_are_the_servers() -> None:
    spec = living_spec("hourly", 400, servers=5, **{**ALIVE, **{"cycle": "flat", "weekend": 1.0}})
    known = individuals_of(spec, "web", 0, 5)
    law = SharedLaw.of(spec, "web")
    profile = spec.archetypes["web"]
    months = np.arange(spec.grid.size) / 24 / 30.4375
    for i, server in enumerate(servers_of(law, 0, 5)):
        trend = 1 + known.rate[i] / 100 * months
        assert server.mean[2] == pytest.approx(profile.base.disk * known.level["disk"][i] * trend)
        uncapped = profile.sd.disk / profile.base.disk * known.noise[i]
        assert server.noise[2].relative == pytest.approx(min(uncapped, 0.95 * spread_of(1.4)))
        assert (server.index, server.pool, server.region) == (i, -1, known.region[i])


def test_constant_noise_goes_with_level_and_scale() -> None:
    spec = living_spec("hourly", 3, servers=3, **{**ALIVE, **{"noise": "constant"}})
    known = individuals_of(spec, "web", 0, 3)
    for i, server in enumerate(servers_of(SharedLaw.of(spec, "web"), 0, 3)):
        sd = spec.archetypes["web"].sd.net * known.level["net"][i] * known.noise[i]
        assert [noise.constant for noise in server.noise[3:]] == pytest.approx([sd, 0.6 * sd])
        assert server.noise[3].relative == 0.0


def test_correlations_of_columns() -> None:
    spec = living_spec("hourly", 3, company=Company(alike=0.9), **{**ALIVE, **{"in_out": 0.8}})
    law = SharedLaw.of(spec, "web")
    assert follows(spec.metrics) == [False, False, False, False, True]
    assert law.correlation[0].tolist() == pytest.approx([1.0, 0.70, 0.35, 0.65, 0.8 * 0.65])
    assert law.correlation[3, 4] == pytest.approx(0.8)
    lags = np.array([0, 1, 24])
    net = 0.58 * np.exp(-lags / 5) + 0.20 * np.exp(-lags / 120)
    assert law.autocorrelation(3, lags) == pytest.approx([1.0, *net[1:]])
    assert law.autocorrelation(4, lags) == pytest.approx([1.0, *(0.64 * net[1:])])
    assert law.between(4, lags) == pytest.approx([0.9 * 0.64, *(0.9 * 0.64 * net[1:])])


def test_a_component_shorter_than_a_row_is_white() -> None:
    memory = Memory((0.5, 40), {"cpu": (0.5, 0.3)})
    law = SharedLaw.of(living_spec("daily", 3, **{**ALIVE, **{"memory": memory}}), "web")
    assert law.autocorrelation(0, np.array([0, 1]))[1] == pytest.approx(0.3 * np.exp(-24 / 40))


@pytest.mark.parametrize(("per_day", "lags"), [(1, [1, 7]), (24, [1, 24, 168]), (96, [4, 96, 672])])
def test_sides_are_an_hour_a_day_and_a_week_apart(per_day: int, lags: list[int]) -> None:
    metrics = living_spec().metrics
    found = sides_of(metrics, per_day)
    assert sorted({side.lag for side in found if side.lag}) == lags
    assert len(found) == 5 * len(lags) + 10 + 5
    assert len({(side.name, side.first, side.second) for side in found}) == len(found)
