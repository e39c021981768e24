"""What the figures of `real_traces.csv` are made of: whole servers to a row each. For `fidelity.py`.

Nothing here knows Dask or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from itertools import pairwise
from typing import NamedTuple

import fidelity_series as of
import numpy as np
import pandas as pd
from fidelity_series import Floats

COLUMNS = {"cpu": "cpu_p95", "mem": "mem_p95", "disk": "disk_p95", "net": "net_in_p95", "out": "net_out_p95"}
FOUR = ("cpu", "mem", "disk", "net")
LAGS = (1, 2, 6, 12, 24, 48)
DAY, HOUR, FIVE = 86_400, 3_600, 300
MONTHS = ((0, 31), (31, 62), (62, 91))
FULL_DAYS = 91


@dataclass(frozen=True)
class Window:
    """The days that are looked at, whole weeks from a Monday, and how they were sampled."""

    start: pd.Timestamp
    days: int
    step: int
    """Seconds."""
    zones: Mapping[str, str | int] = field(default_factory=dict)
    """Region -> its time zone, by name or in hours ahead of UTC, where it is not UTC."""

    @classmethod
    def between(cls, first: pd.Timestamp, after: pd.Timestamp, step: int, zones: Mapping[str, str | int]) -> Window:
        """Return the whole weeks from the first Monday on that end before a time, at most 13."""
        begin = first.ceil("D")
        monday = begin + pd.Timedelta(days=-begin.day_of_week % 7)
        days = max(0, (after - monday).days)
        return cls(monday, min(FULL_DAYS, days // 7 * 7), step, zones)

    @property
    def end(self) -> pd.Timestamp:
        """The first time after it."""
        return self.start + pd.Timedelta(days=self.days)


class Part(NamedTuple):
    """What is kept of some servers: a row each, the runs of their 5-minute samples, hourly CPU of a few."""

    servers: pd.DataFrame
    runs: pd.DataFrame
    hours: pd.DataFrame


def measure(rows: pd.DataFrame, window: Window, sample: frozenset[str] = frozenset()) -> Part | None:
    """Return what is kept of the servers that these rows hold whole, None where there are none.

    `sample` are the servers whose hours are kept.
    """
    rows = rows[(rows["timestamp"] >= window.start) & (rows["timestamp"] < window.end)]
    if rows.empty:
        return None
    codes, names = pd.factorize(rows["server_id"])
    offset = (rows["timestamp"].to_numpy("datetime64[s]") - window.start.to_datetime64()) / np.timedelta64(1, "s")
    place = (codes, (offset // window.step).astype(np.intp))
    samples = {}
    for name, column in COLUMNS.items():
        samples[name] = np.full((len(names), window.days * DAY // window.step), np.nan)
        samples[name][place] = rows[column]
    known = rows.drop_duplicates("server_id")[["server_type", "region"]].astype(str)
    servers = known.set_axis(pd.Index(names, name="server_id")).assign(**_daily(samples, window))
    runs, hours = pd.DataFrame({"length": [], "peak": []}), pd.DataFrame()
    if window.step <= HOUR:
        hourly = {name: resampled(values, window, HOUR) for name, values in samples.items()}
        zones = pd.Series([window.zones.get(region, "UTC") for region in servers["region"]], dtype="object")
        servers = servers.assign(**_hourly(hourly), **_hours_of_day(hourly["cpu"], zones, window.start))
        kept = np.isin(servers.index, list(sample))
        hours = pd.DataFrame(hourly["cpu"][kept], servers.index[kept])
    if window.step <= FIVE:
        servers["f_over"], runs = _fine(resampled(samples["cpu"], window, FIVE))
    return Part(servers, runs, hours)


def resampled(values: Floats, window: Window, step: int) -> Floats:
    """Return the means over a coarser step."""
    return values if window.step == step else of.mean(values.reshape(len(values), -1, step // window.step))


def _daily(samples: Mapping[str, Floats], window: Window) -> dict[str, Floats]:
    """Return the figures of the daily P95: of the day's samples, or the value itself where the dataset is daily."""
    by_day = {name: values.reshape(len(values), window.days, -1) for name, values in samples.items()}
    days = {name: of.quantile(values, 0.95) for name, values in by_day.items()}
    seen = {}
    for name in FOUR:
        seen[f"d_acf1_{name}"] = of.autocorrelation(of.less_trend_and_weekday(days[name]), 1)
        if window.step < DAY:
            seen[f"d_ratio_{name}"] = of.quantile(of.ratio(days[name], of.mean(by_day[name])), 0.5)
    for name in ("cpu", "disk", "net"):
        seen[f"d_skew_{name}"], seen[f"d_kurt_{name}"] = of.skewness(days[name]), of.kurtosis(days[name])
    for name in ("cpu", "net"):
        seen[f"d_cv_{name}"] = of.ratio(of.deviation(days[name]), of.mean(days[name]))
        seen[f"d_over_{name}"] = of.share(of.over(days[name]), days[name])
        levels = [of.mean(days[name][:, first:last]) for first, last in MONTHS if last <= window.days]
        for number, (before, after) in enumerate(pairwise(levels)):
            seen[f"month{number}_{name}"] = _log_change(before, after)
    seen["d_corr_inout"] = of.correlation(days["net"], days["out"])
    return seen | _daily_cpu(days["cpu"])


def _daily_cpu(cpu: Floats) -> dict[str, Floats]:
    """Return the figures of the daily P95 of CPU alone, and what those of the whole fleet are made of."""
    flags, number, week = of.over(cpu), np.isfinite(cpu).sum(axis=1), cpu.reshape(len(cpu), -1, 7)
    return {
        "d_over_run_cpu": of.ratio(flags.sum(axis=1), of.starts(flags).sum(axis=1)),
        "d_r2adj_dow_cpu": 1 - (1 - of.explained(cpu, 7)) * of.ratio(number - 1, np.maximum(number - 7, 0)),
        "d_weekend_cpu": of.ratio(of.mean(week[..., 5:], axis=(1, 2)), of.mean(week[..., :5], axis=(1, 2))),
        "days": number,
        "zero": (cpu == 0).sum(axis=1),
        "full": (cpu >= 99.5).sum(axis=1),
        "day_mean": of.mean(cpu),
        "within": np.nansum(of.centred(cpu) ** 2, axis=1),
    }


def _log_change(before: Floats, after: Floats) -> Floats:
    quotient = of.ratio(after, before)
    return np.abs(np.log(np.where(quotient > 0, quotient, np.nan)))


def _hourly(hours: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the figures of the hourly series."""
    cpu, ranks = hours["cpu"], {name: of.ranks(hours[name]) for name in ("cpu", "disk", "net")}
    left = of.less_cycle(cpu, of.WEEK)
    seen = {f"h_racf{lag}_cpu": of.autocorrelation(left, lag) for lag in LAGS}
    for name in FOUR:
        seen[f"h_acf1_{name}"] = of.autocorrelation(hours[name], 1)
        seen[f"h_dayshare_{name}"] = of.day_share(hours[name])
    for name in ("disk", "net"):
        seen[f"h_rank1_{name}"] = of.autocorrelation(ranks[name], 1)
    for one, other in (("cpu", "mem"), ("cpu", "disk"), ("cpu", "net"), ("mem", "disk")):
        seen[f"h_corr_{one}_{other}"] = of.correlation(hours[one], hours[other])
    seen["h_rank_cpu_disk"] = of.correlation(ranks["cpu"], ranks["disk"])
    return seen | {"hour_mean": of.mean(cpu), "hour_sd": of.deviation(cpu), "excess": of.excess(cpu)}


def _hours_of_day(cpu: Floats, zones: pd.Series, start: pd.Timestamp) -> dict[str, Floats]:
    """Return the local hour of the highest mean, and the share of spikes that start in the UTC hour that most do."""
    times = pd.date_range(start, periods=cpu.shape[1], freq="h", tz="UTC")
    peak = np.full(len(cpu), np.nan)
    for zone in zones.unique():
        mine = (zones == zone).to_numpy()
        place = timezone(timedelta(hours=zone)) if isinstance(zone, int) else zone
        local = times.tz_convert(place).hour.to_numpy()
        means = np.column_stack([of.mean(cpu[mine][:, local == hour]) for hour in range(24)])
        peak[mine] = np.where(np.isfinite(means).all(axis=1), means.argmax(axis=1), np.nan)
    began = of.starts(of.over(cpu)).reshape(len(cpu), -1, 24).sum(axis=1)
    number = began.sum(axis=1)
    share = np.where(number >= 20, of.ratio(began.max(axis=1), number), np.nan)
    return {"peak_hour": peak, "h_spike_hour": share}


def _fine(cpu: Floats) -> tuple[Floats, pd.DataFrame]:
    """Return the share of 5-minute samples far above the server's mean, and the runs of these."""
    flags = of.over(cpu)
    runs = of.runs(flags, cpu)
    usual = of.quantile(cpu, 0.5)[runs["row"]]
    runs = pd.DataFrame({"length": 5.0 * runs["length"], "peak": of.ratio(runs["peak"], usual)})
    return of.share(flags, cpu), runs
