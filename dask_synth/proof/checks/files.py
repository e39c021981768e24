"""Checks of a dataset's files: as the manifest says, and servers.parquet as planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dask_synth.measure.planned import TEXT_BY_SERVER, Reference
from dask_synth.model.numbers import profile_numbers
from dask_synth.model.spec import FleetSpec
from dask_synth.proof.checks.structure import check
from dask_synth.proof.verdict import Check
from dask_synth.schema import PARTITION_KEY
from dask_synth.storage.integrity import Finding
from dask_synth.storage.manifest import Manifest
from dask_synth.storage.names import SERVERS_NAME
from dask_synth.storage.places import readable, reading


def file_checks(findings: Sequence[Finding], manifest: Manifest) -> Iterator[Check]:
    """Check that every file is as it was committed."""
    detail = "; ".join(f"{finding.path}: {finding.what}" for finding in findings[:3])
    what = f"of {len(manifest.files):,} files, those not as committed"
    yield check("files", what, len(findings), 0, detail)


def server_checks(servers: Path, spec: FleetSpec, reference: Reference) -> Iterator[Check]:
    """Check that servers.parquet has one row a server, with its metadata and its profile."""
    with reading(servers):
        try:
            table = pq.read_table(readable(servers)).to_pandas()
        except (OSError, pa.ArrowInvalid) as error:
            yield check("servers_file", SERVERS_NAME, f"unreadable ({error})", "as planned")
            return
    wrong = _differing(table, spec, reference)
    yield check(
        "servers_file", SERVERS_NAME, ", ".join(wrong) + " not as planned" if wrong else "as planned", "as planned"
    )


def _differing(table: pd.DataFrame, spec: FleetSpec, reference: Reference) -> list[str]:
    expected: dict[str, np.ndarray] = {"server_id": reference.server_ids}
    expected |= {name: reference.metadata[name] for name in TEXT_BY_SERVER}
    profiles = pd.DataFrame([profile_numbers(one, spec.metrics) for one in spec.archetypes.values()]).astype(float)
    kinds = pd.Index(list(spec.archetypes)).get_indexer(pd.Index(reference.metadata[PARTITION_KEY]))
    expected |= {f"profile_{name}": profiles[name].to_numpy()[kinds] for name in profiles}
    return [
        name
        for name, values in expected.items()
        if name not in table or len(table) != len(values) or not (table[name].to_numpy() == values).all()
    ]
