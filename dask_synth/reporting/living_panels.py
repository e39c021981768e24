"""The panels of ``overview.png`` that show a fleet whose servers are individuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from dask_synth.model.columns import BUILT_IN
from dask_synth.reporting.palette import DAYS, GREY, INK, OKABE_ITO, archetype_colours
from dask_synth.reporting.summary import HIGH, LOW, Summary

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]

CPU = BUILT_IN.names.index("cpu_p95")
GOLDEN = 0.6180339887
MAX_LINES = 60
MAX_KINDS = 6
MAX_POINTS, WEEK = 210, 7
"""Points of time above which lines are drawn of weekly means."""


def servers_over_time(axes: Axes, summary: Summary) -> None:
    """CPU of single servers as thin lines, the band that holds most of them, the fleet's mean and what is due."""
    layout = summary.layout
    points, series, width = _coarse(summary)
    for server in np.unique(np.linspace(0, len(series) - 1, MAX_LINES).astype(int)) if len(series) else ():
        axes.plot(points, series[server], color=OKABE_ITO[0], lw=0.5, alpha=0.2)
    if len(series):
        low, high = np.nanquantile(series, (LOW, HIGH), axis=0)
        band = f"{100 * LOW:.0f} to {100 * HIGH:.0f} % of the servers"
        axes.fill_between(points, low, high, color=OKABE_ITO[4], alpha=0.35, lw=0, label=band)
    axes.plot([], [], color=OKABE_ITO[0], lw=0.8, alpha=0.5, label=f"single servers, means of {_days(width)}")
    mean, _, _, expected = summary.groups[0].series[:, CPU]
    window, days = max(1, 7 // layout.days_per_period) if len(mean) > 21 else 1, layout.period_starts()
    axes.plot(days, _moving(mean, window), color=INK, lw=1.8, label="mean of the fleet")
    axes.plot(days, _moving(expected, window), color=OKABE_ITO[5], lw=1.2, ls="--", label="expected of these servers")
    _dates(axes, len(days) * layout.days_per_period)
    top = np.nanquantile(series, 0.995) if np.isfinite(series).any() else 100.0
    axes.set(title="CPU of the servers over time", ylabel="CPU, p95 (%)", ylim=(0, min(105.0, 1.15 * top + 0.1)))
    axes.margins(x=0.005)
    axes.legend(loc="lower right", ncols=4, bbox_to_anchor=(1, 1.0), borderaxespad=0.2)


def _coarse(summary: Summary) -> tuple[Dates, Floats, int]:
    """Return the middles of points of time, the servers' CPU there, and the days of a point: 7 where times are long."""
    lives, series = summary.layout.lives, summary.each.series[:, CPU]
    together = max(1, WEEK // lives.days) if lives.points > MAX_POINTS else 1
    starts, width = np.arange(0, lives.points, together), together * lives.days
    known = np.isfinite(series)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = np.add.reduceat(known.astype(float), starts, axis=1)
        means = np.add.reduceat(np.where(known, series, 0.0), starts, axis=1) / rows
    first = summary.layout.period_starts()[0]
    return first + starts * lives.days + np.timedelta64(width // 2, "D"), means, width


def servers_by_level(axes: Axes, summary: Summary) -> None:
    """Every server's mean CPU as a dot, by archetype, with the median and the middle of them."""
    kinds = sorted(range(len(summary.layout.archetypes)), key=lambda k: -summary.layout.archetypes[k][1])[:MAX_KINDS]
    colours = archetype_colours(name for name, _ in summary.layout.archetypes)
    names = [summary.layout.archetypes[k][0] for k in sorted(kinds)]
    for row, k in enumerate(sorted(kinds)):
        mine = np.flatnonzero(summary.each.kind == k)
        means = summary.each.mean[CPU, mine]
        at = row + 0.58 * (summary.each.index[mine] * GOLDEN % 1 - 0.5)
        size = float(np.clip(4000 / max(len(summary.each.names), 1), 2, 16))
        axes.scatter(means, at, s=size, color=colours[names[row]], alpha=0.6, lw=0)
        if len(means) and np.isfinite(means).all():
            low, middle, high = np.quantile(means, (LOW, 0.5, HIGH))
            axes.barh(row, high - low, left=low, height=0.66, color=GREY, alpha=0.14)
            axes.plot([middle, middle], [row - 0.33, row + 0.33], color=INK, lw=2)
        label: Any = {"fontsize": 9, "weight": "bold", "va": "bottom", "transform": axes.get_yaxis_transform()}
        axes.text(0.012, row - 0.33, f"{names[row][:30]}: {len(mine):,}", **label)
    axes.set_yticks([])
    axes.set_ylim(len(names) - 0.5, -0.72)
    axes.grid(visible=False, axis="y")
    axes.set(title="Mean CPU of each server", xlabel="CPU, p95 (%)")
    axes.set_xlim(left=0)


def pool_beside_strangers(axes: Axes, summary: Summary) -> None:
    """CPU of the servers of one pool above that of as many strangers, over the same weeks."""
    together, values = summary.each.together[0]
    lives, pool = summary.layout.lives, len(together.pool)
    moments = np.datetime64(summary.layout.start + lives.opens, "us") + np.arange(lives.moments) * np.timedelta64(
        lives.step, "us"
    )
    axes.set_axis_off()
    axes.set_title("Pools move together")
    top = np.nanquantile(values[:, CPU], 0.998) * 1.05
    both = ((0.53, values[:pool], "one pool"), (0.0, values[pool:], "no pool in common"))
    for bottom, some, words in both:
        half = axes.inset_axes((0.0, bottom, 1.0, 0.47))
        for position, one in enumerate(some):
            half.plot(moments, one[CPU], color=OKABE_ITO[position % len(OKABE_ITO)], lw=0.9, alpha=0.9)
        half.set_ylim(0, top)
        half.margins(x=0.01)
        half.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        half.text(0.01, 0.97, f"{len(some)} {together.archetype} servers of {words}"[:60].replace("of no", "with no"),
                  transform=half.transAxes, va="top", fontsize=9, weight="bold")  # fmt: skip
        _dates(half, 14)
        if bottom:
            half.tick_params(labelbottom=False)
    note = "CPU, in the mean of each server"
    axes.text(1.0, 1.02, note, ha="right", color=GREY, fontsize=8.5, transform=axes.transAxes)


def week_by_region(axes: Axes, summary: Summary) -> None:
    """Mean CPU of all servers by the hour of the week on the regions' own clocks."""
    each = summary.each
    for region, of, colour in zip(each.regions, each.local[0, CPU], OKABE_ITO, strict=False):
        axes.step(np.arange(len(of)) / 24, of, where="post", color=colour, lw=1.4, label=region)
    axes.axvspan(5, 7, color=GREY, alpha=0.1, lw=0)
    axes.set_xticks(np.arange(7) + 0.5, DAYS)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    low, high = axes.get_ylim()
    axes.set(title="The week in local time", ylabel="mean CPU, p95 (%)", xlim=(0, 7))
    axes.set_ylim(max(0.0, low), high + 0.16 * (high - low))
    axes.legend(loc="upper right", ncols=min(4, len(each.regions)), handlelength=1, columnspacing=1)


def _dates(axes: Axes, days: int) -> None:
    locator = AutoDateLocator(maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=days < 60))  # type: ignore[no-untyped-call]


def _moving(values: Floats, window: int) -> Floats:
    """Return the centred moving mean, over what there is of the window at the ends."""
    ones = np.convolve(np.ones(len(values)), np.ones(window), "same")
    return np.convolve(values, np.ones(window), "same") / ones


def _days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"
