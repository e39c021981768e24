"""What every profile must keep, whoever adds one."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

import numpy as np
import pytest

from dask_synth.layers import load_config
from dask_synth.model.archetypes import PROFILES, correlation_matrix
from dask_synth.model.expectations import expected_mean
from dask_synth.model.metrics import OBSERVED
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import RunPlan


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_keeps_the_contract(name):
    config = load_config(None, {"fleet.servers": 10, "fleet.mix": {name: 1.0}, "time.years": 1})
    plan = RunPlan.of(config)
    (chunk,) = plan.chunks
    frame = chunk_frame(chunk, plan.spec)
    assert set(frame["server_type"]) == {name}
    assert np.linalg.eigvalsh(correlation_matrix(PROFILES[name].correlation)).min() > 0
    again = load_config(None, {f"archetypes.{name}": asdict(PROFILES[name])})
    assert again.archetypes[name] == PROFILES[name]
    spec = plan.spec
    assert frame.equals(chunk_frame(chunk, spec))
    for column, limits in OBSERVED.items():
        values = frame[column].to_numpy()
        assert np.isfinite(values).all()
        assert 0 <= values.min() < values.max() <= limits.high
        np.testing.assert_array_equal(values, np.round(values, 2))
        expected = expected_mean(spec.baseline(name), column, 10)
        assert abs(values.mean() - expected.mean) < 4.5 * expected.standard_error
    assert frame["timestamp"].max().date() == dt.date(2022, 12, 31)
