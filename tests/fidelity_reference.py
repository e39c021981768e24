"""The 66 figures once more, a server at a time, as their definitions in jobs/real_traces.csv read, in plain pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, groupby
from typing import Any

import numpy as np
import pandas as pd

FOUR = {"cpu": "cpu_p95", "mem": "mem_p95", "disk": "disk_p95", "net": "net_in_p95"}


def figures(rows: pd.DataFrame, pools: Mapping[str, str], zones: Mapping[str, str]) -> dict[str, float]:
    """Return all figures of rows every 5 minutes, 91 days from a Monday, of servers without gaps."""
    servers = {str(name): mine.set_index("timestamp").sort_index() for name, mine in rows.groupby("server_id")}
    types = {name: str(mine["server_type"].iloc[0]) for name, mine in servers.items()}
    days: dict[str, Any] = {name: mine[columns(mine)].resample("D").quantile(0.95) for name, mine in servers.items()}
    hours: dict[str, Any] = {name: mine[columns(mine)].resample("h").mean() for name, mine in servers.items()}
    each = [of_days(days[name], servers[name]) | of_hours(hours[name]) for name in servers]
    seen = {name: float(np.nanmedian([one[name] for one in each])) for name in each[0]}
    cv = [one["d_cv_cpu"] for one in each]
    seen["d_cv_cpu_width"] = float(np.subtract(*np.quantile(cv, [0.75, 0.25])))
    seen |= of_levels({name: frame["cpu_p95"] for name, frame in days.items()}, types)
    for name in ("cpu", "net"):
        changes = [change for frame in days.values() for change in months(frame[FOUR[name]].to_numpy())]
        seen[f"d_month_{name}"] = float(np.median(changes))
    cpu = {name: frame["cpu_p95"] for name, frame in hours.items()}
    seen |= of_pairs(cpu, pools) | of_cycles(cpu, {name: zones[servers[name]["region"].iloc[0]] for name in servers})
    return seen | of_samples({name: mine["cpu_p95"].to_numpy() for name, mine in servers.items()})


def columns(mine: pd.DataFrame) -> list[str]:
    return [str(name) for name in mine if str(name).endswith("_p95")]


def r2(values: Any, period: int) -> float:
    """Return R2 of the means of each place in a period."""
    means = pd.Series(values).groupby(np.arange(len(values)) % period).transform("mean")
    return float(1 - ((values - means) ** 2).sum() / ((values - values.mean()) ** 2).sum())


def excess(values: Any) -> float:
    return r2(values, 168) - (r2(values, 163) + r2(values, 173)) / 2


def acf(values: Any, lag: int) -> float:
    away = values - values.mean()
    return float((away[lag:] * away[:-lag]).sum() / (away**2).sum())


def moment(values: Any, power: int) -> float:
    return float((((values - values.mean()) / values.std()) ** power).mean())


def spells(values: Any) -> list[tuple[int, int]]:
    """Return first and length of the runs above mean + 3 sd."""
    places = np.flatnonzero(values > values.mean() + 3 * values.std())
    runs = [list(run) for _, run in groupby(enumerate(places), lambda pair: pair[1] - pair[0])]
    return [(int(run[0][1]), len(run)) for run in runs]


def months(values: Any) -> list[float]:
    means = [values[0:31].mean(), values[31:62].mean(), values[62:91].mean()]
    return [abs(np.log(means[1] / means[0])), abs(np.log(means[2] / means[1]))]


def of_days(days: pd.DataFrame, samples: pd.DataFrame) -> dict[str, float]:
    seen = {}
    number = np.arange(len(days))
    design = np.column_stack([number, np.eye(7)[number % 7]])
    for name, column in FOUR.items():
        values = days[column].to_numpy()
        left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        seen[f"d_acf1_{name}"] = acf(left, 1)
        seen[f"d_ratio_{name}"] = float((days[column] / samples[column].resample("D").mean()).median())
        seen[f"d_skew_{name}"], seen[f"d_kurt_{name}"] = moment(values, 3), moment(values, 4) - 3
        seen[f"d_cv_{name}"] = values.std() / values.mean()
        seen[f"d_over_{name}"] = (values > values.mean() + 3 * values.std()).mean()
    cpu = days["cpu_p95"].to_numpy()
    runs = [length for _, length in spells(cpu)]
    seen["d_over_run_cpu"] = float(np.mean(runs)) if runs else np.nan
    seen["d_r2adj_dow_cpu"] = 1 - (1 - r2(cpu, 7)) * (91 - 1) / (91 - 7)
    weekend = pd.DatetimeIndex(days.index).day_of_week >= 5
    seen["d_weekend_cpu"] = cpu[weekend].mean() / cpu[~weekend].mean()
    seen["d_corr_inout"] = days["net_in_p95"].corr(days["net_out_p95"])
    return seen


def of_hours(hours: pd.DataFrame) -> dict[str, float]:
    seen = {}
    week = np.arange(len(hours)) % 168
    for name, column in FOUR.items():
        values = hours[column]
        left = (values - values.groupby(week).transform("mean")).to_numpy()
        seen[f"h_acf1_{name}"], seen[f"h_rank1_{name}"] = acf(values.to_numpy(), 1), acf(values.rank().to_numpy(), 1)
        seen[f"h_dayshare_{name}"] = left.reshape(91, 24).mean(axis=1).var() / left.var()
        seen |= {f"h_racf{lag}_{name}": acf(left, lag) for lag in (1, 2, 6, 12, 24, 48)}
    for one, other in combinations(FOUR, 2):
        pair = hours[FOUR[one]], hours[FOUR[other]]
        seen[f"h_corr_{one}_{other}"] = pair[0].corr(pair[1])
        seen[f"h_rank_{one}_{other}"] = pair[0].corr(pair[1], method="spearman")
    begins = np.bincount([first % 24 for first, _ in spells(hours["cpu_p95"].to_numpy())], minlength=24)
    seen["h_spike_hour"] = begins.max() / begins.sum() if begins.sum() >= 20 else np.nan
    return seen


def of_levels(days: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, float]:
    """Return the figures of daily CPU that compare servers: as groups of equal size."""

    def intraclass(names: list[str]) -> float:
        values = np.array([days[name] for name in names])
        between = values.shape[1] * values.mean(axis=1).var(ddof=1)
        within = values.var(axis=1, ddof=1).mean()
        return float((between - within) / (between + (values.shape[1] - 1) * within))

    def spread(names: list[str]) -> float:
        means = [days[name].mean() for name in names]
        return float(np.quantile(means, 0.9) / np.quantile(means, 0.1))

    def within(what: Callable[[list[str]], float]) -> float:
        return float(np.median([what([name for name in days if types[name] == kind]) for kind in set(types.values())]))

    every = np.concatenate([days[name] for name in days])
    seen = {"icc_overall": intraclass(list(days)), "icc_within": within(intraclass)}
    seen |= {"p90p10_overall": spread(list(days)), "p90p10_within": within(spread)}
    return seen | {"d_zero": float((every == 0).mean()), "d_full": float((every >= 99.5).mean())}


def of_pairs(cpu: Mapping[str, Any], pools: Mapping[str, str]) -> dict[str, float]:
    found, near = [], []
    for one, other in combinations(cpu, 2):
        found.append(cpu[one].corr(cpu[other]))
        low, high = sorted([cpu[one].mean(), cpu[other].mean()])
        if pools[one] == pools[other] and high <= 1.05 * low:
            near.append(found[-1])
    level = np.log([values.mean() for values in cpu.values()])
    noise = np.log([values.std() for values in cpu.values()])
    slope = float(np.polyfit(level, noise, 1)[0])
    seen = {"h_pair_any": float(np.median(found)), "h_pair_near": float(np.median(near))}
    return seen | {"h_logmean_sd": float(level.std(ddof=1)), "h_taylor": slope}


def of_cycles(cpu: Mapping[str, Any], zones: Mapping[str, str]) -> dict[str, float]:
    found = {name: excess(values.to_numpy()) for name, values in cpu.items()}
    peaks = []
    for name in [name for name, above in found.items() if above > 0.1]:
        local = cpu[name].tz_localize("UTC").tz_convert(zones[name])
        peaks.append(local.groupby(local.index.hour).mean().idxmax())
    shares = {f"strong_{limit}": float(np.mean([above > limit for above in found.values()])) for limit in (0.1, 0.5)}
    shares["peak_01_04"] = float(np.mean([1 <= peak <= 4 for peak in peaks]))
    return shares | {"peak_09_17": float(np.mean([9 <= peak <= 17 for peak in peaks]))}


def of_samples(cpu: Mapping[str, Any]) -> dict[str, float]:
    runs = [(name, first, length) for name, values in cpu.items() for first, length in spells(values)]
    minutes = [5 * length for _, _, length in runs]
    peaks = [cpu[name][first : first + length].max() / np.median(cpu[name]) for name, first, length in runs]
    shares = [(values > values.mean() + 3 * values.std()).mean() for values in cpu.values()]
    seen = {"f_over": float(np.median(shares)), "f_run_mean": float(np.mean(minutes))}
    seen |= {f"f_run_p{share}": float(np.quantile(minutes, share / 100)) for share in (90, 99)}
    return seen | {"f_peak_over_median": float(np.median(peaks))}
