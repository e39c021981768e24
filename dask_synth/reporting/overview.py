"""``overview.png``: a fleet at a glance, in seven panels."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dask_synth.proof.verdict import Verdict
from dask_synth.reporting import living_panels, panels
from dask_synth.reporting.palette import BAD, GOOD, GREY, INK, LIGHT, PAPER, verdict_words
from dask_synth.reporting.summary import Summary
from dask_synth.storage.manifest import Manifest

Panel = Callable[[Axes, Summary], None]

SIZE, DPI = (15.0, 12.0), 100
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "figure.facecolor": PAPER,
    # A name of the user's, such as an archetype, is text and no formula.
    "text.parse_math": False,
}


def overview_png(summary: Summary, servers: dict[str, Any], manifest: Manifest, verdict: Verdict | None) -> bytes:
    """Draw the seven panels.

    Parameters
    ----------
    summary
        Of the dataset.
    servers
        What ``read_servers`` returns.
    manifest
        For the title.
    verdict
        Of the dataset, if it was validated.

    Returns
    -------
    bytes
        A PNG of 1500 x 1200 pixels.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, dpi=DPI)
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            3, 3, left=0.055, right=0.975, top=0.875, bottom=0.055, hspace=0.38, wspace=0.24, height_ratios=(1, 1, 1)
        )
        places = (grid[0, :], grid[1, 0], grid[1, 1], grid[1, 2], grid[2, 0])
        for place, draw in zip(places, _chosen(summary), strict=True):
            draw(figure.add_subplot(place), summary)
        panels.servers_by_unit(figure.add_subplot(grid[2, 1]), summary, servers)
        panels.memory_by_criticality(figure.add_subplot(grid[2, 2]), summary)
        _title(figure, manifest, verdict)
        sink = BytesIO()
        # No note of the program's version: the same dataset gives the same picture.
        figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()


def _chosen(summary: Summary) -> tuple[Panel, ...]:
    """Return the first five panels: of fleets whose servers are individuals, those that show it, where they can."""
    each = summary.each
    if not each.living:
        return (
            panels.fleet_over_time,
            panels.cpu_by_type,
            panels.correlation_map,
            panels.weekly_pattern,
            panels.monthly_pattern,
        )
    return (
        living_panels.servers_over_time,
        living_panels.servers_by_level,
        living_panels.pool_beside_strangers if each.together else panels.cpu_by_type,
        living_panels.week_by_region if each.local.size else panels.weekly_pattern,
        panels.correlation_map,
    )


def _title(figure: Figure, manifest: Manifest, verdict: Verdict | None) -> None:
    first, last = (moment.date() for moment in manifest.time)
    servers = f"{manifest.servers:,} server{'s' if manifest.servers != 1 else ''}"
    granularity = manifest.config["time"]["granularity"]
    figure.text(0.055, 0.958, f"{servers}, {first} to {last}, {granularity}", fontsize=18, weight="bold")
    figure.text(
        0.055, 0.93, f"{manifest.rows:,} rows · seed {manifest.config['seed']} · run {manifest.run_id}", color=GREY
    )
    colour = GREY if verdict is None else GOOD if verdict.passed else BAD
    words = (
        verdict_words(None, 0, 0, 0.0)
        if verdict is None
        else verdict_words(verdict.passed, len(verdict.checks), len(verdict.failures), verdict.level)
    )
    figure.text(0.975, 0.93, words, color=colour, ha="right", weight="bold")
