"""A dataset to its report: one pass over the rows on Dask, two files. Wiring; what is shown stands elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from dask_synth.errors import OutputError, RunError
from dask_synth.exactly_once.committed import Committed, open_committed
from dask_synth.exactly_once.derived import keep
from dask_synth.measure.layout import Layout
from dask_synth.measure.one_pass import start_pass
from dask_synth.measure.planned import Planned
from dask_synth.measure.read import UNREADABLE
from dask_synth.measure.sums import Measured
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import spec_of
from dask_synth.pipeline.recorded import recorded_config, tell_other_versions
from dask_synth.proof.verdict import VALIDATION_NAME, Verdict
from dask_synth.reporting.summary import summary_of
from dask_synth.schema import PARTITION_KEY
from dask_synth.storage.integrity import Finding
from dask_synth.storage.places import readable, reading
from dask_synth.theory.theory import Theory

if TYPE_CHECKING:
    from distributed import Client

REPORT_NAME = "report.html"
OVERVIEW_NAME = "overview.png"


def report(path: str | os.PathLike[str], client: Client | None = None) -> tuple[Path, Path]:
    """Write ``overview.png`` and ``report.html`` beside a committed dataset.

    Parameters
    ----------
    path
        The dataset. If it was validated, the report says how that came out.
    client
        The cluster that reads the rows; None reads them with threads of this process.

    Returns
    -------
    tuple of pathlib.Path
        The picture and the page.

    Raises
    ------
    OutputError
        If there is no committed dataset at `path`, one that this version cannot read, or one that is not as it was
        committed, unless its verdict says that it is not valid: then what can be read is drawn.
    ReplacedError
        If another dataset took its place meanwhile.
    RunError
        If the files cannot be written there.
    """
    dataset = open_committed(path)
    verdict, spec = read_verdict(dataset), recorded_spec(dataset)
    tell_other_versions(dataset.path, dataset.manifest)
    finish = start_pass(dataset, client, Planned.of(spec), Layout.of(spec))
    theory = Theory.of(spec)
    measured = finish()
    check_drawable(dataset, verdict, measured.findings)
    return draw(dataset, measured, theory, verdict)


def draw(dataset: Committed, measured: Measured, theory: Theory, verdict: Verdict | None) -> tuple[Path, Path]:
    """Write the picture and the page of what a pass has summed up; raise as :func:`report` does."""
    # Here, not above: they take a second to import, which only drawing should cost.
    from dask_synth.reporting.overview import overview_png
    from dask_synth.reporting.page import page_html

    summary = summary_of(measured, theory, Layout.of(theory.spec))
    highest = [server.name for highest in summary.each.highest for server in highest]
    servers = read_servers(dataset, [*summary.each.names, *highest])
    dataset.check_current()
    files = {
        OVERVIEW_NAME: overview_png(summary, servers, dataset.manifest, verdict),
        REPORT_NAME: page_html(summary, servers, dataset, verdict).encode(),
    }
    if why := keep(dataset, files):
        raise RunError(f"{' and '.join(files)} cannot be kept in {str(dataset.path)!r}: {why}")
    return dataset.path / OVERVIEW_NAME, dataset.path / REPORT_NAME


def check_drawable(dataset: Committed, verdict: Verdict | None, findings: Sequence[Finding]) -> None:
    """Raise OutputError where files were changed since, and no verdict that is shown says so."""
    damaged = findings if verdict is None or verdict.passed else ()
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise OutputError(
            f"{str(dataset.path)!r} is not as it was committed ({damaged[0].path}: {damaged[0].what}{more}); "
            "see `verify`; after `validate`, what can be read of it is drawn"
        )


def recorded_spec(dataset: Committed) -> FleetSpec:
    """Return what a dataset's values follow from, as its manifest says."""
    return spec_of(recorded_config(dataset.path, dataset.manifest))


def read_servers(dataset: Committed, named: Sequence[str] = ()) -> dict[str, Any]:
    """Return the number of servers of each business unit and server type, and sampled and named servers' metadata."""
    columns = ["server_id", "app_name", "business_unit", "criticality", "region", PARTITION_KEY]
    with reading(dataset.servers):
        try:
            table = pq.read_table(readable(dataset.servers), columns=columns)
        except (pa.ArrowException, *UNREADABLE) as error:
            dataset.check_current()
            raise OutputError(f"{str(dataset.servers)!r} cannot be read: {error}") from None
    counted = table.group_by(["business_unit", PARTITION_KEY]).aggregate([([], "count_all")]).to_pylist()
    sample = [server for server, _ in Layout.of(recorded_spec(dataset)).sample]
    ids = table["server_id"]
    chosen = table.filter(pc.is_in(table["server_id"], pa.array(sample))).to_pylist()
    return {
        "units": {(row["business_unit"], row[PARTITION_KEY]): row["count_all"] for row in counted},
        "sample": {row["server_id"]: row for row in chosen},
        "facts": {row["server_id"]: row for row in table.filter(pc.is_in(ids, pa.array(named, ids.type))).to_pylist()},
    }


def read_verdict(dataset: Committed) -> Verdict | None:
    """Return the outcome of the dataset's validation; None if there is none, or it is of another run."""
    with reading(dataset.path / VALIDATION_NAME):
        try:
            text = (dataset.path / VALIDATION_NAME).read_bytes()
        except FileNotFoundError:
            return None
    try:
        verdict = Verdict.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise OutputError(
            f"{str(dataset.path / VALIDATION_NAME)!r} is damaged ({first['msg']}); validate the dataset again"
        ) from None
    return verdict if verdict.run_id == dataset.manifest.run_id else None
