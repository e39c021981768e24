"""The page's charts of fleets whose servers are individuals; ``servers.js`` fills them."""

from __future__ import annotations

from typing import Any

from bokeh.models import CustomJSTickFormatter, TapTool

from dask_synth.reporting.palette import DAYS, GREY, INK, OKABE_ITO
from dask_synth.reporting.plots import Chart, add_legend, blank, hover_of, source_of

WEEKEND = 5


def server_charts(library: dict[str, Any]) -> dict[str, Chart]:
    """Return those that a fleet has the data for, by name."""
    charts = {"levels": _levels(len(library["groups"]) - 1)}
    if library["beside_kinds"]:
        charts["pool"], charts["alone"] = _pool_and_alone(library)
    if library["kin"].any():
        charts["kin"] = _kin()
    if len(library["local"]):
        charts["local"] = _local(library["regions"])
    return charts


def _levels(kinds: int) -> Chart:
    """Draw every server's mean as a dot, a row an archetype."""
    dots_source = source_of("mean", "row", name=["", ""], kind=["", ""], colour=[INK, INK])
    bar_source = source_of("row", "low", "middle", "high", words=["", ""])
    mine = source_of("mean", "row")
    plot = blank(110 + 64 * max(min(kinds, 12), 2), tools="save")
    plot.hbar("row", 0.78, "high", "low", source=bar_source, fill_color=GREY, fill_alpha=0.14, line_color=None)
    dots = plot.scatter("mean", "row", source=dots_source, size=6, color="colour", alpha=0.6, nonselection_alpha=0.6)
    middle = plot.scatter("middle", "row", source=bar_source, size=30, marker="dash", angle=1.5708, color=INK)
    middle.glyph.line_width = 2
    plot.scatter("mean", "row", source=mine, size=15, color=None, line_color=OKABE_ITO[5], line_width=3)
    plot.yaxis.ticker = [0.0, 1.0]
    plot.ygrid.visible = False
    plot.x_range.start = 0
    plot.yaxis.formatter = CustomJSTickFormatter(args={"rows": bar_source}, code=ROW_NAMES)
    plot.add_tools(hover_of(dots, "mouse", ("server", "@name"), ("type", "@kind"), ("mean", "@mean{0.00}")))
    plot.add_tools(TapTool(renderers=[dots]))
    sources = {"level_source": dots_source, "level_bars": bar_source, "level_mine": mine}
    handles = {**sources, "level_figure": plot, "level_dots": dots.glyph, "level_ticker": plot.yaxis[0].ticker}
    return Chart(plot, handles, (plot.xaxis[0],))


ROW_NAMES = "const at = Array.from(rows.data.row).indexOf(tick); return at < 0 ? '' : rows.data.words[at]"


def _pool_and_alone(library: dict[str, Any]) -> tuple[Chart, Chart]:
    pool = _beside("pool", library)
    shared: Any = pool.model
    # One scale for both, so that they can be told apart by eye.
    return pool, _beside("alone", library, x_range=shared.x_range, y_range=shared.y_range)


def _beside(which: str, library: dict[str, Any], **ranges: Any) -> Chart:
    """Draw a few servers' rows over some weeks, each in multiples of its mean."""
    first = library["moments"][0]
    source = source_of(xs=[[first, first + 1]] * 2, ys=[[0.0, 1.0]] * 2, name=["", ""], colour=[INK, INK])
    plot = blank(280, x_axis_type="datetime", **ranges)
    lines = plot.multi_line("xs", "ys", source=source, line_color="colour", line_width=1.2, line_alpha=0.85)
    plot.yaxis.axis_label = "times its own mean"
    plot.add_tools(hover_of(lines, "mouse", ("server", "@name"), ("times its mean", "$y{0.00}")))
    return Chart(plot, {f"{which}_source": source})


def _kin() -> Chart:
    """Draw how the series of servers of one pool go together, beside those of strangers."""
    source = source_of("left", "right", "pool", "alone")
    plot = blank(280, tools="save", x_range=(-1, 1))
    alone = plot.quad("left", "right", "alone", 0, source=source, fill_color=GREY, fill_alpha=0.4, line_color=None)
    pool = plot.quad("left", "right", "pool", 0, source=source, fill_alpha=0.6, line_color=None)
    plot.y_range.start = 0
    plot.xaxis.axis_label, plot.yaxis.axis_label = "correlation of two servers", "share of the pairs (%)"
    add_legend(plot, 2, servers_of_one_pool=pool, strangers=alone)
    tips = (
        ("correlation", "@left{0.00} to @right{0.00}"),
        ("of one pool", "@pool{0.0} %"),
        ("strangers", "@alone{0.0} %"),
    )
    plot.add_tools(hover_of(pool, "vline", *tips))
    return Chart(plot, {"kin_source": source}, (), (pool.glyph,))


def _local(regions: list[str]) -> Chart:
    """Draw the mean by the hour of the week on the regions' own clocks, a line a region."""
    names = [f"r{k}" for k in range(len(regions))]
    source = source_of("day", *names, when=["", ""])
    plot = blank(300, x_range=(0, 7), tools="save")
    lines = {}
    for name, region, colour in zip(names, regions, OKABE_ITO, strict=False):
        lines[region] = plot.step("day", name, source=source, mode="after", line_width=1.8, line_color=colour)
    plot.xaxis.ticker = [day + 0.5 for day in range(7)]
    plot.xaxis.major_label_overrides = {day + 0.5: name for day, name in enumerate(DAYS)}
    plot.xgrid.visible = False
    add_legend(plot, 4, **lines)
    tips = [
        ("local time", "@when"),
        *((region, f"@{name}{{0.00}}") for name, region in zip(names, regions, strict=True)),
    ]
    if lines:
        plot.add_tools(hover_of(next(iter(lines.values())), "vline", *tips))
    return Chart(plot, {"local_source": source}, (plot.yaxis[0],))
