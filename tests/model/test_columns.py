"""The table of metrics: what it says, and that draws follow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dask_synth.config.run import RunConfig
from dask_synth.model.columns import BUILT_IN
from dask_synth.model.metrics import server_metrics
from dask_synth.pipeline.plan import spec_of
from dask_synth.schema import METRICS


def test_the_columns_stand_in_the_order_of_a_dataset() -> None:
    assert BUILT_IN.names == METRICS
    assert BUILT_IN.latent == ("cpu", "mem", "disk", "net")
    assert BUILT_IN.metric_of("net_out_p95").name == "net"


def test_a_spike_takes_each_metrics_share_of_the_magnitude() -> None:
    factors = {name: BUILT_IN.spike_factor(name, 2.0) for name in BUILT_IN.latent}
    assert factors == {"cpu": 2.0, "mem": 1.4, "disk": 1.0, "net": 1.6}


def test_what_the_table_switches_off_acts_no_more() -> None:
    spec = spec_of(RunConfig(fleet={"servers": 1, "mix": {"web": 1.0}}, time={"years": 1}))
    still = tuple(replace(metric, load=False, growth=False) for metric in BUILT_IN.metrics)
    baseline = replace(spec, metrics=replace(BUILT_IN, metrics=still)).baseline("web")
    assert all(len(set(mean)) == 1 for mean in baseline.mean.values())
    out = {name: np.empty(baseline.size) for name in BUILT_IN.names}
    server_metrics(baseline, 1, 0, out)
    lower = {name: np.empty(baseline.size) for name in BUILT_IN.names}
    half = tuple(replace(column, high=column.high / 2) for column in BUILT_IN.columns)
    limited = replace(spec, metrics=replace(BUILT_IN, metrics=still, columns=half)).baseline("web")
    server_metrics(limited, 1, 0, lower)
    for column in BUILT_IN.columns:
        np.testing.assert_array_equal(lower[column.name], np.minimum(out[column.name], column.high / 2))
