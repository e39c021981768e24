from __future__ import annotations

import numpy as np
import pytest

from dask_synth.config import RunConfig
from dask_synth.model.densities import bin_probabilities, cumulative
from dask_synth.model.metrics import OBSERVED, Baseline, server_metrics
from dask_synth.pipeline.plan import FleetSpec
from dask_synth.schema import METRICS

BINS = 100
SEED = 7


def baseline(archetype: str, granularity: str = "hourly", year: str = "2024") -> Baseline:
    time = {"start_date": f"{year}-01-01", "end_date": f"{year}-12-31", "granularity": granularity}
    return FleetSpec.of(RunConfig(time=time)).baseline(archetype)


@pytest.mark.parametrize("archetype", ["web", "database", "application", "batch"])
@pytest.mark.parametrize("column", METRICS)
def test_probabilities_of_all_bins_sum_to_one_and_none_is_negative(archetype: str, column: str) -> None:
    probabilities = bin_probabilities(baseline(archetype), column, BINS)
    assert len(probabilities) == BINS + 2
    assert probabilities.min() >= 0
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("archetype", ["web", "batch"])
def test_probabilities_match_a_simulation_bin_by_bin(archetype: str) -> None:
    model, servers = baseline(archetype), 100
    counts = dict.fromkeys(METRICS, np.zeros(BINS + 2))
    for server in range(servers):
        out = {name: np.empty(model.size) for name in METRICS}
        server_metrics(model, SEED, server, out)
        for name, values in out.items():
            cents, width = np.rint(values * 100).astype(int), int(OBSERVED[name].high * 100 / BINS)
            counts[name] = counts[name] + np.bincount(cents // width + (cents > 0), minlength=BINS + 2)
    rows = servers * model.size
    for name in METRICS:
        expected = rows * bin_probabilities(model, name, BINS)
        usual = expected > 20
        squares = (counts[name] - expected)[usual] ** 2 / expected[usual]
        degrees = int(usual.sum()) - 1
        assert squares.sum() < degrees + 6 * np.sqrt(2 * degrees), name


def test_grouping_the_means_of_a_long_grid_changes_no_probability_visibly() -> None:
    model = baseline("web")
    at = np.linspace(0.0, 99.0, 34)
    parts = np.array_split(np.arange(model.size), 20)
    exact = sum(
        len(part) / model.size * cumulative(_only(model, part), "cpu_p95", at) for part in parts
    )  # each part is short enough to be taken as it is
    np.testing.assert_allclose(cumulative(model, "cpu_p95", at), exact, atol=2e-6)


def test_below_zero_lies_nothing_and_up_to_the_limit_everything() -> None:
    assert cumulative(baseline("web", "daily"), "net_out_p95", np.array([-0.01, 600.0])).tolist() == [0.0, 1.0]


def _only(model: Baseline, rows: np.ndarray) -> Baseline:
    mean = {name: values[rows] for name, values in model.mean.items()}
    return Baseline(mean, model.sd, model.factor, model.spike_probability, model.spike_factor)
