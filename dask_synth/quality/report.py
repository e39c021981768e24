"""A dataset to its report: one pass over the rows on Dask, two files. Wiring; what is shown stands elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dask.base import compute
from dask.delayed import delayed
from pydantic import ValidationError

from dask_synth.errors import OutputError, RunError
from dask_synth.model.spec import FleetSpec
from dask_synth.pipeline.plan import spec_of
from dask_synth.pipeline.recorded import recorded_config
from dask_synth.quality.binning import Layout
from dask_synth.quality.digest import Summary, summary_of
from dask_synth.quality.landed import UNREADABLE, landed
from dask_synth.quality.partials import COLUMNS, Partial, merge, summarise
from dask_synth.quality.verdict import VALIDATION_NAME, Verdict
from dask_synth.schema import PARTITION_KEY
from dask_synth.storage.dataset import Dataset, open_dataset
from dask_synth.storage.derived import keep
from dask_synth.storage.names import METRICS as METRICS_FOLDER
from dask_synth.storage.places import readable, reading
from dask_synth.theory.theory import Theory

if TYPE_CHECKING:
    from distributed import Client

REPORT_NAME = "report.html"
OVERVIEW_NAME = "overview.png"
FAN_IN = 8


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
    # Here, not above: they take a second to import, which only drawing should cost.
    from dask_synth.quality.overview import overview_png
    from dask_synth.quality.page import page_html

    dataset = open_dataset(path)
    verdict = read_verdict(dataset)
    check_drawable(dataset, verdict, client)
    summary, servers = summarise_dataset(dataset, client), read_servers(dataset)
    dataset.check_current()
    files = {
        OVERVIEW_NAME: overview_png(summary, servers, dataset.manifest, verdict),
        REPORT_NAME: page_html(summary, servers, dataset, verdict).encode(),
    }
    if why := keep(dataset, files):
        raise RunError(f"{' and '.join(files)} cannot be kept in {str(dataset.path)!r}: {why}")
    return dataset.path / OVERVIEW_NAME, dataset.path / REPORT_NAME


def check_drawable(dataset: Dataset, verdict: Verdict | None, client: Client | None) -> None:
    """Raise OutputError where files were changed since, and no verdict that is shown says so."""
    damaged = dataset.verify(client) if verdict is None or verdict.passed else []
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise OutputError(
            f"{str(dataset.path)!r} is not as it was committed ({damaged[0].path}: {damaged[0].what}{more}); "
            "see `verify`; after `validate`, what can be read of it is drawn"
        )


def summarise_dataset(dataset: Dataset, client: Client | None = None) -> Summary:
    """Sum up a dataset in one pass: a task a file, and their sums up a tree."""
    spec = recorded_spec(dataset)
    layout = Layout.of(spec)
    files = [entry.path for entry in dataset.manifest.files if entry.path.startswith(f"{METRICS_FOLDER}/")]
    if files:
        read = delayed(summarise_file, pure=False)
        partials = [read(dataset.path / file, layout) for file in files]
    else:
        partials = [delayed(_summarise_frame)(part, layout) for part in landed(dataset).to_delayed()]
    total = _tree(partials)
    partial = client.compute(total).result() if client else compute(total, scheduler="threads")[0]
    return summary_of(partial, Theory.of(spec), layout)


def summarise_file(path: Path, layout: Layout) -> Partial:
    """Sum up one Parquet file; its folder names the archetype."""
    # Straight through Arrow: 30 ns a row, against 400 through a data frame of strings and categories.
    with reading(path):
        try:
            file = pq.ParquetFile(readable(path), read_dictionary=["server_id", "criticality"])
            table = file.read(columns=list(COLUMNS), use_threads=False)
        except (KeyError, pa.ArrowException, *UNREADABLE):  # a KeyError: it lacks one of the texts
            # Its rows are missing then, and the verdict says why.
            return Partial()
    if not set(COLUMNS) <= set(table.column_names):
        return Partial()
    return summarise(table, path.parent.name.removeprefix(f"{PARTITION_KEY}="), layout)


def recorded_spec(dataset: Dataset) -> FleetSpec:
    """Return what a dataset's values follow from, as its manifest says."""
    return spec_of(recorded_config(dataset.path, dataset.manifest))


def read_servers(dataset: Dataset) -> dict[str, Any]:
    """Return the number of servers of each business unit and server type, and the sampled servers' metadata."""
    columns = ["server_id", "app_name", "business_unit", "criticality", "region", PARTITION_KEY]
    with reading(dataset.servers):
        try:
            table = pq.read_table(readable(dataset.servers), columns=columns)
        except (pa.ArrowException, *UNREADABLE) as error:
            dataset.check_current()
            raise OutputError(f"{str(dataset.servers)!r} cannot be read: {error}") from None
    counted = table.group_by(["business_unit", PARTITION_KEY]).aggregate([([], "count_all")]).to_pylist()
    sample = [server for server, _ in Layout.of(recorded_spec(dataset)).sample]
    chosen = table.filter(pc.is_in(table["server_id"], pa.array(sample))).to_pylist()
    return {
        "units": {(row["business_unit"], row[PARTITION_KEY]): row["count_all"] for row in counted},
        "sample": {row["server_id"]: row for row in chosen},
    }


def read_verdict(dataset: Dataset) -> Verdict | None:
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


def _summarise_frame(frame: Any, layout: Layout) -> Partial:
    """Sum up rows of all archetypes."""
    columns = [*COLUMNS, PARTITION_KEY]
    if not set(columns) <= set(frame):
        return Partial()
    table = pa.Table.from_pandas(frame[columns], preserve_index=False)
    kinds = table.column(PARTITION_KEY).cast(pa.string())
    return merge(summarise(table.filter(pc.equal(kinds, name)), name, layout) for name, _ in layout.archetypes)


def _tree(partials: Sequence[Any]) -> Any:
    """Add partials up, FAN_IN at a time: no worker ever holds more of them."""
    while len(partials) > 1:
        partials = [delayed(merge)(partials[i : i + FAN_IN]) for i in range(0, len(partials), FAN_IN)]
    return partials[0]
