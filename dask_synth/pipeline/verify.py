"""Verify a dataset on a Dask client: one task a file."""

from __future__ import annotations

from uuid import uuid4

from dask.base import compute
from dask.delayed import delayed
from distributed import Client

from dask_synth.storage.dataset import Dataset
from dask_synth.storage.integrity import Finding, examine, unlisted


def verify(dataset: Dataset, client: Client | None = None) -> list[Finding]:
    """Compare every file with the manifest, and the folder with its list.

    Parameters
    ----------
    dataset
        A committed dataset.
    client
        The cluster that hashes; None does it in threads of this process.

    Returns
    -------
    list of Finding
        Empty where all is as it was committed.

    Raises
    ------
    ReplacedError
        If another dataset, or a longer one, took its place meanwhile.
    """
    token = uuid4().hex
    task = delayed(examine, pure=False)
    tasks = [
        task(dataset.path, entry, dask_key_name=f"verify-file-{token}-{index}")
        for index, entry in enumerate(dataset.manifest.files)
    ]
    found = client.gather(client.compute(tasks)) if client else compute(*tasks, scheduler="threads")
    findings = [*filter(None, found), *unlisted(dataset.path, dataset.manifest)]
    if findings:
        dataset.check_current()
    return findings
