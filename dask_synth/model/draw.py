"""Metrics of any server: of one that is like all of its archetype, or of one that is an individual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dask_synth.model.living import Kin, living_metrics
from dask_synth.model.metrics import Baseline, server_metrics
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draw:
    """What draws the servers of one archetype; what they share is worked out once."""

    spec: FleetSpec
    archetype: str

    def write(self, servers: range, out: Mapping[str, Floats], first_row: int = 0) -> None:
        """Write the metric columns of neighbours into `out`.

        Parameters
        ----------
        servers
            Of the archetype.
        out
            Column name -> float64 array, one row a server, contiguous along time, from `first_row` on; it may end
            before the grid does.
        first_row
            Rows before it are drawn, since streams run in time order, and left out.
        """
        if self.spec.living(self.archetype):
            living_metrics(self._kin, servers, out, first_row)
            return
        stop = first_row + next(iter(out.values())).shape[1]
        mean = {name: mean[:stop] for name, mean in self._baseline.mean.items()}
        baseline = replace(self._baseline, mean=mean)
        for place, server in enumerate(servers):
            own = {name: rows[place] for name, rows in out.items()}
            server_metrics(baseline, self.spec.seed, server, own, first_row)

    @cached_property
    def _baseline(self) -> Baseline:
        return self.spec.baseline(self.archetype)

    @cached_property
    def _kin(self) -> Kin:
        return Kin.of(self.spec, self.archetype)
