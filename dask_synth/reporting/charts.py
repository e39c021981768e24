"""The page's interactive charts, and the pickers that fill them. What they show comes packed, from ``library.py``."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from bokeh.model import Model
from bokeh.models import ColumnDataSource, CustomJS, FactorRange
from bokeh.models.annotations.geometry import Span, Whisker
from bokeh.models.widgets.inputs import AutocompleteInput, Select

from dask_synth.reporting.packed import KINDS
from dask_synth.reporting.palette import DAYS, GREY, INK, LIGHT, OKABE_ITO
from dask_synth.reporting.plots import EMPTY, Chart, add_legend, blank, hover_of, source_of
from dask_synth.reporting.server_charts import server_charts
from dask_synth.reporting.summary import HIGH, LOW

DAY = 86_400_000.0
LONG = 200
"""Points above which a chart over time starts with weekly means."""


def charts_of(library: dict[str, Any]) -> tuple[dict[str, Model], CustomJS]:
    """Return all charts and pickers by name, and the code that fills them."""
    charts = {
        "time": _time(library["days"][0], living=library["living"]),
        "week": _week(library["slots"]),
        "shares": _shares(known=library["densities"]),
        "pairs": _pairs(),
    }
    kinds = library["checks"].get("kinds", [])
    if kinds:
        charts["cells"] = _cells()
    if library["living"]:
        charts |= server_charts(library)
    metrics = list(zip(library["metrics"], library["labels"], strict=True))
    pickers = {
        "pick_group": _select("Server type", value=library["groups"][0], options=library["groups"]),
        "pick_metric": _select("Metric", value=metrics[0][0], options=metrics),
        "pick_server": _search(),
        "pick_detail": _detail(library["days"]),
        "pick_kind": _select("Statistic", value=kinds[0] if kinds else "", options=[(k, KINDS[k]) for k in kinds]),
    }
    absent = ("cell_source", "cell_range", "cell_figure", "cell_axis", "pool_source", "kin_source", "local_source")
    handles: dict[str, Any] = dict.fromkeys(absent)
    for chart in charts.values():
        handles |= chart.handles
    handles["value_axes"] = [axis for chart in charts.values() for axis in chart.axes]
    handles["filled"] = [glyph for chart in charts.values() for glyph in chart.filled]
    handles["stroked"] = [glyph for chart in charts.values() for glyph in chart.stroked]
    scripts = ("picker.js", "servers.js") if library["living"] else ("picker.js",)
    code = "\n".join(files("dask_synth.reporting").joinpath(name).read_text(encoding="utf-8") for name in scripts)
    fill = CustomJS(args={"library": library, **pickers, **handles}, code=code)
    for picker in pickers.values():
        picker.js_on_change("value", fill)
    for name, chart in charts.items():
        chart.model.name = name
    if not kinds:
        del pickers["pick_kind"]
    return {**{name: chart.model for name, chart in charts.items()}, **pickers}, fill


def _select(title: str, value: str, options: Any) -> Select:
    return Select(title=title, value=value, options=options, sizing_mode="stretch_width")


def _search() -> AutocompleteInput:
    """Return the box in which any server can be looked for; the pickers' code knows their ids."""
    return AutocompleteInput(
        title="Single server",
        placeholder="type an id, such as 42",
        search_strategy="includes",
        case_sensitive=False,
        max_completions=12,
        min_characters=1,
        sizing_mode="stretch_width",
    )


def _detail(days: Any) -> Select:
    """Return the choice between single points and whole weeks."""
    width = (days[1] - days[0]) / DAY if len(days) > 1 else 7.0
    options = [("1", "each day" if width == 1 else f"{width:.0f} days each")]
    if width <= 7 / 2 and len(days) > 14:
        options.append((f"{round(7 / width)}", "7-day mean"))
    return _select("Points", value=options[-1 if len(days) > LONG else 0][0], options=options)


def _time(first: float, *, living: bool) -> Chart:
    source = source_of("mean", "low", "high", "expected", "server", "least", "most", day=[first, first + 1])
    plot = blank(380, x_axis_type="datetime")
    band = plot.varea("day", "low", "high", source=source, fill_alpha=0.22)
    between = plot.varea("day", "least", "most", source=source, fill_alpha=0.3, visible=living)
    mean = plot.line("day", "mean", source=source, line_width=1.5)
    point = plot.scatter("day", "mean", source=source, size=2.5, line_color=None)
    expected = plot.line("day", "expected", source=source, line_color=INK, line_width=1, line_dash=[5, 3])
    server = plot.line("day", "server", source=source, line_color=OKABE_ITO[5], line_width=1.2)
    quantiles = f"{100 * LOW:.0f}_to_{100 * HIGH:.0f} %_of_rows"
    items = {"mean": mean, quantiles: band, "expected mean": expected, "the single server": server}
    if living:
        items[quantiles.replace("rows", "servers")] = between
    add_legend(plot, 2, **items)
    tips = (
        ("day", "@day{%a %F}"),
        ("mean", "@mean{0.00}"),
        ("expected", "@expected{0.00}"),
        (f"{LOW:.0%} to {HIGH:.0%}", "@low{0.0} to @high{0.0}"),
        ("the server", "@server{0.0}"),
    )
    hover = hover_of(point, "vline", *tips)
    hover.formatters = {"@day": "datetime"}
    plot.add_tools(hover)
    return Chart(
        plot, {"time_source": source}, (plot.yaxis[0],), (band.glyph, between.glyph, point.glyph), (mean.glyph,)
    )


def _week(slots: int) -> Chart:
    source = source_of("left", "right", "mean", "when")
    plot = blank(300, x_range=(0, 7), tools="save")
    daily = slots == len(DAYS)
    bars = plot.quad("left", "right", "mean", 0, source=source, fill_alpha=0.75 if daily else 0.25)
    bars.glyph.line_color, bars.glyph.line_width = ("white", 4) if daily else (None, 0)
    outline = plot.step("left", "mean", source=source, mode="after", line_width=2, visible=not daily)
    plot.xaxis.ticker = [day + 0.5 for day in range(7)]
    plot.xaxis.major_label_overrides = {day + 0.5: name for day, name in enumerate(DAYS)}
    plot.xgrid.visible = False
    plot.y_range.start = 0
    plot.add_tools(hover_of(bars, "vline", ("when", "@when"), ("mean", "@mean{0.00}")))
    return Chart(plot, {"week_source": source}, (plot.yaxis[0],), (bars.glyph,), (outline.glyph,))


def _shares(*, known: bool) -> Chart:
    source = source_of("left", "right", "middle", "observed", "expected", "range")
    plot = blank(300)
    bars = plot.quad("left", "right", "observed", 0, source=source, fill_alpha=0.5, line_color="white")
    bars.glyph.line_width = 0.5
    exact = plot.line("middle", "expected", source=source, line_color=INK, line_width=1.5)
    dots = plot.scatter("middle", "expected", source=source, color=INK, size=3.5)
    plot.y_range.start = 0
    plot.yaxis.axis_label = "share of the rows (%)"
    add_legend(plot, 2, **({"observed": bars, "exact_density": exact} if known else {"observed": bars}))
    tips = (("value", "@range"), ("observed", "@observed{0.000} %"), ("exact", "@expected{0.000} %"))
    plot.add_tools(hover_of(dots, "vline", *tips) if known else hover_of(bars, "mouse", *tips[:2]))
    return Chart(plot, {"share_source": source}, (plot.xaxis[0],), (bars.glyph,))


def _cells() -> Chart:
    columns = ("observed", "expected", "error", "z", "difference", "from", "to", "words")
    source = source_of(*columns, label=EMPTY, colour=[INK, INK], marker=["circle", "circle"])
    rows = FactorRange(factors=EMPTY)
    plot = blank(300, y_range=rows, tools="save")
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
    plot.add_tools(hover_of(dots, "mouse", *tips))
    add_legend(plot, 1, observed_minus_expected=dots, what_chance_allows=allowed)
    handles = {"cell_source": source, "cell_range": rows, "cell_figure": plot, "cell_axis": plot.xaxis[0]}
    return Chart(plot, handles)


def _pairs() -> Chart:
    source = source_of("observed", "expected", "from", "to", label=EMPTY)
    rows = FactorRange(factors=EMPTY)
    plot = blank(300, y_range=rows, tools="save")
    plot.add_layout(_whisker(source))
    expected = plot.scatter("expected", "label", source=source, size=17, marker="dash", angle=1.5708, color=INK)
    expected.glyph.line_width = 2
    observed = plot.scatter("observed", "label", source=source, size=9, color=OKABE_ITO[0], fill_alpha=0.7)
    plot.xaxis.axis_label = "correlation"
    tips = (("pair", "@label"), ("observed", "@observed{0.0000}"), ("expected", "@expected{0.0000}"))
    plot.add_tools(hover_of(observed, "mouse", *tips))
    add_legend(plot, 2, observed=observed, expected=expected)
    return Chart(plot, {"pair_source": source, "pair_range": rows, "pair_figure": plot})


def _whisker(source: ColumnDataSource) -> Any:
    bars: Any = Whisker(base="label", lower="from", upper="to", dimension="width", source=source, line_color=GREY)
    bars.upper_head.size = bars.lower_head.size = 8
    return bars
