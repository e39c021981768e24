"""Checks of structure: keys, types, nulls, ranges, calendar and metadata. Chance has no part in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dask_synth.measure.planned import TEXT_BY_SERVER
from dask_synth.model.columns import MetricTable
from dask_synth.proof.evidence import Evidence
from dask_synth.proof.verdict import Check, Kind
from dask_synth.schema import CALENDAR

NAMED = 3
"""How many offenders a message names."""


def check(
    name: str,
    what: str,
    observed: object,
    expected: object,
    detail: str = "",
    *,
    kind: Kind = "structure",
    archetype: str | None = None,
    metric: str | None = None,
) -> Check:
    """Return a check that passes where the texts agree."""
    seen, should = str(observed), str(expected)
    message = f"{what}: {seen}" if seen == should else f"{what}: {seen}, expected {should}{'; ' * bool(detail)}{detail}"
    return Check(
        name=f"{kind}.{name}",
        kind=kind,
        what=what,
        observed=seen,
        expected=should,
        passed=seen == should,
        message=message,
        archetype=archetype,
        metric=metric,
    )


def counts(evidence: Evidence) -> Iterator[Check]:
    """Count rows, servers and archetypes."""
    planned, measured = evidence.planned, evidence.measured
    servers, present = planned.servers, len(measured.servers.index)
    absent = np.delete(np.arange(servers), measured.servers.index)
    names = [planned.server_id(server) for server in absent[:NAMED].tolist()]
    yield check("rows", "rows", f"{measured.rows:,}", f"{servers * planned.grid.size:,}")
    yield check("servers", "servers", present, servers, _named("is missing", names, len(absent)))
    for block in evidence.theory.spec.fleet.blocks():
        count = evidence.servers_of(block.archetype).sum()
        yield check(
            f"servers.{block.archetype}",
            f"{block.archetype} servers",
            count,
            block.stop - block.start,
            archetype=block.archetype,
        )


def keys(evidence: Evidence) -> Iterator[Check]:
    """Check that each server has each timestamp once.

    The sums of the positions, of their squares and of a weight for each tell a missing row from one that came twice,
    and which it was where it is one.
    """
    planned, servers = evidence.planned, evidence.measured.servers
    t = np.arange(planned.grid.size, dtype=float)
    whole = np.array([len(t), t.sum(), (t * t).sum(), planned.weights.sum()])
    off = servers.keys - whole
    wrong = np.flatnonzero(off.any(axis=1))
    words = [f"{planned.server_id(int(servers.index[i]))} {_key_words(off[i], evidence)}" for i in wrong[:NAMED]]
    detail = "; ".join(words)
    yield check("keys", "servers that lack a timestamp or have one twice", len(wrong), 0, detail)


def _key_words(off: npt.NDArray[np.float64], evidence: Evidence) -> str:
    rows, position, square = off[:3]
    if abs(rows) == 1:
        place = evidence.planned.timestamp(round(abs(position)))
        return f"has {place} twice" if rows > 0 else f"lacks {place}"
    if rows == 0 and position:
        # One row at a instead of b: a - b and a ** 2 - b ** 2 are known.
        twice = (square / position + position) / 2
        if twice == round(twice) and 0 <= twice - position < evidence.planned.grid.size and twice >= 0:
            time = evidence.planned.timestamp
            return f"has {time(round(twice))} twice and lacks {time(round(twice - position))}"
        return "lacks some timestamps and has others twice"
    return f"lacks {-rows:,.0f} rows" if rows < 0 else f"has {rows:,.0f} rows too many"


def types(evidence: Evidence) -> Iterator[Check]:
    """Check columns and types."""
    wrong = sorted(evidence.measured.types)
    yield check(
        "types", "columns and types that are not the documented ones", len(wrong), 0, _named("", wrong, len(wrong))
    )


def rows(evidence: Evidence) -> Iterator[Check]:
    """Check what single rows hold: one check for each kind of fault."""
    faults, examples = evidence.measured.faults, evidence.measured.examples
    for kind, what, metric in _kinds(evidence.planned.spec.metrics, evidence.planned.columns.names):
        yield check(kind, what, f"{faults[kind]:,}", "0", examples.get(kind, ""), metric=metric)


def _kinds(columns: MetricTable, names: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    yield "server", "rows of servers that are not planned", None
    yield "timestamp", "rows off the time grid", None
    yield "order", "rows that stand before an earlier one", None
    for name in names:
        yield f"null.{name}", f"nulls in {name}", name if name in columns.names else None
    for column in columns.columns:
        yield f"range.{column.name}", f"{column.name} outside 0..{column.high:g}", column.name
        yield f"decimals.{column.name}", f"{column.name} with more than 2 decimals", column.name
    for name in CALENDAR:
        yield f"calendar.{name}", f"rows whose {name} is not their timestamp's", None
    for name in TEXT_BY_SERVER:
        yield f"metadata.{name}", f"rows whose {name} is not their server's", None


def recomputed(evidence: Evidence) -> Iterator[Check]:
    """Check that the rows that were drawn anew are the model's to the bit."""
    planned, redrawn = evidence.planned, evidence.measured.redrawn
    if not planned.recompute.share:
        return
    unlike = sorted(redrawn.unlike.items())
    words = [
        f"{planned.server_id(server)} from {planned.timestamp(found.position)} on ({found.rows:,} rows; "
        f"{found.example})"
        for server, found in unlike[:NAMED]
    ]
    more = [f"and {len(unlike) - NAMED} more servers"] if len(unlike) > NAMED else []
    wrong = sum(found.rows for _, found in unlike)
    left_out = evidence.measured.rows - redrawn.rows
    but = f" ({left_out:,} others were not drawn)" if left_out else ""
    what = f"of {redrawn.rows:,} rows drawn anew{but}, those that are not the model's to the bit"
    yield check("rows", what, f"{wrong:,}", "0", "; ".join(words + more), kind="recompute")


def not_recomputed(others: Sequence[str]) -> Check:
    """Return the note that rows were not drawn anew, since other versions made them."""
    what = f"rows are not drawn anew: they were made with {', '.join(others)}; statistics alone speak"
    return Check(name="recompute.untested", kind="recompute", what=what, passed=True, message=what)


def _named(verb: str, names: Sequence[str], count: int) -> str:
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more} {verb}".strip() if count else ""


STRUCTURE: tuple[Callable[[Evidence], Iterator[Check]], ...] = (counts, keys, types, rows, recomputed)
