"""``report.html``: one file, which opens without a network. Text and tables; the charts come from ``charts.py``."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version as version_of
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
import yaml
from bokeh.document import Document
from bokeh.embed import components
from bokeh.resources import Resources
from bokeh.settings import settings

import dask_synth
from dask_synth.exactly_once.committed import Committed
from dask_synth.proof.verdict import Check, Verdict
from dask_synth.reporting.charts import charts_of
from dask_synth.reporting.packed import library_of
from dask_synth.reporting.palette import verdict_words
from dask_synth.reporting.server_page import servers_of
from dask_synth.reporting.summary import Summary
from dask_synth.storage.manifest import Manifest

MAX_GROUPS = 20
MAX_FAILED, MAX_PASSED = 400, 600
MAX_TEXT = 400
MAX_CONFIG = 40_000


def page_html(summary: Summary, servers: dict[str, Any], dataset: Committed, verdict: Verdict | None) -> str:
    """Write the page.

    Parameters
    ----------
    summary
        Of the dataset.
    servers
        What ``read_servers`` returns.
    dataset
        For what was run, and where it lies.
    verdict
        Of the dataset, if it was validated.

    Returns
    -------
    str
        HTML with all that it needs in it: at most 3 MB up to 500 servers, and 7 MB however many there are.
    """
    scripts, script, divs = _charts(summary, servers, verdict)
    manifest, layout = dataset.manifest, summary.layout
    first, last = (moment.date() for moment in manifest.time)
    many = f"{layout.days_per_period} days"
    numbers, hidden = _numbers(summary)
    return _template().render(
        version=dask_synth.__version__,
        title=f"{_servers(manifest.servers, 'synthetic ')}, {first} to {last}",
        facts=_facts(summary, manifest),
        verdict=_verdict(verdict),
        scripts=scripts,
        script=script,
        divs=divs,
        chosen=f"{summary.groups[0].name}, {summary.metrics.columns[0].label}",
        every="daily" if layout.days_per_period == 1 else many,
        point="a day" if layout.days_per_period == 1 else f"for {many}",
        slot="day" if layout.slots == 7 else "hour",
        densities=bool(np.isfinite(summary.groups[0].shares[1]).all()),
        own=_days(layout.lives.days),
        **(servers_of(summary, servers) if summary.each.living else {"living": False, "between": ""}),
        numbers=numbers,
        numbers_hidden=hidden,
        pairs_caption=_pairs_caption(verdict, living=summary.each.living),
        checks=_checks(verdict),
        run=_run(dataset, summary, verdict),
        config=_clipped(yaml.safe_dump(manifest.config, sort_keys=False, allow_unicode=True), MAX_CONFIG),
    )


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"


def _template() -> jinja2.Template:
    text = files("dask_synth.reporting").joinpath("page.html.j2").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined).from_string(text)


def _charts(summary: Summary, servers: dict[str, Any], verdict: Verdict | None) -> tuple[str, str, dict[str, str]]:
    """Return BokehJS, the script that makes the charts, and the element that each goes into."""
    models, fill = charts_of(library_of(summary, servers, verdict))
    document = Document()
    with document.models.freeze():  # so that the data are walked through once, not once a root
        for model in models.values():
            document.add_root(model)
    document.js_on_event("document_ready", fill)
    # Only the parts that are used: tables, WebGL and MathJax would be 2 MB more.
    resources = Resources(mode="inline", components=["bokeh", "bokeh-widgets"])
    with _unchecked():
        script, divs = components(dict(models))
    return resources.render_js(), script, divs


@contextmanager
def _unchecked() -> Iterator[None]:
    """Leave out Bokeh's check of a document, a third of a page's time: tests make it; charts are always the same."""
    before = settings.perform_document_validation()
    settings.perform_document_validation = False
    try:
        yield
    finally:
        settings.perform_document_validation = before


def _facts(summary: Summary, manifest: Manifest) -> str:
    kinds = summary.layout.archetypes
    listed = ", ".join(f"{servers:,} {name}" for name, servers in kinds[:8])
    more = f" and {len(kinds) - 8} more kinds" if len(kinds) > 8 else ""
    config = manifest.config
    return f"{manifest.rows:,} rows, {config['time']['granularity']}; {listed}{more}; seed {config['seed']}"


def _verdict(verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        return {"tone": "", "sign": "○", "words": verdict_words(None, 0, 0, 0)}
    words = verdict_words(verdict.passed, len(verdict.checks), len(verdict.failures), verdict.level)
    good = {"tone": "good", "sign": "✓"} if verdict.passed else {"tone": "bad", "sign": "✗"}
    return {**good, "words": words}


def _pairs_caption(verdict: Verdict | None, *, living: bool) -> str:
    if verdict and any(check.kind == "correlation" for check in verdict.checks):
        sides = (
            "Of servers that differ: +1 where both lie on the same side of their medians, -1 where not, on average. "
        )
        return (
            sides if living else ""
        ) + "Dots are observed; strokes are the exact expectation, and bars how far chance may carry it."
    return "Of all rows, seasons and growth included; the exact expectation comes with a validation."


def _numbers(summary: Summary) -> tuple[list[dict[str, Any]], int]:
    rows = []
    groups = (summary.groups[0], *sorted(summary.groups[1:], key=lambda group: -group.servers)[:MAX_GROUPS])
    for group in [group for group in summary.groups if group in groups]:
        for position, column in enumerate(summary.metrics.columns):
            mean, low, high, expected = group.level[:, position]
            rows.append(
                {
                    "group": f"{group.name}: {_servers(group.servers)}" if position == 0 else "",
                    "metric": f"{column.label} ({column.unit})",
                    "values": [_number(value, 2) for value in (mean, expected)] + [_number(q, 1) for q in (low, high)],
                }
            )
    return rows, len(summary.groups) - len(groups)


def _servers(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}server{'s' if count != 1 else ''}"


def _number(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if np.isfinite(value) else "n/a"


def _checks(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"known": False}
    failed, passed = verdict.failures, [check for check in verdict.checks if check.passed]
    return {
        "known": True,
        "failed": _rows(failed[:MAX_FAILED]),
        "passed": _rows(passed[:MAX_PASSED]),
        "failed_caption": f"{len(failed):,} of {len(verdict.checks):,} checks failed",
        "passed_caption": f"{len(passed):,} of {len(verdict.checks):,} checks passed",
        "hidden": max(0, len(failed) - MAX_FAILED) + max(0, len(passed) - MAX_PASSED),
    }


def _rows(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [
        {
            "passed": check.passed,
            "name": check.name,
            "observed": _shown(check.observed),
            "expected": _shown(check.expected)
            + (f" ± {check.standard_error:.3g}" if check.standard_error is not None else ""),
            "z": f"{check.z:.2f}" if check.z is not None else "",
            "message": _clipped(check.message, MAX_TEXT),
        }
        for check in checks
    ]


def _shown(value: float | str | None) -> str:
    if value is None:
        return ""
    return _clipped(value, MAX_TEXT // 4) if isinstance(value, str) else f"{value:,.6g}"


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"


def _run(dataset: Committed, summary: Summary, verdict: Verdict | None) -> list[tuple[str, str]]:
    manifest = dataset.manifest
    ours = ", ".join(f"{name} {version_of(name)}" for name in ("dask", "bokeh", "matplotlib"))
    seconds = (manifest.created - manifest.started).total_seconds()
    validated = f"{verdict.created:%Y-%m-%d %H:%M:%S} UTC, in {verdict.seconds:.1f} s" if verdict else "not yet"
    rows = [
        ("Run", manifest.run_id),
        ("Dataset", str(dataset.path)),
        ("Made", f"{manifest.started:%Y-%m-%d %H:%M:%S} UTC, in {seconds:.1f} s"),
        ("Validated", validated),
        ("Rows", f"{manifest.rows:,} in {len(manifest.files):,} files, {manifest.total_bytes() / 1e6:,.1f} MB"),
        ("Time", f"{manifest.time[0]} to {manifest.time[1]} UTC"),
        ("Made with", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("This report", f"dask-synth {dask_synth.__version__}, {ours}, Python {platform.python_version()}"),
    ]
    if summary.left_out:
        rows.append(("Left out", f"{summary.left_out:,} rows without a value, or outside the dataset's time"))
    return rows
