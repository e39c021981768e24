"""What the page's charts are made of: figures, sources, legends and tooltips in the page's looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bokeh.model import Model
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.models.annotations.legends import Legend, LegendItem
from bokeh.plotting import figure

from dask_synth.reporting.palette import GREY, INK, LIGHT

TOOLS = "xpan,xwheel_zoom,box_zoom,reset,save"
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


def blank(height: int, **options: Any) -> Any:
    """Return an empty figure in the page's looks."""
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


def source_of(*columns: str, **others: list[Any]) -> ColumnDataSource:
    """Return a source that the pickers' code will fill: two rows, since the ranges of none are a warning."""
    return ColumnDataSource({**{name: [0.0, 1.0] for name in columns}, **others})


def add_legend(plot: Any, columns: int, **items: Any) -> None:
    """Put a legend below a chart, where it hides no data; a click on an entry hides it."""
    entries = [LegendItem(label=label.replace("_", " "), renderers=[item]) for label, item in items.items()]
    legend: Any = Legend(items=entries, ncols=columns, click_policy="hide", location="left", border_line_color=None)
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = FONT, "12px", INK
    legend.margin, legend.padding, legend.background_fill_alpha = 0, 4, 0.0
    plot.add_layout(legend, "below")


def hover_of(renderer: Any, mode: Literal["mouse", "vline"], *tips: tuple[str, str]) -> HoverTool:
    """Return a tooltip for what a renderer draws."""
    return HoverTool(renderers=[renderer], mode=mode, tooltips=list(tips), attachment="horizontal")
