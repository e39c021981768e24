"""Everything that the page's pickers can choose from, packed: two bytes a value, whatever the dataset's size."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import MetricTable
from dask_synth.proof.verdict import Check, Verdict
from dask_synth.reporting.palette import FLEET_COLOUR, archetype_colours
from dask_synth.reporting.summary import FLEET, Summary
from dask_synth.theory.gauge import CANDIDATES

STEPS = 65_000
"""Steps from 0 to a metric's limit: 0.0015 % of CPU, 0.015 Mbps."""
MISSING = 65_535
BYTE_STEPS, NO_BYTE = 254, 255

MAX_CHECKS = 3000
KINDS = {
    "mean": "mean",
    "sd": "standard deviation",
    "correlation": "correlation",
    "effect": "effect",
    "growth": "growth",
    "spike": "spikes",
}
"""Kinds of check that have a number, an expectation and a standard error -> what the picker calls them."""


def pack(values: npt.NDArray[np.float64], high: npt.NDArray[np.float64] | float) -> npt.NDArray[np.uint16]:
    """Return `values`, 0 to `high`, in whole steps of high / STEPS; NaN as MISSING."""
    steps = np.rint(np.clip(np.asarray(values / high), 0, 1) * STEPS)
    return np.where(np.isfinite(steps), steps, MISSING).astype(np.uint16)


def unpack(steps: npt.NDArray[np.uint16], high: float) -> npt.NDArray[np.float64]:
    """Return what :func:`pack` packed, as the page does."""
    return np.where(steps == MISSING, np.nan, steps * (high / STEPS))


class Packed(NamedTuple):
    """Series of servers in a byte a value: low + span * step / BYTE_STEPS; NO_BYTE is a missing one."""

    steps: npt.NDArray[np.uint8]
    low: npt.NDArray[np.float32]
    span: npt.NDArray[np.float32]


def pack_each(series: npt.NDArray[np.float64]) -> Packed:
    """Return series, (servers, metrics, points), in steps of each one's own range."""
    known = np.isfinite(series)
    low = np.where(known, series, np.inf).min(axis=2, initial=np.inf)
    high = np.where(known, series, -np.inf).max(axis=2, initial=-np.inf)
    some = np.isfinite(low)
    low, span = np.where(some, low, 0.0), np.where(some, high - low, 0.0)
    # In single precision, as the page counts them.
    steps = (np.where(known, series, 0.0) - low[:, :, None]) / np.maximum(span, 1e-9)[:, :, None] * BYTE_STEPS
    packed = np.where(known, np.rint(steps.clip(0, BYTE_STEPS)), NO_BYTE).astype(np.uint8)
    return Packed(packed, low.astype(np.float32), span.astype(np.float32))


def unpack_each(packed: Packed) -> npt.NDArray[np.float64]:
    """Return what :func:`pack_each` packed, as the page does."""
    values = packed.low[:, :, None] + packed.span[:, :, None] * (packed.steps / BYTE_STEPS)
    return np.where(packed.steps == NO_BYTE, np.nan, values)


def library_of(summary: Summary, servers: dict[str, Any], verdict: Verdict | None) -> dict[str, Any]:
    """Return the page's data, for Bokeh to serialise.

    ``series`` is (group, series, metric, period), ``week`` (group, metric, slot), ``shares`` (group, observed or
    expected, metric, bin), ``own`` (server, metric, point); groups, metrics and servers are in the order of their lists
    of names.
    """
    groups, columns = summary.groups, summary.metrics.columns
    limits = np.array([column.high for column in columns])
    colours = archetype_colours(group.name for group in groups[1:])
    own = pack_each(summary.each.series)
    return {
        "series": pack(np.stack([group.series for group in groups]), limits[:, None]),
        "week": pack(np.stack([group.week for group in groups]), limits[:, None]),
        "shares": pack(np.stack([group.shares for group in groups]).clip(0, 1), 1.0),
        "own": own.steps,
        "own_low": own.low,
        "own_span": own.span,
        "own_kind": summary.each.kind.astype(np.uint8),
        "own_days": summary.layout.lives.days,
        "own_points": summary.layout.lives.points,
        "own_texts": json.dumps({"names": summary.each.names, "facts": _all_facts(summary, servers)}),
        "days_each": summary.layout.days_per_period,
        "days": summary.layout.period_starts().astype("M8[ms]").astype(np.int64).astype(np.float64),
        "slots": summary.layout.slots,
        "bins": CANDIDATES,
        "steps": STEPS,
        "limits": limits.tolist(),
        "groups": [group.name for group in groups],
        "colours": [FLEET_COLOUR, *(colours[group.name] for group in groups[1:])],
        "living": summary.each.living,
        "densities": bool(np.isfinite(summary.groups[0].shares[1]).all()),
        **(_living(summary, limits) if summary.each.living else {}),
        "metrics": [column.name for column in columns],
        "labels": [column.label for column in columns],
        "units": [column.unit for column in columns],
        "correlation": [group.correlation.ravel() for group in groups],
        "checks": checks_of(verdict, summary.metrics) if verdict else {},
        "critical": verdict.critical_z if verdict else 0.0,
    }


def _living(summary: Summary, limits: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return what is shown of single servers, pools and regions where servers are individuals.

    ``own_mean`` is (metric, server), ``between`` (group, LOW or HIGH, metric, point), ``beside`` (server, metric,
    moment) in multiples of the server's mean, ``kin`` (archetype, pool or strangers, metric, bin), and ``local``
    (group, metric, region, hour).
    """
    each, lives = summary.each, summary.layout.lives
    beside = pack_each(np.concatenate([values for _, values in each.together])) if each.together else None
    place = {server: position for position, server in enumerate(each.index.tolist())}
    start = summary.layout.period_starts()[0].astype("M8[ms]").astype(np.int64) + lives.opens // 1000
    return {
        "own_mean": each.mean.astype(np.float32),
        "between": pack(each.band, limits[:, None]),
        **({"beside": beside.steps, "beside_low": beside.low, "beside_span": beside.span} if beside else {}),
        "beside_kinds": [together.archetype for together, _ in each.together],
        "beside_pool": [[place.get(server, -1) for server in together.pool] for together, _ in each.together],
        "beside_alone": [[place.get(server, -1) for server in together.alone] for together, _ in each.together],
        "moments": (start + np.arange(lives.moments) * (lives.step // 1000)).astype(np.float64),
        "kin": each.kin.astype(np.float32),
        "local": pack(each.local, limits[:, None, None]) if each.local.size else np.zeros(0, np.uint16),
        "regions": list(each.regions),
    }


def checks_of(verdict: Verdict, metrics: MetricTable) -> dict[str, Any]:
    """Return the checks that can be drawn, as columns; the failures come first, and MAX_CHECKS at most."""
    drawable = [check for check in verdict.checks if _is_drawable(check)]
    drawable.sort(key=lambda check: check.passed)
    chosen = drawable[:MAX_CHECKS]
    texts: dict[str, list[str]] = {
        "kind": [check.kind for check in chosen],
        "group": [check.archetype or FLEET for check in chosen],
        "metric": [check.metric or "" for check in chosen],
        "label": [_check_label(check, metrics) for check in chosen],
    }
    return {
        "kinds": [kind for kind in KINDS if kind in texts["kind"]],
        # One text and no lists: Bokeh walks through every element of a list, once for each chart and picker.
        "texts": json.dumps(texts),
        "observed": np.array([check.observed for check in chosen], np.float64),
        "expected": np.array([check.expected for check in chosen], np.float64),
        "error": np.array([check.standard_error for check in chosen], np.float64),
        "z": np.array([check.z for check in chosen], np.float64),
        "passed": np.array([check.passed for check in chosen], np.uint8),
    }


def metric_label(metric: str, metrics: MetricTable) -> str:
    """Return what people call a metric, or a pair of them."""
    return " ~ ".join(metrics[name].label for name in metric.split("~"))


def _is_drawable(check: Check) -> bool:
    numbers = (check.observed, check.expected, check.standard_error)
    return check.kind in KINDS and all(isinstance(number, float) and np.isfinite(number) for number in numbers)


def _check_label(check: Check, metrics: MetricTable) -> str:
    """Say which row of a chart this is: the pair of a correlation, the cell of a mean, or its own name."""
    cell = check.cell.replace("_", " ") if check.cell else ""
    pair = metric_label(check.metric, metrics) if check.metric and "~" in check.metric else ""
    if check.kind == "correlation" and cell:
        cell = "two of a pool" if cell == "pool" else f"itself, {cell.removesuffix('h')} h later"
    return " · ".join(part for part in (pair, cell) if part) or check.name.rpartition(".")[2].replace("_", " ")


def _all_facts(summary: Summary, servers: dict[str, Any]) -> list[str]:
    return [_facts(servers["facts"].get(name, {})) for name in summary.each.names]


def _facts(row: dict[str, Any]) -> str:
    return ", ".join(str(row[key]) for key in ("app_name", "business_unit", "criticality", "region") if key in row)
