"""What every profile must keep, whoever adds one."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

import numpy as np
import pytest

from dask_synth.config.layers import load_config
from dask_synth.model.archetypes import PROFILES, correlation_matrix
from dask_synth.model.columns import BUILT_IN
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import RunPlan
from dask_synth.theory.theory import Theory


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_keeps_the_contract(name: str) -> None:
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
    theory = Theory.of(spec)
    for column in BUILT_IN.columns:
        values = frame[column.name].to_numpy()
        assert np.isfinite(values).all()
        assert 0 <= values.min() < values.max() <= column.high
        np.testing.assert_array_equal(values, np.round(values, 2))
        expected, error = theory.mean(name, column.name)
        assert abs(values.mean() - expected) < 4.5 * error
    assert frame["timestamp"].max().date() == dt.date(2022, 12, 31)
