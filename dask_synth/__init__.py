"""dask-synth: synthetic server fleets on Dask, the same bytes everywhere, proved against their own model.

import dask_synth
config = dask_synth.load_config("config/baseline.yaml", {"fleet.servers": 200})
ddf = dask_synth.fleet_frame(config)           # lazy: a Dask DataFrame, nothing written
dataset = dask_synth.generate(config)          # written and committed; dataset.frame() reads it back
verdict = dask_synth.validate(dataset)         # proved against the model; dask_synth.report(dataset.path) draws it
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dask_synth.clusters.connect import connect as connect
    from dask_synth.clusters.resources import Resources as Resources
    from dask_synth.config.layers import load_config as load_config
    from dask_synth.config.run import RunConfig as RunConfig
    from dask_synth.dataset import Dataset as Dataset
    from dask_synth.dataset import append as append
    from dask_synth.dataset import generate as generate
    from dask_synth.dataset import open_dataset as open_dataset
    from dask_synth.errors import DaskSynthError as DaskSynthError
    from dask_synth.pipeline.frame import fleet_frame as fleet_frame
    from dask_synth.proof.validate import validate as validate
    from dask_synth.proof.validate import validate_frame as validate_frame
    from dask_synth.reporting.report import report as report

__version__ = "0.2.0"

# Imported on first use (PEP 562): whoever wants the model alone does not wait for Dask.
_HOMES = {
    "RunConfig": "dask_synth.config.run",
    "DaskSynthError": "dask_synth.errors",
    "load_config": "dask_synth.config.layers",
    "append": "dask_synth.dataset",
    "fleet_frame": "dask_synth.pipeline.frame",
    "generate": "dask_synth.dataset",
    "connect": "dask_synth.clusters.connect",
    "Resources": "dask_synth.clusters.resources",
    "Dataset": "dask_synth.dataset",
    "open_dataset": "dask_synth.dataset",
    "report": "dask_synth.reporting.report",
    "validate": "dask_synth.proof.validate",
    "validate_frame": "dask_synth.proof.validate",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
