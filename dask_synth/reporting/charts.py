"""The page's interactive charts, and the pickers that fill them. What they show comes packed, from ``library.py``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from bokeh.model import Model
from bokeh.models import ColumnDataSource, CustomJS, FactorRange, HoverTool
from bokeh.models.annotations.geometry import Span, Whisker
from bokeh.models.annotations.legends import Legend, LegendItem
from bokeh.models.widgets.inputs import Select
from bokeh.plotting import figure

from dask_synth.reporting.packed import KINDS
from dask_synth.reporting.palette import DAYS, GREY, INK, LIGHT, OKABE_ITO
from dask_synth.reporting.summary import HIGH, LOW

TOOLS = "xpan,xwheel_zoom,box_zoom,reset,save"
DAY = 86_400_000.0
LONG = 200
"""Points above which a chart over time starts with weekly means."""
EMPTY = [" ", "  "]
FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Chart:
    """A chart, and what the pickers' code needs of it, by name."""

    model: Model
    handles: dict[str, Any]
    axes: tuple[Any, ...] = ()
    filled: tuple[Any, ...] = ()
    stroked: tuple[Any, ...] = ()


def charts_of(library: dict[str, Any]) -> tuple[dict[str, Model], CustomJS]:
    """Return all charts and pickers by name, and the code that fills them."""
    charts = {
        "time": _time(library["days"][0]),
        "week": _week(library["slots"]),
        "shares": _shares(),
        "pairs": _pairs(),
    }
    kinds = library["checks"].get("kinds", [])
    if kinds:
        charts["cells"] = _cells()
    metrics = list(zip(library["metrics"], library["labels"], strict=True))
    pickers = {
        "pick_group": _select("Server type", value=library["groups"][0], options=library["groups"]),
        "pick_metric": _select("Metric", value=metrics[0][0], options=metrics),
        "pick_server": _select("Single server", value="", options=[("", "none")]),
        "pick_detail": _detail(library["days"]),
        "pick_kind": _select("Statistic", value=kinds[0] if kinds else "", options=[(k, KINDS[k]) for k in kinds]),
    }
    handles: dict[str, Any] = {"cell_source": None, "cell_range": None, "cell_figure": None, "cell_axis": None}
    for chart in charts.values():
        handles |= chart.handles
    handles["value_axes"] = [axis for chart in charts.values() for axis in chart.axes]
    handles["filled"] = [glyph for chart in charts.values() for glyph in chart.filled]
    handles["stroked"] = [glyph for chart in charts.values() for glyph in chart.stroked]
    code = files("dask_synth.reporting").joinpath("picker.js").read_text(encoding="utf-8")
    fill = CustomJS(args={"library": library, **pickers, **handles}, code=code)
    for picker in pickers.values():
        picker.js_on_change("value", fill)
    for name, chart in charts.items():
        chart.model.name = name
    if not kinds:
        del pickers["pick_kind"]
    return {**{name: chart.model for name, chart in charts.items()}, **pickers}, fill


def _figure(height: int, **options: Any) -> Any:
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location="above",
        tools=options.pop("tools", TOOLS),
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        **options,
    )
    plot.toolbar.logo = None
    plot.min_width = 0
    plot.grid.grid_line_color = LIGHT
    if hasattr(plot.xaxis[0].ticker, "desired_num_ticks"):
        plot.xaxis[0].ticker.desired_num_ticks = 4  # as many dates as a phone has room for
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = INK
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size, axis.axis_label_text_font_size = "12px", "13px"
    return plot


def _select(title: str, value: str, options: Any) -> Select:
    return Select(title=title, value=value, options=options, sizing_mode="stretch_width")


def _source(*columns: str, **others: list[Any]) -> ColumnDataSource:
    """Return a source that the pickers' code will fill: two rows, since the ranges of none are a warning."""
    return ColumnDataSource({**{name: [0.0, 1.0] for name in columns}, **others})


def _detail(days: Any) -> Select:
    """Return the choice between single points and whole weeks."""
    width = (days[1] - days[0]) / DAY if len(days) > 1 else 7.0
    options = [("1", "each day" if width == 1 else f"{width:.0f} days each")]
    if width <= 7 / 2 and len(days) > 14:
        options.append((f"{round(7 / width)}", "7-day mean"))
    return _select("Points", value=options[-1 if len(days) > LONG else 0][0], options=options)


def _legend(plot: Any, columns: int, **items: Any) -> None:
    """Put a legend below a chart, where it hides no data; a click on an entry hides it."""
    entries = [LegendItem(label=label.replace("_", " "), renderers=[item]) for label, item in items.items()]
    legend: Any = Legend(items=entries, ncols=columns, click_policy="hide", location="left", border_line_color=None)
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = FONT, "12px", INK
    legend.margin, legend.padding, legend.background_fill_alpha = 0, 4, 0.0
    plot.add_layout(legend, "below")


def _hover(renderer: Any, mode: Literal["mouse", "vline"], *tips: tuple[str, str]) -> HoverTool:
    return HoverTool(renderers=[renderer], mode=mode, tooltips=list(tips), attachment="horizontal")


def _time(first: float) -> Chart:
    source = _source("mean", "low", "high", "expected", "server", day=[first, first + 1])
    plot = _figure(380, x_axis_type="datetime")
    band = plot.varea("day", "low", "high", source=source, fill_alpha=0.22)
    mean = plot.line("day", "mean", source=source, line_width=1.5)
    point = plot.scatter("day", "mean", source=source, size=2.5, line_color=None)
    expected = plot.line("day", "expected", source=source, line_color=INK, line_width=1, line_dash=[5, 3])
    server = plot.line("day", "server", source=source, line_color=OKABE_ITO[5], line_width=1.2)
    quantiles = f"{LOW:.0%}_to_{HIGH:.0%}_of_rows".replace("%", " %")
    _legend(plot, 2, **{"mean": mean, quantiles: band, "expected mean": expected, "the single server": server})
    tips = (
        ("day", "@day{%a %F}"),
        ("mean", "@mean{0.00}"),
        ("expected", "@expected{0.00}"),
        (f"{LOW:.0%} to {HIGH:.0%}", "@low{0.0} to @high{0.0}"),
        ("the server", "@server{0.00}"),
    )
    hover = _hover(point, "vline", *tips)
    hover.formatters = {"@day": "datetime"}
    plot.add_tools(hover)
    return Chart(plot, {"time_source": source}, (plot.yaxis[0],), (band.glyph, point.glyph), (mean.glyph,))


def _week(slots: int) -> Chart:
    source = _source("left", "right", "mean", "when")
    plot = _figure(300, x_range=(0, 7), tools="save")
    daily = slots == len(DAYS)
    bars = plot.quad("left", "right", "mean", 0, source=source, fill_alpha=0.75 if daily else 0.25)
    bars.glyph.line_color, bars.glyph.line_width = ("white", 4) if daily else (None, 0)
    outline = plot.step("left", "mean", source=source, mode="after", line_width=2, visible=not daily)
    plot.xaxis.ticker = [day + 0.5 for day in range(7)]
    plot.xaxis.major_label_overrides = {day + 0.5: name for day, name in enumerate(DAYS)}
    plot.xgrid.visible = False
    plot.y_range.start = 0
    plot.add_tools(_hover(bars, "vline", ("when", "@when"), ("mean", "@mean{0.00}")))
    return Chart(plot, {"week_source": source}, (plot.yaxis[0],), (bars.glyph,), (outline.glyph,))


def _shares() -> Chart:
    source = _source("left", "right", "middle", "observed", "expected", "range")
    plot = _figure(300)
    bars = plot.quad("left", "right", "observed", 0, source=source, fill_alpha=0.5, line_color="white")
    bars.glyph.line_width = 0.5
    exact = plot.line("middle", "expected", source=source, line_color=INK, line_width=1.5)
    dots = plot.scatter("middle", "expected", source=source, color=INK, size=3.5)
    plot.y_range.start = 0
    plot.yaxis.axis_label = "share of the rows (%)"
    _legend(plot, 2, observed=bars, exact_density=exact)
    tips = (("value", "@range"), ("observed", "@observed{0.000} %"), ("exact", "@expected{0.000} %"))
    plot.add_tools(_hover(dots, "vline", *tips))
    return Chart(plot, {"share_source": source}, (plot.xaxis[0],), (bars.glyph,))


def _cells() -> Chart:
    columns = ("observed", "expected", "error", "z", "difference", "from", "to", "words")
    source = _source(*columns, label=EMPTY, colour=[INK, INK], marker=["circle", "circle"])
    rows = FactorRange(factors=EMPTY)
    plot = _figure(300, y_range=rows, tools="save")
    allowed = plot.hbar("label", 0.5, "to", "from", source=source, fill_color=LIGHT, line_color=None)
    plot.add_layout(Span(location=0, dimension="height", line_color=GREY))
    plot.add_layout(_whisker(source))
    dots = plot.scatter("difference", "label", source=source, size=10, color="colour", marker="marker", line_width=3)
    tips = (
        ("what", "@label"),
        ("observed", "@observed{0.0000}"),
        ("expected", "@expected{0.0000} ± @error{0.0000}"),
        ("z", "@z{0.00}"),
        ("verdict", "@words"),
    )
    plot.add_tools(_hover(dots, "mouse", *tips))
    _legend(plot, 1, observed_minus_expected=dots, what_chance_allows=allowed)
    handles = {"cell_source": source, "cell_range": rows, "cell_figure": plot, "cell_axis": plot.xaxis[0]}
    return Chart(plot, handles)


def _pairs() -> Chart:
    source = _source("observed", "expected", "from", "to", label=EMPTY)
    rows = FactorRange(factors=EMPTY)
    plot = _figure(300, y_range=rows, tools="save")
    plot.add_layout(_whisker(source))
    expected = plot.scatter("expected", "label", source=source, size=17, marker="dash", angle=1.5708, color=INK)
    expected.glyph.line_width = 2
    observed = plot.scatter("observed", "label", source=source, size=9, color=OKABE_ITO[0], fill_alpha=0.7)
    plot.xaxis.axis_label = "correlation"
    tips = (("pair", "@label"), ("observed", "@observed{0.0000}"), ("expected", "@expected{0.0000}"))
    plot.add_tools(_hover(observed, "mouse", *tips))
    _legend(plot, 2, observed=observed, expected=expected)
    return Chart(plot, {"pair_source": source, "pair_range": rows, "pair_figure": plot})


def _whisker(source: ColumnDataSource) -> Any:
    bars: Any = Whisker(base="label", lower="from", upper="to", dimension="width", source=source, line_color=GREY)
    bars.upper_head.size = bars.lower_head.size = 8
    return bars
