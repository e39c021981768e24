"""The public dataset, and what makes one: above all rooms, so that none of them looks up."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from dask_synth.exactly_once.committed import Committed, open_committed
from dask_synth.schema import CATEGORICAL, CATEGORY, PARTITION_KEY, empty_frame
from dask_synth.storage.formats import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    import dask.dataframe as dd
    from distributed import Client

    from dask_synth.config.run import RunConfig
    from dask_synth.pipeline.parts import OnReceipt
    from dask_synth.proof.verdict import Verdict
    from dask_synth.storage.integrity import Finding


class Dataset(Committed):
    """A committed dataset, and all that can be asked of it.

    Attributes
    ----------
    path
        Where it lies.
    manifest
        What it is: the configuration and versions that made it, and its files.
    """

    @classmethod
    def of(cls, committed: Committed) -> Self:
        """Return what was committed as a dataset."""
        return cls(committed.path, committed.manifest)

    def frame(self) -> dd.DataFrame:
        """Return the rows as a lazy Dask DataFrame, in the documented columns, order and dtypes.

        Where the dataset has no Parquet, they are read from its next format: one partition a file.
        Where the dataset is replaced before it is read, that raises ReplacedError: never another dataset's rows.
        """
        import dask.dataframe as dd

        from dask_synth.exactly_once.reading import CommittedFiles, read_rows

        meta = empty_frame(self.manifest.categories, self.columns)
        frame: dd.DataFrame
        if not self.parts():
            held = rows_of([entry.path for entry in self.manifest.files])
            files = [entry for entry in self.manifest.files if entry.path in held]
            known = {"root": self.path, "digest": self.manifest.digest, "layout": self.columns}
            known |= {"categories": self.manifest.categories, "meta": meta}
            frame = dd.from_map(read_rows, files, **known, enforce_metadata=False, label="read-rows")
            return frame
        names = [part.relative_to(self.path).as_posix() for part in self.parts()]
        # Dask takes the files' categories as known and empty, and the Hive key's in the order of its folders.
        types = {name: meta.dtypes[name] for name in CATEGORICAL}
        committed = CommittedFiles(self.path, self.manifest.digest)
        frame = dd.read_parquet(names, filesystem=committed, dataset={"partitioning": self._hive()})
        frame = frame[list(self.columns.names)].astype(types)
        return frame

    def _hive(self) -> dict[str, Any]:
        types = pa.array(self.manifest.categories[PARTITION_KEY], pa.string())
        schema = pa.schema([(PARTITION_KEY, CATEGORY)])
        return {"flavor": "hive", "schema": schema, "dictionaries": {PARTITION_KEY: types}}

    def verify(self, client: Client | None = None) -> list[Finding]:
        """Re-hash every file, on the client's cluster where one is given; return what is not as it was committed."""
        from dask_synth.measure.one_pass import start_pass

        return list(start_pass(self, client)().findings)

    def validate(self, client: Client | None = None, **options: Any) -> Verdict:
        """Prove it against its model, as :func:`dask_synth.validate` does, which says what the options are."""
        from dask_synth.proof.validate import validate

        return validate(self, client, **options)

    def report(self, client: Client | None = None) -> tuple[Path, Path]:
        """Draw it, as :func:`dask_synth.report` does; return the picture and the page."""
        from dask_synth.reporting.report import report

        return report(self.path, client)


def open_dataset(path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> Dataset:
    """Open a committed dataset.

    Parameters
    ----------
    path
        A folder, or a URL such as ``s3://bucket/fleet``.
    storage_options
        What an object store's client is given, besides what the environment says.

    Raises
    ------
    OutputError
        If there is none at `path`, what is there was never committed, or its manifest is damaged.
    """
    return Dataset.of(open_committed(path, storage_options))


def generate(
    config: RunConfig,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> Dataset:
    """Make a dataset and commit it.

    Parameters
    ----------
    config
        What to make, and where.
    client
        The cluster that makes it; None starts a local one for this call.
    on_receipt
        Called with each chunk's receipt as it lands.
    resume
        Begin, go on with an interrupted run of the same configuration, or find it complete: the same call is right
        each time. Parts that have landed stay, if they are as they were written.
    overwrite
        Replace the dataset, or the unfinished run, that is there; the old one goes when the new one is complete. What
        dask-synth did not write stays.

    Returns
    -------
    Dataset
        What was committed.

    Raises
    ------
    SchedulerError
        If a worker differs from this process in what decides the bytes, or cannot write the output.
    OutputError
        If the output is not as `resume` and `overwrite` say, is being written, or cannot be written.
    RunError
        If a chunk fails, the output fills up, no worker is left, or another process committed to an object store
        meanwhile. What was finished is kept for `resume`.
    """
    from dask_synth.pipeline import run

    return Dataset.of(run.generate(config, client, on_receipt, resume=resume, overwrite=overwrite))


def append(
    path: str | os.PathLike[str],
    until: dt.date | str,
    client: Client | None = None,
    on_receipt: OnReceipt | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Add the days after a dataset's end, through the whole of `until`, as one longer run would have made them.

    The next generation is completed beside the dataset (old parts are hard links) and takes its place in one step.
    Interrupted, the same call goes on where it stopped; where the dataset has those days, it does nothing.

    Parameters
    ----------
    path
        A committed dataset.
    until
        The new last day; a string is read as YYYY-MM-DD, of a time its day counts.
    client, on_receipt
        As in :func:`dask_synth.generate`.
    storage_options
        As in :func:`dask_synth.open_dataset`.

    Returns
    -------
    Dataset
        The new generation, or the one that has those days already.
    """
    from dask_synth.pipeline.append import append as extend

    return Dataset.of(extend(path, until, client, on_receipt, storage_options))
