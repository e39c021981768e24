"""All that a check may look at: what was seen, what was planned, and what the model forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Self

import numpy as np
import numpy.typing as npt

from dask_synth.model.cells import Cell, calendar_cells
from dask_synth.model.forecast import Forecast
from dask_synth.model.nodes import TimeNodes, time_nodes
from dask_synth.model.powers import Expected
from dask_synth.pipeline.plan import FleetSpec
from dask_synth.quality.reference import Reference
from dask_synth.quality.statistics import HOUR_COLUMNS, SUMS, Statistics
from dask_synth.schema import METRICS

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Theory:
    """What a fleet's statistics must be. Needs no data, so it can be worked out while the data is read.

    Attributes
    ----------
    spec
        The fleet.
    cells, nodes
        The parts of its grid, and the times that stand for them.
    forecasts
        Archetype -> its distribution, for those that have servers.
    correlations
        (Archetype, column, column, whether of the noise alone) -> what the correlation must be. They are the dearest of
        all, so they are not left to the checks, which wait for the data.
    """

    spec: FleetSpec
    cells: list[Cell]
    nodes: TimeNodes
    forecasts: Mapping[str, Forecast]
    correlations: Mapping[tuple[str, str, str, bool], Expected]

    @classmethod
    def of(cls, spec: FleetSpec) -> Self:
        """Work it out from a fleet's specification."""
        cells = calendar_cells(spec.grid, spec.seasonality)
        names = [block.archetype for block in spec.fleet.blocks()]
        profiles = {name: spec.archetypes[name] for name in names}
        # A metric's mean moves by base * load * growth / 100 a month; over half its deviation moments bend little.
        pace = max(
            abs(p.growth) / 100 * peak * max(p.base.cpu / p.sd.cpu, p.base.mem / p.sd.mem, p.base.disk / p.sd.disk)
            for p in profiles.values()
            for peak in [2 * max(1.0, p.business_hours) * max(1.0, p.weekend)]
        )
        stretch = 3 / pace if spec.growth and pace > 0 else np.inf
        nodes = time_nodes(spec.grid, spec.seasonality, cells, stretch)
        seasons = spec.seasonality
        forecasts = {
            name: Forecast.of(profile, nodes, seasons, growth=spec.growth, spikes=spec.spikes)
            for name, profile in profiles.items()
        }
        correlations = {
            (name, *pair, noise): forecast.correlation_of(*pair, noise=noise)
            for name, forecast in forecasts.items()
            for pair in combinations(METRICS, 2)
            for noise in (False, True)
        }
        return cls(spec, cells, nodes, forecasts, correlations)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics next to theory.

    Attributes
    ----------
    statistics
        What was seen.
    reference
        What the rows were held against.
    theory
        What the statistics must be.
    """

    statistics: Statistics
    reference: Reference
    theory: Theory
    _cells: dict[str, Floats] = field(default_factory=dict, repr=False)

    @property
    def archetypes(self) -> list[str]:
        """The archetypes of which there are rows, in the plan's order."""
        return [name for name in self.theory.forecasts if name in self.statistics.sums]

    @cached_property
    def _masks(self) -> Floats:
        both = [(cell.business is not True, cell.business is not False) for cell in self.theory.cells]
        return np.stack(
            [np.outer(cell.days, sides) for cell, sides in zip(self.theory.cells, both, strict=True)]
        ).astype(float)

    def cell_sums(self, archetype: str) -> Floats:
        """Return the rows, sums and sums of squares of each cell, (cells, 11), in the columns' units."""
        if archetype not in self._cells:
            sums = self.statistics.sums[archetype]
            squares = [SUMS + i for i in _square_columns()]
            table = np.einsum("cdb,dbk->ck", self._masks, sums.days[:, :, [*range(SUMS), *squares]])
            for i, cell in enumerate(self.theory.cells):
                if cell.hour is not None:
                    table[i] = sums.hours[cell.hour]
            units = np.array([1.0] + [100.0] * len(METRICS) + [1e4] * len(METRICS))
            self._cells[archetype] = table / units[:HOUR_COLUMNS]
        return self._cells[archetype]

    def servers_of(self, archetype: str) -> npt.NDArray[np.bool_]:
        """Return which rows of ``statistics.servers`` the plan gives to an archetype."""
        types = self.reference.metadata["server_type"][self.statistics.servers.index]
        return np.asarray(types == archetype)


def _square_columns() -> list[int]:
    from dask_synth.quality.statistics import PAIRS

    return [PAIRS.index((i, i)) for i in range(len(METRICS))]
