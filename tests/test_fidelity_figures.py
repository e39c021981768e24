"""The figures of jobs/fidelity.py, on series whose answers are known."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import signal, stats

from tests import fidelity_reference
from tests.integration.surroundings import ROOT

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(ROOT / "jobs"))
    of: Any = importlib.import_module("fidelity_series")
    figures: Any = importlib.import_module("fidelity_figures")
    fleet: Any = importlib.import_module("fidelity_fleet")
    beside: Any = importlib.import_module("fidelity_table")

MONDAY = pd.Timestamp("2023-02-06")
HOURS = 91 * 24


def noise(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def gaps(values: Any, share: float = 0.03) -> Any:
    return np.where(np.random.default_rng(2).random(values.shape) < share, np.nan, values)


def frame(step: str, days: int = 91, regions: tuple[str, ...] = ("EU",), **metrics: Any) -> pd.DataFrame:
    """Return rows of a dataset: a metric is an array of a row a server; what is not named is white noise."""
    count = next(iter(metrics.values())).shape[0]
    times = pd.date_range(MONDAY, MONDAY + pd.Timedelta(days=days), freq=step, inclusive="left", unit="us")
    parts = []
    for server in range(count):
        columns = {
            column: metrics[name][server] if name in metrics else 50 + noise(len(times), seed=9 * server + place)
            for place, (name, column) in enumerate(figures.COLUMNS.items())
        }
        known = {"server_id": f"server_{server:03}", "server_type": "web", "region": regions[server % len(regions)]}
        parts.append(pd.DataFrame({"timestamp": times, **columns}).assign(**known))
    return pd.concat(parts)


def seen_of(rows: pd.DataFrame, pools: dict[str, str] | None = None, **window: Any) -> dict[str, float]:
    names = list(rows.server_id.unique())
    steps = rows.timestamp.drop_duplicates().sort_values().diff().min().total_seconds()
    known = {"days": 91, "step": int(steps), **window}
    part = figures.measure(rows, figures.Window(MONDAY, **known), frozenset(names))
    seen: dict[str, float] = fleet.of_fleet([part], pools or dict(zip(names, names, strict=True)))
    return seen


@pytest.mark.parametrize(("lag", "expected"), [(1, 0.8), (6, 0.8**6)])
def test_autocorrelation_of_an_ar1(lag: int, expected: float) -> None:
    series = signal.lfilter([1], [1, -0.8], noise(200, 3000))[:, 500:]
    assert of.autocorrelation(gaps(series), lag).mean() == pytest.approx(
        expected * 0.97, abs=0.01
    )  # 3 % of pairs lack one
    assert of.autocorrelation(series, lag).mean() == pytest.approx(expected, abs=0.01)


def test_autocorrelation_is_the_textbook_s() -> None:
    assert of.autocorrelation(np.array([[1.0, 2, 4, 1]]), 1) == pytest.approx([(-1 * 0 + 0 * 2 + 2 * -1) / 6])
    assert np.isnan(of.autocorrelation(np.full((1, 9), 0.1), 1))


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95, 1])
def test_quantile_is_numpy_s(q: float) -> None:
    values = gaps(noise(5, 7, 24), 0.4)
    assert of.quantile(values, q) == pytest.approx(np.nanquantile(values, q, axis=-1), nan_ok=True)
    assert np.isnan(of.quantile(np.full((1, 3), np.nan), q))


def test_moments_are_scipy_s() -> None:
    values = gaps(np.exp(noise(4, 500)))
    assert of.skewness(values) == pytest.approx(stats.skew(values, axis=1, nan_policy="omit"))
    assert of.kurtosis(values) == pytest.approx(stats.kurtosis(values, axis=1, nan_policy="omit"))
    assert of.deviation(values) == pytest.approx(np.nanstd(values, axis=1))


def test_correlations_are_pandas() -> None:
    one, other = gaps(noise(3, 400)), np.exp(noise(3, 400) + noise(3, 400, seed=5))
    both = [(pd.Series(a), pd.Series(b)) for a, b in zip(one, other, strict=True)]
    assert of.correlation(one, other) == pytest.approx([a.corr(b) for a, b in both])
    whole = np.round(noise(3, 400))  # ties
    expected = [pd.Series(a).corr(pd.Series(b), method="spearman") for a, b in zip(whole, other, strict=True)]
    assert of.correlation(of.ranks(whole), of.ranks(other)) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0, 0.1])
def test_line_and_weekdays_are_fitted_together(share: float) -> None:
    days = gaps(noise(3, 91) + 0.3 * np.arange(91) + 5 * (np.arange(91) % 7 == 2), share)
    design = np.column_stack([np.arange(91), np.eye(7)[np.arange(91) % 7]])
    left = of.less_trend_and_weekday(days)
    for row, expected in zip(days, left, strict=True):
        there = np.isfinite(row)
        fitted = design[there] @ np.linalg.lstsq(design[there], row[there], rcond=None)[0]
        assert row[there] - fitted == pytest.approx(expected[there], abs=1e-5)


def test_a_weekly_cycle_is_told_from_chance() -> None:
    cycle = np.tile(np.sin(np.arange(168) ** 2), 13)
    assert of.explained(cycle[None], 168) == pytest.approx([1])
    white = noise(100, HOURS)
    assert of.explained(white, 168).mean() == pytest.approx(167 / (HOURS - 1), abs=0.002)
    assert of.excess(white).mean() == pytest.approx(0, abs=0.003)
    assert of.excess(cycle + white * cycle.std()).mean() == pytest.approx(0.5, abs=0.04)


def test_excess_is_above_periods_of_163_and_173_hours() -> None:
    values = np.tile(np.arange(168.0), 13) + 40 * noise(HOURS)
    assert of.excess(values[None]) == pytest.approx([fidelity_reference.excess(values)])


def test_runs_of_high_samples() -> None:
    flags = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    values = np.arange(12.0).reshape(3, 4)
    assert of.runs(flags, values).to_numpy().tolist() == [[0, 2, 1], [0, 1, 3], [1, 1, 4]]
    assert of.starts(flags).tolist() == [[True, False, False, True], [True, False, False, False], [False] * 4]
    assert of.runs(flags & False, values).empty


def test_a_series_that_stands_still_has_no_high_samples() -> None:
    assert not of.over(np.full((1, 2184), 0.1)).any()
    assert of.over(np.array([[0.0] * 20 + [1]])).sum() == 1
    assert of.over(np.array([[0.0] * 9 + [1]])).sum() == 0  # 3 standard deviations, not above


def test_few_normal_samples_are_above_three_deviations() -> None:
    assert of.over(noise(20, 10_000)).mean() == pytest.approx(0.00135, abs=0.0004)


def test_intraclass_by_hand() -> None:
    servers = pd.DataFrame({"days": [3, 3], "day_mean": [2.0, 5], "within": [2.0, 2]})
    assert fleet.intraclass(servers) == pytest.approx((13.5 - 1) / (13.5 + 2 * 1))


def test_daily_figures_by_hand() -> None:
    day = np.arange(91)
    cpu = np.where(day % 7 >= 5, 20.0, 50.0)
    level = np.select([day < 31, day < 62], [1.0, 2.0], 8.0)
    odd = np.where(day == 10, 0.0, np.where(day < 4, 99.5, 50.0))
    net = np.array([level, level * (1 + (day % 31 == 0))])
    seen = seen_of(frame("D", cpu=np.array([cpu, odd]), net=net, out=-net))
    assert seen["d_zero"] == pytest.approx(1 / 182)
    assert seen["d_full"] == pytest.approx(4 / 182)
    assert seen["d_corr_inout"] == pytest.approx(-1)
    pooled = [np.log(2), np.log(4), np.log(2), np.log(8 / 2)]
    assert seen["d_month_net"] == pytest.approx(np.median(pooled), abs=0.02)
    alone = seen_of(frame("D", cpu=cpu[None]))
    assert alone["d_weekend_cpu"] == pytest.approx(0.4)
    assert alone["d_r2adj_dow_cpu"] == pytest.approx(1)
    assert alone["d_cv_cpu"] == pytest.approx(cpu.std() / cpu.mean())
    assert np.isnan(alone["d_over_run_cpu"])
    high = np.where((day == 3) | (day == 4) | (day == 70), 90.0, 10.0)
    spiked = seen_of(frame("D", cpu=high[None]))
    assert spiked["d_over_cpu"] == pytest.approx(3 / 91)
    assert spiked["d_over_run_cpu"] == pytest.approx(1.5)


def test_months_are_of_31_31_and_29_days() -> None:
    day = np.arange(91)
    net = np.select([day < 31, day < 62], [1.0, 2.0], 8.0)
    assert seen_of(frame("D", net=net[None]))["d_month_net"] == pytest.approx((np.log(2) + np.log(4)) / 2)
    for last in (30, 61, 90):  # of the three months
        cpu = np.where(day == last, 32.0, 1.0)
        changes = {30: [np.log(2), 0], 61: [np.log(2), np.log(2)], 90: [0, np.log(1 + 31 / 29)]}[last]
        assert seen_of(frame("D", cpu=cpu[None]))["d_month_cpu"] == pytest.approx(np.mean(changes))


def test_the_weekend_is_saturday_and_sunday() -> None:
    cpu = np.tile([10.0, 20, 30, 40, 50, 60, 10], 13)
    assert seen_of(frame("D", cpu=cpu[None]))["d_weekend_cpu"] == pytest.approx(35 / 30)


def test_adjusted_r2_by_hand() -> None:
    cpu = 50 + noise(1, 91) + 2 * (np.arange(91) % 7 == 0)
    weekday = pd.Series(cpu[0]).groupby(np.arange(91) % 7).transform("mean")
    r2 = weekday.var() / cpu[0].var(ddof=1)
    assert seen_of(frame("D", cpu=cpu))["d_r2adj_dow_cpu"] == pytest.approx(1 - (1 - r2) * 90 / 84)


def test_memory_of_days_is_that_of_one_day() -> None:
    days = 50 + signal.lfilter([1], [1, -0.6], noise(300, 191))[:, 100:] + 0.1 * np.arange(91)
    rows = frame("D", cpu=days, mem=days[::-1], disk=50 + noise(300, 91))
    seen = seen_of(rows)
    assert (seen["d_acf1_cpu"], seen["d_acf1_mem"]) == pytest.approx(
        (0.54, 0.54), abs=0.04
    )  # 8 constants are taken out
    assert abs(seen["d_acf1_disk"]) < 0.05


def test_adjusted_r2_of_white_noise_is_nothing() -> None:
    assert seen_of(frame("D", cpu=50 + noise(200, 91)))["d_r2adj_dow_cpu"] == pytest.approx(0, abs=0.015)


def test_a_day_of_an_hourly_dataset_is_the_p95_of_its_hours() -> None:
    cpu = np.tile(np.arange(1.0, 25), 91)[None]
    seen = seen_of(frame("h", cpu=cpu))
    assert seen["d_ratio_cpu"] == pytest.approx(np.percentile(np.arange(1.0, 25), 95) / 12.5)


def test_levels_and_spreads() -> None:
    level = np.exp(np.linspace(0, 4, 11))[:, None]
    seen = seen_of(frame("h", cpu=level * (1 + 0.1 * noise(1, HOURS))))
    assert seen["h_logmean_sd"] == pytest.approx(np.linspace(0, 4, 11).std(ddof=1))
    assert seen["h_taylor"] == pytest.approx(1)
    assert seen["p90p10_overall"] == pytest.approx(np.exp(3.6 - 0.4))
    assert seen["h_pair_any"] == pytest.approx(1)
    assert seen["icc_overall"] > 0.99


def test_spread_that_grows_slower_than_the_level() -> None:
    level = np.exp(np.linspace(0, 4, 11))[:, None]
    seen = seen_of(frame("h", cpu=level + 0.1 * level**0.5 * noise(1, HOURS)))
    assert seen["h_taylor"] == pytest.approx(0.5, abs=0.01)


def test_near_equal_servers_of_a_pool() -> None:
    shared = noise(1, HOURS)
    cpu = np.concatenate([50 + shared, 51 + shared, 60 + shared, 50 - shared, 50 + noise(1, HOURS, seed=3)])
    pools = {"server_000": "a", "server_001": "a", "server_002": "a", "server_003": "b", "server_004": "c"}
    assert seen_of(frame("h", cpu=cpu), pools)["h_pair_near"] == pytest.approx(1)
    lonely = {**pools, "server_001": "d"}
    assert np.isnan(seen_of(frame("h", cpu=cpu), lonely)["h_pair_near"])


def test_day_level_share_of_two_scales() -> None:
    daily = np.repeat(noise(300, 91), 24, axis=1)
    seen = seen_of(frame("h", cpu=50 + daily + noise(300, HOURS, seed=4)))
    assert seen["h_dayshare_cpu"] == pytest.approx(0.5, abs=0.03)
    assert seen["h_racf6_cpu"] == pytest.approx(0.5 * 18 / 24, abs=0.03)


def test_peaks_are_told_in_local_time() -> None:
    hour = np.arange(HOURS) % 24
    cpu = 50 + 40.0 * np.stack([hour == 1, hour == 9])
    rows = frame("h", cpu=cpu, regions=("EU", "Asia"))
    utc = seen_of(rows)
    assert (utc["peak_01_04"], utc["peak_09_17"], utc["strong_0.5"]) == (0.5, 0.5, 1)
    local = seen_of(rows, zones={"EU": "America/New_York", "Asia": "Asia/Tokyo"})  # 20 or 21 h, 18 h
    assert (local["peak_01_04"], local["peak_09_17"]) == (0, 0)
    assert seen_of(rows, zones={"Asia": "Asia/Dubai"})["peak_09_17"] == 0.5  # 13 h


def test_spikes_start_in_the_hour_that_most_do() -> None:
    cpu = np.full(HOURS, 10.0)
    cpu[3 : 24 * 18 : 24] = 90
    cpu[4 : 24 * 18 : 24] = 90  # still the same run
    cpu[24 * 40 + 7 : 24 * 46 : 24] = 90
    assert seen_of(frame("h", cpu=cpu[None]))["h_spike_hour"] == pytest.approx(18 / 24)
    cpu[24 * 40 :] = 10
    assert np.isnan(seen_of(frame("h", cpu=cpu[None]))["h_spike_hour"])


def test_five_minute_runs_and_that_every_figure_is_there() -> None:
    cpu = np.full((2, 91 * 288), 10.0) + 0.01 * noise(2, 91 * 288)
    for first, length in ((100, 1), (1000, 2), (5000, 9)):
        cpu[0, first : first + length] = 80
    seen = seen_of(frame("5min", cpu=cpu))
    assert seen["f_run_mean"] == pytest.approx(20, rel=0.9)
    flags = of.over(cpu)
    lengths = of.runs(flags, cpu)["length"] * 5
    assert lengths[: len(of.runs(flags[:1], cpu[:1]))].tolist() == [5, 10, 45]
    assert (seen["f_run_mean"], seen["f_run_p90"]) == pytest.approx((lengths.mean(), lengths.quantile(0.9)))
    assert set(seen) >= {known["figure"] for known in beside.real_figures()}


def test_five_minutes_of_a_finer_dataset_are_means() -> None:
    cpu = np.tile([0.0, 10, 20, 30, 40], 7 * 288)[None] + np.repeat(np.arange(7 * 288) == 99, 5) * 50
    seen = seen_of(frame("1min", days=7, cpu=cpu), days=7)
    assert seen["f_over"] == pytest.approx(1 / (7 * 288))
    assert seen["f_peak_over_median"] == pytest.approx(70 / 20)


def test_rows_twice_or_out_of_order_or_outside_change_nothing() -> None:
    rows = frame("h", cpu=50 + noise(3, HOURS))
    later = rows.assign(timestamp=rows.timestamp + pd.Timedelta(days=91), cpu_p95=0.0)
    mixed = pd.concat([later, rows, rows.iloc[::7]]).sample(frac=1, random_state=1)
    assert seen_of(mixed) == pytest.approx(seen_of(rows), nan_ok=True)
    assert figures.measure(later, figures.Window(MONDAY, 91, 3600)) is None


def test_some_gaps_change_little() -> None:
    rows = frame("h", cpu=50 + signal.lfilter([1], [1, -0.9], noise(20, HOURS)))
    holed = seen_of(rows.sample(frac=0.98, random_state=1))
    for name, value in seen_of(rows).items():
        assert holed[name] == pytest.approx(value, abs=0.06, rel=0.1, nan_ok=True), name


def judged(value: float, window: Any = None, **known: str) -> Any:
    real = {"row": "1", "figure": "d_zero", "what": "", "real": "2", "q25": "", "q75": "", "plain": "", **known}
    window = window or figures.Window(MONDAY, 91, 3600)
    return beside.judged(real, {real["figure"]: value}, window, has_incidents=False)


def test_inside_is_the_range_or_a_fifth() -> None:
    assert [judged(value).inside for value in (1.59, 1.61, 2.39, 2.41)] == [False, True, True, False]
    assert [judged(value, q25="0", q75="2").inside for value in (-0.01, 0, 2, 2.01)] == [False, True, True, False]
    assert judged(np.nan).inside is None


@pytest.mark.parametrize(
    ("step", "days", "number"), [(86400, 91, 27), (3600, 91, 61), (300, 91, 66), (3600, 84, 59), (900, 91, 61)]
)
def test_how_many_figures_apply(step: int, days: int, number: int) -> None:
    window = figures.Window(MONDAY, days, step)
    assert sum(not beside.needed(known["figure"], window) for known in beside.real_figures()) == number


def test_a_sample_holds_whole_pools() -> None:
    pools = {f"server_{n:05}": f"pool_{n // 8}" if n < 4000 else f"server_{n:05}" for n in range(8000)}
    sample = fleet.sampled(pools)
    assert len(sample) == 400
    sizes = pd.Series({name: pools[name] for name in sample}).value_counts()
    assert (sizes == 8).sum() >= 25
    assert any(name > "server_07900" for name in sample)
    assert fleet.sampled({"a": "a"}) == {"a"}


def test_a_row_is_whole_where_all_its_figures_are_inside() -> None:
    window = figures.Window(MONDAY, 91, 3600)
    real = {known["figure"]: float(known["real"]) for known in beside.real_figures()}
    expected = {"inside": 66, "apply": 66, "figures": 66, "rows_whole": 24, "rows": 24}
    assert beside.counts(beside.scored(real, window)) == expected
    real |= {"d_full": 50, "h_racf6_cpu": np.nan, "h_racf12_cpu": np.nan}  # rows 23 and 7
    seen = beside.scored(real, window)
    assert beside.counts(seen) == {**expected, "inside": 63, "apply": 64, "rows_whole": 22}
    assert [row for row, whole in beside.whole_rows(seen).items() if not whole] == [7, 23]
    assert beside.table(seen).endswith("63 of 66 inside, 22 of 24 rows whole")


def test_one_server_s_series_needs_no_names() -> None:
    cpu = 50 + signal.lfilter([1], [1, -0.8], noise(1, HOURS))
    rows = frame("h", cpu=cpu)
    series = pd.DataFrame({"cpu_p95": cpu[0]}, pd.date_range(MONDAY, periods=HOURS, freq="h"))
    known, seen = seen_of(rows), fleet.figures_of(series)
    assert fleet.window_of(series) == figures.Window(MONDAY, 91, 3600)
    alike = {name: value for name, value in seen.items() if "cpu" in name and "_corr" not in name}
    alike = {name: value for name, value in alike.items() if "rank" not in name}
    assert len(alike) == 19
    assert alike == pytest.approx({name: known[name] for name in alike}, nan_ok=True)
    assert np.isnan([seen["d_acf1_mem"], seen["h_rank1_net"], seen["d_corr_inout"], seen["icc_overall"]]).all()
    with pytest.raises(ValueError, match="need a series"):
        fleet.window_of(series[:1])
    with pytest.raises(ValueError, match="no rows in the 0 days in whole weeks from Monday 2023-02-06"):
        fleet.figures_of(series[:48])


def test_rows_in_memory_may_have_pools_and_begin_any_day() -> None:
    shared = noise(1, HOURS)
    rows = frame("h", cpu=np.concatenate([50 + shared, 50 + shared, 50 - shared]))
    early = rows.assign(timestamp=rows.timestamp - pd.Timedelta(days=3), cpu_p95=rows.cpu_p95 * 3)
    both = pd.concat([early[early.timestamp < MONDAY], rows])
    assert fleet.window_of(both) == figures.Window(MONDAY, 91, 3600)
    assert fleet.figures_of(both, pools={"server_000": "a", "server_001": "a"})["h_pair_near"] == pytest.approx(1)
    assert fleet.figures_of(both, pools={"server_001": "a", "server_002": "a"})["h_pair_near"] == pytest.approx(-1)
    assert np.isnan(fleet.figures_of(both)["h_pair_near"])


def test_a_zone_may_be_hours_ahead() -> None:
    cpu = 50 + 40.0 * (np.arange(HOURS) % 24 == 23)[None]
    rows = frame("h", cpu=cpu, regions=("Asia",))
    assert [seen_of(rows, zones={"Asia": hours})["peak_01_04"] for hours in (1, 2, 5, 6)] == [0, 1, 1, 0]


def test_levels_are_of_all_servers_spreads_of_those_that_move() -> None:
    seen = seen_of(frame("h", cpu=np.array([np.full(HOURS, 8.0), 1 + 0.1 * noise(HOURS), 4 + 0.8 * noise(HOURS)])))
    assert seen["h_logmean_sd"] == pytest.approx(np.log([8, 1, 4]).std(ddof=1), rel=0.01)
    assert seen["h_taylor"] == pytest.approx(1.5, abs=0.01)


def lively(servers: int = 12) -> pd.DataFrame:
    """Return servers every 5 minutes of which every figure can be told: levels, cycles, memory, spikes, a pool."""
    time, random = np.arange(91 * 288), np.random.default_rng(3)
    hour = time // 12
    slow = signal.lfilter([1], [1, -0.98], noise(servers, len(time) + 288))[:, 288:] / 5
    slow[1:3] = 0.9 * slow[[0]] + 0.4 * slow[1:3]
    number = np.arange(servers)[:, None]
    cycle = (1 + number / 8) * (
        np.sin((np.arange(168) ** 2 / 9)[hour % 168]) + np.cos((hour - 5 * number - 1) / 12 * np.pi)
    )
    starts = random.random((servers, 91 * 24)) < np.where(np.arange(91 * 24) % 24 == (5 * number + 1) % 24, 0.3, 0.02)
    lengths = random.integers(1, 25, starts.shape)  # of 5 minutes: into the next hour and beyond
    spike = 9 * (
        (time % 12 < lengths[:, hour]) & starts[:, hour] | (time % 12 + 12 < lengths[:, hour - 1]) & starts[:, hour - 1]
    )
    level = np.where(number < 3, 1.5 + 0.07 * number**2, 0.5 + number / 4)
    cpu = np.clip(level * (6 + slow + cycle + spike + time / len(time)), 0, 100)
    cpu[:7, 288 * 40 : 288 * 42] *= 1.7
    cpu[4, :288], cpu[5, 288 * 3 : 288 * 5] = 0, 99.7
    disk, net = np.exp(slow + noise(servers, len(time), seed=7)), np.exp(noise(servers, len(time), seed=8) + cpu / 15)
    rows = frame("5min", regions=("EU", "Asia"), cpu=cpu, mem=30 + cpu / 9 + slow, disk=disk, net=net, out=net + disk)
    return rows.assign(server_type=np.where(rows.server_id < "server_004", "web", "batch"))


def test_all_figures_are_those_of_a_plain_reading_of_their_definitions() -> None:
    rows, zones = lively(), {"EU": "Europe/Berlin", "Asia": "Asia/Tokyo"}
    pools = {name: "a" if name < "server_003" else name for name in rows.server_id.unique()}
    expected = fidelity_reference.figures(rows, pools, zones)
    seen = seen_of(rows, pools, zones=zones)
    for known in beside.real_figures():
        name = known["figure"]
        assert np.isfinite(expected[name]), name
        assert seen[name] == pytest.approx(expected[name], rel=1e-6, abs=1e-9), name
