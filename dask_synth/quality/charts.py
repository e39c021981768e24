"""The page's interactive charts, and the pickers that fill them. What they show comes packed, from ``library.py``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, FactorRange, HoverTool, Legend, LegendItem, Select, Span, Whisker
from bokeh.models.layouts import LayoutDOM
from bokeh.plotting import figure

from dask_synth.quality.layout import BINS
from dask_synth.quality.library import KINDS
from dask_synth.quality.palette import DAYS, GREY, INK, LIGHT, OKABE_ITO
from dask_synth.quality.summary import HIGH, LOW

TOOLS = "xpan,xwheel_zoom,box_zoom,reset,save"
FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Chart:
    """A chart, and what the pickers' code needs of it, by name."""

    model: LayoutDOM
    handles: dict[str, Any]
    axes: tuple[Any, ...] = ()
    coloured: tuple[Any, ...] = ()


def charts_of(library: dict[str, Any]) -> tuple[dict[str, LayoutDOM], CustomJS]:
    """Return all charts and pickers by name, and the code that fills them."""
    every = "daily" if len(library["days"]) < 2 or library["days"][1] - library["days"][0] < 9e7 else "period's"
    charts = {"time": _time(every), "week": _week(library["slots"]), "shares": _shares(), "pairs": _pairs()}
    kinds = [kind for kind in KINDS if kind in library["checks"].get("kind", ())]
    if kinds:
        charts["cells"] = _cells()
    metrics = list(zip(library["metrics"], library["labels"], strict=True))
    pickers = {
        "pick_group": Select(title="Server type", value=library["groups"][0], options=library["groups"]),
        "pick_metric": Select(title="Metric", value=metrics[0][0], options=metrics),
        "pick_server": Select(title="Single server", value="", options=[("", "none")]),
        "pick_kind": Select(title="Statistic", value=kinds[0] if kinds else "", options=[(k, KINDS[k]) for k in kinds]),
    }
    handles = {"cell_source": None, "cell_range": None, "cell_figure": None, "cell_axis": None}
    for chart in charts.values():
        handles |= chart.handles
    handles["value_axes"] = [axis for chart in charts.values() for axis in chart.axes]
    handles["coloured"] = [glyph for chart in charts.values() for glyph in chart.coloured]
    code = files("dask_synth.quality").joinpath("picker.js").read_text(encoding="utf-8")
    fill = CustomJS(args={"library": library, **pickers, **handles}, code=code)
    for picker in pickers.values():
        picker.sizing_mode = "stretch_width"
        picker.js_on_change("value", fill)
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
    plot.grid.grid_line_color = LIGHT
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = INK
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size, axis.axis_label_text_font_size = "12px", "13px"
    return plot


def _legend(plot: Any, columns: int, **items: Any) -> None:
    """Put a legend below a chart, where it hides no data; a click on an entry hides it."""
    entries = [LegendItem(label=label.replace("_", " "), renderers=[item]) for label, item in items.items()]
    legend = Legend(items=entries, ncols=columns, click_policy="hide", location="left", border_line_color=None)
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = FONT, "12px", INK
    legend.margin, legend.padding, legend.background_fill_alpha = 0, 4, 0.0
    plot.add_layout(legend, "below")


def _hover(renderer: Any, mode: str, *tips: tuple[str, str], **formatters: str) -> HoverTool:
    named = {f"@{name}": kind for name, kind in formatters.items()}
    return HoverTool(renderers=[renderer], mode=mode, tooltips=list(tips), formatters=named, attachment="horizontal")


def _time(every: str) -> Chart:
    source = ColumnDataSource({name: [] for name in ("day", "mean", "low", "high", "expected", "server")})
    plot = _figure(380, x_axis_type="datetime")
    band = plot.varea("day", "low", "high", source=source, fill_alpha=0.22)
    mean = plot.line("day", "mean", source=source, line_width=1.5)
    point = plot.scatter("day", "mean", source=source, size=3, line_color=None, fill_alpha=0.6)
    expected = plot.line("day", "expected", source=source, line_color=INK, line_width=1, line_dash=[5, 3])
    server = plot.line("day", "server", source=source, line_color=OKABE_ITO[5], line_width=1.2)
    quantiles = f"{LOW:.0%}_to_{HIGH:.0%}_of_rows".replace("%", " %")
    _legend(
        plot, 2, **{f"{every} mean": mean, quantiles: band, "expected mean": expected, "the single server": server}
    )
    tips = (
        ("day", "@day{%a %F}"),
        ("mean", "@mean{0.00}"),
        ("expected", "@expected{0.00}"),
        (f"{LOW:.0%} to {HIGH:.0%}", "@low{0.0} to @high{0.0}"),
        ("the server", "@server{0.00}"),
    )
    plot.add_tools(_hover(point, "vline", *tips, day="datetime"))
    return Chart(plot, {"time_source": source}, (plot.yaxis[0],), (band.glyph, mean.glyph))


def _week(slots: int) -> Chart:
    source = ColumnDataSource({name: [] for name in ("left", "right", "mean", "when")})
    plot = _figure(300, x_range=(0, 7), tools="save")
    bars = plot.quad("left", "right", "mean", 0, source=source, fill_alpha=0.75, line_color="white")
    bars.glyph.line_width = 2 if slots == 7 else 0
    plot.xaxis.ticker = [day + 0.5 for day in range(7)]
    plot.xaxis.major_label_overrides = {day + 0.5: name for day, name in enumerate(DAYS)}
    plot.xgrid.visible = False
    plot.y_range.start = 0
    plot.add_tools(_hover(bars, "vline", ("when", "@when"), ("mean", "@mean{0.00}")))
    return Chart(plot, {"week_source": source}, (plot.yaxis[0],), (bars.glyph,))


def _shares() -> Chart:
    source = ColumnDataSource({name: [] for name in ("left", "right", "middle", "observed", "expected", "range")})
    plot = _figure(300)
    bars = plot.quad("left", "right", "observed", 0, source=source, fill_alpha=0.5, line_color="white")
    bars.glyph.line_width = 0.5
    exact = plot.line("middle", "expected", source=source, line_color=INK, line_width=1.5)
    dots = plot.scatter("middle", "expected", source=source, color=INK, size=3.5)
    plot.y_range.start = 0
    plot.yaxis.axis_label = f"share of rows (%), 1/{BINS} of the range each"
    _legend(plot, 2, observed=bars, exact_density=exact)
    tips = (("value", "@range"), ("observed", "@observed{0.000} %"), ("exact", "@expected{0.000} %"))
    plot.add_tools(_hover(dots, "vline", *tips))
    return Chart(plot, {"share_source": source}, (plot.xaxis[0],), (bars.glyph,))


def _cells() -> Chart:
    columns = "label observed expected error z difference from to words colour marker"
    source = ColumnDataSource({name: [] for name in columns.split()})
    rows = FactorRange()
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
    _legend(plot, 2, observed_minus_expected=dots, what_chance_allows=allowed)
    handles = {"cell_source": source, "cell_range": rows, "cell_figure": plot, "cell_axis": plot.xaxis[0]}
    return Chart(plot, handles)


def _pairs() -> Chart:
    source = ColumnDataSource({name: [] for name in ("label", "observed", "expected", "from", "to")})
    rows = FactorRange()
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


def _whisker(source: ColumnDataSource) -> Whisker:
    bars = Whisker(base="label", lower="from", upper="to", dimension="width", source=source, line_color=GREY)
    bars.upper_head.size = bars.lower_head.size = 8
    return bars
