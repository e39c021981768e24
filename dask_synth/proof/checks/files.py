"""Checks of a dataset's files: as the manifest says, and servers.parquet as planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.measure.planned import TEXT_BY_SERVER, Planned
from dask_synth.model.fleet import ALONE
from dask_synth.model.individuals import individual_columns
from dask_synth.model.numbers import profile_numbers
from dask_synth.model.spec import FleetSpec
from dask_synth.proof.checks.structure import check
from dask_synth.proof.verdict import Check
from dask_synth.schema import PARTITION_KEY
from dask_synth.storage.integrity import Finding
from dask_synth.storage.manifest import Manifest
from dask_synth.storage.names import SERVERS_NAME
from dask_synth.storage.places import readable, reading

BATCH_SERVERS = 1 << 16
"""Servers that are compared at once: a large fleet's texts never stand in memory together."""


def file_checks(findings: Sequence[Finding], manifest: Manifest) -> Iterator[Check]:
    """Check that every file is as it was committed."""
    detail = "; ".join(f"{finding.path}: {finding.what}" for finding in findings[:3])
    what = f"of {len(manifest.files):,} files, those not as committed"
    yield check("files", what, len(findings), 0, detail)


def server_checks(servers: Path, spec: FleetSpec, planned: Planned) -> Iterator[Check]:
    """Check that servers.parquet has one row a server, with its metadata, its profile and what makes it individual."""
    with reading(servers):
        try:
            with pq.ParquetFile(readable(servers)) as file:
                wrong = _differing(file, spec, planned)
        except (OSError, pa.ArrowInvalid) as error:
            yield check("servers_file", SERVERS_NAME, f"unreadable ({error})", "as planned")
            return
    yield check(
        "servers_file", SERVERS_NAME, ", ".join(wrong) + " not as planned" if wrong else "as planned", "as planned"
    )


def _differing(file: pq.ParquetFile, spec: FleetSpec, planned: Planned) -> list[str]:
    """Return the columns that are not as planned, in the plan's order; a batch of servers at a time."""
    archetypes = [spec.archetypes[name] for name in planned.categories[PARTITION_KEY]]
    profiles = pd.DataFrame([profile_numbers(profile, spec.metrics) for profile in archetypes]).astype(float)
    texts = ("server_id", *TEXT_BY_SERVER)
    of_profile = {f"profile_{name}": profiles[name].to_numpy() for name in profiles}
    names = [*texts, *of_profile, *individual_columns(spec, 0, 1)]
    if file.metadata.num_rows != planned.servers:
        return names
    wrong = {*names} - {*file.schema_arrow.names}
    start = 0
    for batch in file.iter_batches(BATCH_SERVERS):
        table = batch.to_pandas()
        here = np.arange(start, start + len(table))
        kinds = planned.codes(PARTITION_KEY, here)
        numbers = {name: of_kinds[kinds] for name, of_kinds in of_profile.items()}
        numbers |= individual_columns(spec, start, start + len(here))
        start += len(here)
        for name in {*names} - wrong:
            values = planned.texts(name, here) if name in texts else numbers[name]
            found = table[name].fillna(ALONE) if name == "pool" else table[name]
            if not (found.to_numpy() == values).all():
                wrong.add(name)
    return [name for name in names if name in wrong]
