"""The panels of ``overview.png``: one function draws one into the axes that it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from dask_synth.model.columns import BUILT_IN
from dask_synth.reporting.palette import DAYS, GREY, INK, MONTHS, OKABE_ITO, archetype_colours
from dask_synth.reporting.summary import HIGH, LOW, Group, Summary
from dask_synth.theory.gauge import CANDIDATES

CPU, MEM = (BUILT_IN.names.index(name) for name in ("cpu_p95", "mem_p95"))
LEAST_SHARE = 0.005
MAX_KINDS = 8
"""Archetypes that a panel can hold and still be read; the largest are shown."""

DIVERGING = LinearSegmentedColormap.from_list("orange-white-blue", ["#d55e00", "#ffffff", "#0072b2"])


def fleet_over_time(axes: Axes, summary: Summary) -> None:
    """CPU of the whole fleet: daily mean, band, and a moving mean that leaves the weeks out."""
    layout, fleet = summary.layout, summary.groups[0]
    days = layout.period_starts()
    mean, low, high, _ = fleet.series[:, CPU]
    each = "daily" if layout.days_per_period == 1 else f"{layout.days_per_period}-day"
    window = max(1, 7 // layout.days_per_period)
    if long := len(days) > 3 * window:
        # A window of whole weeks: what is left is growth, quarter ends and holidays.
        low, high = _moving_mean(low, window), _moving_mean(high, window)
    axes.fill_between(days, low, high, color=OKABE_ITO[4], alpha=0.35, lw=0, label=_band())
    thin = {"lw": 0.5, "alpha": 0.6} if long else {"lw": 1.8, "marker": "o", "ms": 4}
    axes.plot(days, mean, color=OKABE_ITO[0], label=f"{each} mean", **thin)
    if long:
        name = f"{window * layout.days_per_period}-day mean"
        axes.plot(days, _moving_mean(mean, window), color=INK, lw=1.6, label=name)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=len(days) < 60))  # type: ignore[no-untyped-call]
    axes.set(title="CPU of the whole fleet over time", ylabel="CPU, p95 (%)", ylim=(0, 100))
    axes.margins(x=0.005)
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1.0), borderaxespad=0.2)


def cpu_by_type(axes: Axes, summary: Summary) -> None:
    """CPU of each archetype as a violin: the shape, the middle half, the median."""
    groups = _largest(summary)
    colours = archetype_colours(name for name, _ in summary.layout.archetypes)
    for position, group in enumerate(groups):
        _violin(axes, position, group.shares[0, CPU], colours[group.name])
    axes.set_xticks(range(len(groups)), [_short(group.name) for group in groups], rotation=_tilt(groups))
    axes.grid(visible=False, axis="x")
    axes.set(title=_title("CPU by server type", summary), ylabel="CPU, p95 (%)", ylim=(-9, 110))
    axes.text(0, -0.16, "dot: median; bar: middle half of the rows", color=GREY, fontsize=8.5, transform=axes.transAxes)


def correlation_map(axes: Axes, summary: Summary) -> None:
    """Correlation of each pair of metrics, over all rows of the fleet."""
    matrix = summary.groups[0].correlation
    axes.imshow(np.nan_to_num(matrix), cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
    names = [column.label.replace("network", "net") for column in summary.metrics.columns]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(matrix):
        text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "n/a"
        axes.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.65 else INK)
    axes.set_title("Correlation of metrics, all rows")


def weekly_pattern(axes: Axes, summary: Summary) -> None:
    """Mean CPU over the week: of web servers, or of the largest archetype where there are none."""
    group = summary.group("web") or max(summary.groups[1:], key=lambda one: one.servers)
    colour = archetype_colours(name for name, _ in summary.layout.archetypes)[group.name]
    week, per_day = group.week[CPU], summary.layout.slots // 7
    days = (np.arange(len(week)) + (0.5 if per_day == 1 else 0)) / per_day
    if per_day == 1:
        axes.bar(days, np.nan_to_num(week), width=0.72, color=colour)
        for day, value in zip(days[np.isfinite(week)], week[np.isfinite(week)], strict=True):
            axes.annotate(f"{value:.1f}", (day, value), (0, 4), textcoords="offset points", ha="center", fontsize=9)
    else:
        axes.step(days, week, where="post", color=colour, lw=1.8)
        axes.fill_between(days, week, step="post", color=colour, alpha=0.2, lw=0)
    axes.axvspan(5, 7, color=GREY, alpha=0.1, lw=0)
    axes.set_xticks(np.arange(7) + 0.5, DAYS)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    top = max(1.0, min(105.0, 1.2 * np.nanmax(week))) if np.isfinite(week).any() else 100.0
    axes.set(title=f"Weekly pattern of {group.name} servers", ylabel="mean CPU, p95 (%)", xlim=(0, 7), ylim=(0, top))


def monthly_pattern(axes: Axes, summary: Summary) -> None:
    """CPU and memory of one server by month of the year, each year a thin line, their mean a thick one."""
    name, values = next(iter(summary.servers.items()), ("", np.full((len(summary.metrics.columns), 1), np.nan)))
    months = summary.layout.period_starts().astype("M8[M]").astype(int)[: values.shape[1]]
    for metric, colour in ((CPU, OKABE_ITO[0]), (MEM, OKABE_ITO[5])):
        table = _by_month(months, values[metric])
        for year in table if len(table) > 1 else []:
            axes.plot(range(12), year, color=colour, lw=0.8, alpha=0.35)
        used = np.asarray(np.isfinite(table).any(axis=0))
        mean = np.full(12, np.nan)
        mean[used] = np.nanmean(table[:, used], axis=0)
        axes.plot(
            range(12), mean, color=colour, lw=2.2, marker="o", ms=4.5, label=summary.metrics.columns[metric].label
        )
    axes.set_xticks(range(12), MONTHS, fontsize=9)
    axes.set(title=f"Monthly pattern of {name}", ylabel="monthly mean, p95 (%)", xlim=(-0.4, 11.4))
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.06 * (high - low), high + 0.2 * (high - low))
    axes.legend(loc="upper left", ncols=2)
    note = "thick: mean of the years; thin: each year" if len(np.unique(months // 12)) > 1 else ""
    axes.text(0, -0.16, note, color=GREY, fontsize=8.5, transform=axes.transAxes)


def servers_by_unit(axes: Axes, summary: Summary, servers: dict[str, Any]) -> None:
    """Servers of each business unit, stacked by archetype."""
    counts: dict[tuple[str, str], int] = servers["units"]
    totals: dict[str, int] = {}
    for (unit, _), count in counts.items():
        totals[unit] = totals.get(unit, 0) + count
    units = sorted(totals, key=lambda unit: -totals[unit])[:MAX_KINDS]
    colours = archetype_colours(name for name, _ in summary.layout.archetypes)
    left = np.zeros(len(units))
    shown = {group.name for group in _largest(summary)}
    for name, colour in colours.items():
        width = np.array([counts.get((unit, name), 0) for unit in units])
        axes.barh(units, width, left=left, color=colour, label=_short(name) if name in shown else None, edgecolor="w")
        left += width
    for position, total in enumerate(left):
        axes.text(total, position, f" {total:,.0f}", va="center")
    axes.set_yticks(range(len(units)), [_short(unit) for unit in units])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.set(title="Servers by business unit")
    if len(shown) > 1:
        below: Any = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.06), "ncols": 4, "columnspacing": 1}
        axes.legend(handlelength=1, **below)


def memory_by_criticality(axes: Axes, summary: Summary) -> None:
    """Memory of all rows of each criticality, as violins."""
    kinds = list(summary.memory.items())[:MAX_KINDS]
    for position, (_, counts) in enumerate(kinds):
        _violin(axes, position, counts / counts.sum(), OKABE_ITO[0])
    axes.set_xticks(range(len(kinds)), [_short(name) for name, _ in kinds])
    axes.grid(visible=False, axis="x")
    axes.set(title="Memory by criticality", ylabel="memory, p95 (%)", ylim=(-9, 110))


def _violin(axes: Axes, at: int, shares: npt.NDArray[np.float64], colour: str) -> None:
    """Draw a distribution of bins from 0 to 100, with its quartiles, and the shares at the very limits."""
    inside = shares[1:-1]
    if not shares.sum() > 0:
        return
    edges = np.linspace(0, 100, CANDIDATES + 1)
    widest = inside.max() or 1.0
    width = np.repeat(0.4 * np.convolve(inside, [0.25, 0.5, 0.25], "same") / widest, 2)
    axes.fill_betweenx(np.repeat(edges, 2)[1:-1], at - width, at + width, color=colour, alpha=0.55, lw=0)
    for limit, share in ((0, shares[0]), (100, shares[-1])):
        if share >= LEAST_SHARE:
            half = 0.4 * min(share / widest, 1)
            axes.plot([at - half, at + half], [limit, limit], color=colour, lw=3, solid_capstyle="butt")
            above = limit == 100
            text = f"{100 * share:.0f} % at {limit}"
            axes.text(at, limit + (2 if above else -2), text, ha="center", va="bottom" if above else "top", fontsize=8)
    reached = np.concatenate([[0], shares[0] + inside.cumsum()])
    low, middle, high = np.interp((0.25, 0.5, 0.75), reached, edges)
    axes.plot([at, at], [low, high], color=INK, lw=4, solid_capstyle="butt")
    axes.plot(at, middle, "o", color="white", mec=INK, ms=6)
    axes.text(at + 0.07, middle, f"{middle:.0f}", va="center", fontsize=9, weight="bold")


def _by_month(months: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return means by (year, month of the year) from months since 1970."""
    first = months[0] // 12
    table = np.full((months[-1] // 12 - first + 1, 12), np.nan)
    for month in np.unique(months):
        mine = values[(months == month) & np.isfinite(values)]
        table[month // 12 - first, month % 12] = mine.mean() if len(mine) else np.nan
    return table


def _moving_mean(values: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """Return the centred moving mean, NaN where the window is not full."""
    out = np.full(len(values), np.nan)
    start = window // 2
    out[start : start + len(values) - window + 1] = np.convolve(values, np.full(window, 1 / window), "valid")
    return out


def _largest(summary: Summary) -> list[Group]:
    groups = summary.groups[1:]
    chosen = sorted(groups, key=lambda group: -group.servers)[:MAX_KINDS]
    return [group for group in groups if group in chosen]


def _title(text: str, summary: Summary) -> str:
    hidden = len(summary.groups) - 1 - MAX_KINDS
    return text if hidden <= 0 else f"{text} (largest {MAX_KINDS} of {len(summary.groups) - 1})"


def _short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _tilt(groups: list[Group]) -> int:
    return 0 if len(groups) <= 4 else 35


def _band() -> str:
    return f"{LOW:.0%} to {HIGH:.0%} of the rows".replace("%", " %")
