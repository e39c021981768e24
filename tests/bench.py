"""Fleets in memory, and verdicts on them without files or Dask."""

from collections.abc import Iterable

import pandas as pd

from dask_synth.config.layers import load_config
from dask_synth.measure.planned import Planned
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import added
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import RunPlan
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import judge
from dask_synth.proof.verdict import Verdict
from dask_synth.theory.theory import Theory


class Bench:
    """A plan with its theory: worked out once, held against any number of frames.

    Parameters
    ----------
    preset
        A configuration's name; None: the defaults.
    overrides
        Its keys, with ``__`` or ``.``.
    """

    def __init__(self, preset: str | None = None, **overrides: object) -> None:
        settings = {key.replace("__", "."): value for key, value in overrides.items()}
        self.plan = RunPlan.of(load_config(preset, settings))
        self.planned = Planned.of(self.plan.spec)
        self.theory = Theory.of(self.plan.spec)

    def frames(self) -> list[pd.DataFrame]:
        """The fleet as it is made."""
        return [chunk_frame(chunk, self.plan.spec) for chunk in self.plan.chunks]

    def verdict(self, frames: Iterable[pd.DataFrame]) -> Verdict:
        """What a validation says of these partitions."""
        statistics = added(measure_rows(frame, self.planned) for frame in frames)
        return judge(Evidence(statistics, self.planned, self.theory), self.plan.run_id, 0.0)
