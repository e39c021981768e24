"""Validate a fleet on Dask: one pass that turns each partition into sums, added up in a tree. Wiring."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

import pandas as pd
from dask.base import compute
from dask.delayed import Delayed, delayed
from distributed import Client

from dask_synth.config.run import RunConfig
from dask_synth.errors import ConfigError, Problem
from dask_synth.exactly_once.committed import Committed, open_committed
from dask_synth.exactly_once.derived import keep
from dask_synth.measure.layout import Layout
from dask_synth.measure.one_pass import start_pass, tree
from dask_synth.measure.planned import Planned
from dask_synth.measure.redraw import Recompute
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import Measured, added
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import RunPlan, spec_of
from dask_synth.pipeline.recorded import DRAWING, other_versions, recorded_config, tell_other_versions
from dask_synth.proof.checks.files import file_checks, server_checks
from dask_synth.proof.checks.structure import not_recomputed
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.judge import LEVEL, judge
from dask_synth.proof.verdict import VALIDATION_NAME, Verdict
from dask_synth.theory.theory import Theory

if TYPE_CHECKING:
    # It takes a third of a second to import, and whoever has a frame has it.
    import dask.dataframe as dd

logger = logging.getLogger(__name__)

MOST_WORK = 4
"""Rows that are drawn anew for each that is compared of a frame: its partitions may be slices of time."""


def validate(
    dataset: Committed | str | os.PathLike[str],
    client: Client | None = None,
    *,
    level: float = LEVEL,
    recompute: float = 1.0,
    write: bool = True,
) -> Verdict:
    """Validate a committed dataset against the closed-form expectation of the model that it came from.

    Parameters
    ----------
    dataset
        A dataset, or where it lies.
    client
        The cluster that reads it; None reads on Dask's current scheduler, by default threads of this process.
    level
        Probability that a clean dataset fails, over all checks together.
    recompute
        Share of the servers whose rows are drawn anew and compared to the bit, 0 to 1. Where the packages that draw are
        of other versions than those that made the dataset, none are, and the verdict says so.
    write
        Whether to leave the verdict in the dataset, as ``validation.json``. Where that cannot be, the log says so.

    Returns
    -------
    Verdict
        Every check, passed or not.

    Raises
    ------
    ConfigError
        If `recompute` is no share.
    OutputError
        If there is no committed dataset, or this version does not know what it was made with.
    ReplacedError
        If another dataset took its place meanwhile.
    """
    return proved(dataset, client, level=level, recompute=recompute, write=write).verdict


@dataclass(frozen=True, eq=False)
class Proved:
    """A verdict, and what it rests on.

    Attributes
    ----------
    dataset, verdict
        Which, and how it came out.
    measured, theory
        What came of the dataset's files, and what must come of its model.
    """

    dataset: Committed
    verdict: Verdict
    measured: Measured
    theory: Theory


def proved(
    dataset: Committed | str | os.PathLike[str],
    client: Client | None = None,
    *,
    level: float = LEVEL,
    recompute: float = 1.0,
    write: bool = True,
    picture: bool = False,
    theory: Future[Theory] | None = None,
) -> Proved:
    """Validate as :func:`validate` does; in the same pass, sum up what a `picture` needs, if one is wanted.

    Where a `theory` of the same fleet is being worked out already, that one is waited for.
    """
    start = perf_counter()
    recompute = _share(recompute)
    dataset = dataset if isinstance(dataset, Committed) else open_committed(dataset)
    spec = spec_of(recorded_config(dataset.path, dataset.manifest))
    tell_other_versions(dataset.path, dataset.manifest)
    others = other_versions(dataset.manifest, DRAWING)
    planned = Planned.of(spec, Recompute(0.0 if others else recompute))
    finish = start_pass(dataset, client, planned, Layout.of(spec) if picture else None)
    # Theory needs no data: it is worked out here while the workers read, if it was not while they wrote.
    expected = _theory_of(spec, theory)
    further = [*server_checks(dataset.servers, spec, planned)]
    measured = finish()
    further = [*file_checks(measured.findings, dataset.manifest), *further]
    if others and recompute:
        further.append(not_recomputed(others))
    evidence = Evidence(measured, planned, expected)
    verdict = judge(evidence, dataset.manifest.run_id, perf_counter() - start, level, further)
    verdict = verdict.model_copy(update={"seconds": perf_counter() - start})
    dataset.check_current()
    if write and (why := keep(dataset, {VALIDATION_NAME: verdict.model_dump_json(indent=1).encode() + b"\n"})):
        logger.warning("the verdict could not be kept in %s: %s", dataset.path / VALIDATION_NAME, why)
    return Proved(dataset, verdict, measured, expected)


def _theory_of(spec: FleetSpec, ahead: Future[Theory] | None) -> Theory:
    if ahead and (theory := ahead.result()).spec == spec:
        return theory
    return Theory.of(spec)


def validate_frame(
    frame: dd.DataFrame,
    config: RunConfig,
    client: Client | None = None,
    *,
    level: float = LEVEL,
    recompute: float = 1.0,
) -> Verdict:
    """Validate any Dask DataFrame that is said to be the fleet of a configuration.

    Parameters
    ----------
    frame
        The documented columns; partitions may hold any rows.
    config
        What it is said to be.
    client, level
        As in :func:`validate`.
    recompute
        As there; but late slices of time, whose drawing costs more than 4 times their rows, are left out, and the
        verdict says how many rows were not drawn.

    Returns
    -------
    Verdict
        Rows count as out of order only where they are so within a partition.
    """
    start = perf_counter()
    plan = RunPlan.of(config)
    evidence = _evidence(frame, plan.spec, Planned.of(plan.spec, Recompute(_share(recompute), MOST_WORK)), client)
    return judge(evidence, plan.run_id, perf_counter() - start, level)


def _share(recompute: float) -> float:
    if not 0 <= recompute <= 1:
        raise ConfigError([Problem("recompute", f"{recompute!r} is not a share: give a number from 0 to 1")])
    return recompute


def _evidence(frame: dd.DataFrame, spec: FleetSpec, planned: Planned, client: Client | None) -> Evidence:
    total = _sum_tree(frame, planned)
    if client is None:
        return Evidence(compute(total)[0], planned, Theory.of(spec))
    # Theory needs no data: it is worked out here while the workers read.
    future = client.compute(total)
    theory = Theory.of(spec)
    return Evidence(future.result(), planned, theory)


def _sum_tree(frame: dd.DataFrame, planned: Planned) -> Delayed:
    """Return what all rows come to, lazily: a tree of additions, so that no task holds more than a few."""
    token = uuid4().hex
    shared = delayed(planned, name=f"planned-{token}", traverse=False)
    meta = pd.DataFrame({"measured": pd.Series(dtype=object)})
    rows = frame.map_partitions(validate_partition, shared, meta=meta, enforce_metadata=False)
    return tree([delayed(_cell)(row) for row in rows.to_delayed()], added)


def validate_partition(frame: pd.DataFrame, planned: Planned) -> pd.DataFrame:
    """Return what a partition comes to as a frame of one cell; the name is what Dask's dashboard shows."""
    return pd.DataFrame({"measured": pd.Series([measure_rows(frame, planned)], dtype=object)})


def _cell(row: pd.DataFrame) -> Measured:
    measured: Measured = row["measured"].iloc[0]
    return measured
