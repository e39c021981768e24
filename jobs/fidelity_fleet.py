"""The figures of `real_traces.csv` of a whole fleet: of servers measured elsewhere, or of rows in memory.

A fleet that no file holds, of any generator, say ``rows``: a row a server and time, in the columns of a dataset. With
``jobs`` on Python's path:

    window = fidelity_fleet.window_of(rows)
    seen = fidelity_fleet.figures_of(rows, window)  # figure -> number
    print(fidelity_table.table(fidelity_table.scored(seen, window)))

Nothing here knows Dask or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fidelity_series as of
import numpy as np
import pandas as pd
from fidelity_figures import COLUMNS, Part, Window, measure

ALIKE = 0.05
"""Means of near-equal servers lie within this share of each other."""
SAMPLE = 400
"""Servers of which all pairs are looked at."""
ALONE = {"server_id": "server", "server_type": "server", "region": "UTC"}


def window_of(rows: pd.DataFrame, zones: Mapping[str, str | int] | None = None) -> Window:
    """Return the whole weeks that rows in memory have, and their step: the shortest time between two."""
    times = pd.DatetimeIndex(_named(rows)["timestamp"].unique()).sort_values()
    if len(times) < 2:
        raise ValueError(f"{len(rows)} rows at {len(times)} times: the figures need a series")
    step = np.diff(times.to_numpy("datetime64[s]")).min() // np.timedelta64(1, "s")
    return Window.between(times[0], times[-1] + pd.Timedelta(seconds=int(step)), int(step), zones or {})


def figures_of(
    rows: pd.DataFrame, window: Window | None = None, pools: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Return the figures of rows in memory, by name.

    Parameters
    ----------
    rows
        Times as `timestamp` or as the index, and any of ``cpu_p95``, ``mem_p95``, ``disk_p95``, ``net_in_p95`` and
        ``net_out_p95``; `server_id`, `server_type` and `region` may be left out of one server's series. The figures
        of what is not there are not numbers.
    window
        What of them is looked at; None: as :func:`window_of` says.
    pools
        Server -> its pool, where it has one.
    """
    window, rows = window or window_of(rows), _named(rows)
    rows = rows.assign(**{column: np.nan for column in COLUMNS.values() if column not in rows})
    pools = {name: (pools or {}).get(name, name) for name in rows["server_id"].unique()}
    part = measure(rows, window, sampled(pools))
    if part is None:
        raise ValueError(f"no rows in the {window.days} days in whole weeks from Monday {window.start:%Y-%m-%d} on")
    return of_fleet([part], pools)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows that say when, and of whom."""
    if "timestamp" not in rows:
        rows = rows.rename_axis("timestamp").reset_index()
    return rows.assign(**{name: text for name, text in ALONE.items() if name not in rows})


def sampled(pools: Mapping[str, str], number: int = SAMPLE) -> frozenset[str]:
    """Return the servers whose correlations are looked at: whole pools for a half, single ones for the rest."""
    if len(pools) <= number:
        return frozenset(pools)
    by_pool = pd.Series(pools).groupby(pd.Series(pools), sort=False)
    shared = [list(group.index) for _, group in by_pool if 1 < len(group) <= number // 2]
    members = [name for group in spread(shared, number // 16) for name in group][: number // 2]
    others = [name for name in pools if name not in set(members)]
    return frozenset(members + spread(others, number - len(members)))


def spread(items: list[Any], number: int) -> list[Any]:
    """Return at most so many, evenly from first to last."""
    return [items[place * len(items) // number] for place in range(number)] if len(items) > number else items


def of_fleet(parts: Sequence[Part], pools: Mapping[str, str]) -> dict[str, float]:
    """Return all figures that the parts have data for; `pools` says which server is of which pool."""
    servers = pd.concat([part.servers for part in parts])
    medians = servers.select_dtypes("number").median().items()
    seen = {str(name): float(value) for name, value in medians if str(name).startswith(("d_", "h_", "f_"))}
    by_type = [group for _, group in servers.groupby("server_type") if len(group) > 1]
    seen["icc_overall"] = intraclass(servers)
    seen["icc_within"] = float(np.median([intraclass(group) for group in by_type])) if by_type else np.nan
    seen["p90p10_overall"] = _spread(servers)
    seen["p90p10_within"] = float(np.median([_spread(group) for group in by_type])) if by_type else np.nan
    low, high = servers["d_cv_cpu"].quantile([0.25, 0.75])
    seen["d_cv_cpu_width"] = high - low
    for name in ("cpu", "net"):
        pooled = servers.filter(regex=f"^month._{name}$").to_numpy().ravel()
        seen[f"d_month_{name}"] = float(of.quantile(pooled, 0.5)) if pooled.size else np.nan
    seen["d_zero"] = servers["zero"].sum() / servers["days"].sum()
    seen["d_full"] = servers["full"].sum() / servers["days"].sum()
    if "excess" in servers:
        seen |= _of_hours(servers) | _of_pairs(pd.concat([part.hours for part in parts]), pools)
    if "f_over" in servers:
        seen |= _of_runs(pd.concat([part.runs for part in parts]))
    return {name: float(value) for name, value in seen.items()}


def intraclass(servers: pd.DataFrame) -> float:
    """Return the one-way ANOVA intraclass correlation of the days, servers as groups."""
    servers = servers[servers["days"] > 0]
    number, means, groups = servers["days"], servers["day_mean"], len(servers)
    total = number.sum()
    if groups < 2 or total == groups:
        return np.nan
    between = (number * (means - (number * means).sum() / total) ** 2).sum() / (groups - 1)
    within = servers["within"].sum() / (total - groups)
    size = (total - (number**2).sum() / total) / (groups - 1)
    return float(of.ratio(between - within, between + (size - 1) * within))


def _spread(servers: pd.DataFrame) -> float:
    low, high = servers["day_mean"].quantile([0.1, 0.9])
    return float(of.ratio(high, low))


def _of_hours(servers: pd.DataFrame) -> dict[str, float]:
    there = servers[servers["hour_mean"] > 0]
    moving = there[there["hour_sd"] > 0]
    level, spread = np.log(moving["hour_mean"]), np.log(moving["hour_sd"])
    peaks = servers.loc[servers["excess"] > 0.1, "peak_hour"]
    return {
        "h_logmean_sd": float(np.log(there["hour_mean"]).std()),
        "h_taylor": float(of.ratio(level.cov(spread), level.var())) if len(moving) > 1 else np.nan,
        "strong_0.1": (servers["excess"] > 0.1).mean(),
        "strong_0.5": (servers["excess"] > 0.5).mean(),
        "peak_01_04": peaks.between(1, 4).mean(),
        "peak_09_17": peaks.between(9, 17).mean(),
    }


def _of_pairs(hours: pd.DataFrame, pools: Mapping[str, str]) -> dict[str, float]:
    """Return the median correlation between two servers: any two, and near-equal ones of one pool."""
    found = hours.T.corr().to_numpy()
    first, second = np.triu_indices(len(hours), 1)
    pool = hours.index.map(pools).to_numpy()
    level = hours.mean(axis=1).to_numpy()
    high, low = np.maximum(level[first], level[second]), np.minimum(level[first], level[second])
    near = (pool[first] == pool[second]) & (high - low <= ALIKE * low)
    pairs = found[first, second]
    return {"h_pair_any": float(pd.Series(pairs).median()), "h_pair_near": float(pd.Series(pairs[near]).median())}


def _of_runs(runs: pd.DataFrame) -> dict[str, float]:
    length = runs["length"]
    return {
        "f_run_mean": float(length.mean()),
        "f_run_p90": float(length.quantile(0.9)),
        "f_run_p99": float(length.quantile(0.99)),
        "f_peak_over_median": float(runs["peak"].median()),
    }
