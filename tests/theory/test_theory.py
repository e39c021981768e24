"""Finished answers against ten million draws of the model, written out once more here, and against small fleets."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from dask_synth.config.run import RunConfig
from dask_synth.measure.planned import Planned
from dask_synth.measure.rows import measure_rows
from dask_synth.measure.sums import added
from dask_synth.model.archetypes import PROFILES, cholesky_factor
from dask_synth.model.calendar import Calendar, Seasonality, TimeGrid, growth_factor, load_factor
from dask_synth.model.metrics import server_metrics
from dask_synth.pipeline.chunk import chunk_frame
from dask_synth.pipeline.plan import Chunk, RunPlan, spec_of
from dask_synth.proof.observed import Observed
from dask_synth.schema import METRICS
from dask_synth.theory.cells import calendar_cells, contrasts
from dask_synth.theory.cumulants import Answer
from dask_synth.theory.gauge import Gauge, candidate_bins
from dask_synth.theory.law import Law
from dask_synth.theory.tables import server_tables
from dask_synth.theory.theory import ArchetypeTheory, Theory
from dask_synth.theory.times import stretch_of, time_nodes

GRID, SEASONS = TimeGrid(dt.date(2022, 1, 1), dt.date(2025, 12, 31), "hourly"), Seasonality()
CELLS = calendar_cells(GRID, SEASONS)
NODES = time_nodes(GRID, SEASONS, CELLS, 20.0)
CALENDAR = Calendar.of(GRID, SEASONS)
DAY, HOUR = np.divmod(np.arange(GRID.size), 24)
DRAWS, BATCHES = 10_000_000, 40

Key = tuple[str | int, ...]
"""What is told of a column, or of two."""


@cache
def theory_of(name: str, servers: int = 1) -> ArchetypeTheory:
    """Return the theory of a fleet of one archetype on the grid."""
    time = {"start_date": GRID.start, "end_date": GRID.end, "granularity": "hourly"}
    return Theory.of(spec_of(RunConfig(fleet={"servers": servers, "mix": {name: 1.0}}, time=time))).archetypes[name]


def draw(name: str, rng: np.random.Generator, positions: np.ndarray) -> np.ndarray:
    profile = PROFILES[name]
    load, trend = load_factor(profile, CALENDAR, SEASONS)[positions], growth_factor(profile, CALENDAR)[positions]
    base, sd, m = profile.base, profile.sd, profile.spike_magnitude
    noise = rng.standard_normal((len(positions), 4)) @ cholesky_factor(profile.correlation).T
    spike = rng.random(len(positions)) < profile.spike_probability
    cpu = (base.cpu * load * trend + sd.cpu * noise[:, 0]) * np.where(spike, m, 1)
    mem = (base.mem * load * trend + sd.mem * noise[:, 1]) * np.where(spike, 0.7 * m, 1)
    disk = base.disk * trend + sd.disk * noise[:, 2]
    net = (base.net * load + sd.net * noise[:, 3]) * np.where(spike, 0.8 * m, 1)
    highs = (100, 100, 100, 1000, 600)
    return np.stack([np.clip(x, 0, h) for x, h in zip((cpu, mem, disk, net, 0.6 * net), highs, strict=True)])


@pytest.mark.integration
@pytest.mark.parametrize("draws", [BATCHES * GRID.size, pytest.param(DRAWS, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", PROFILES)
def test_means_spreads_and_correlations_agree_with_millions_of_draws(name: str, draws: int) -> None:
    rng, theory = np.random.default_rng(7), theory_of(name)
    size, seen = draws // BATCHES, draws / GRID.size
    # Every timestamp equally often, as in a fleet: it is part of the exact variance that times are not drawn.
    batches = [draw(name, rng, np.arange(i * size, (i + 1) * size) % GRID.size) for i in range(BATCHES)]
    centres = theory.gauge.centres[:, 0]
    found: dict[Key, list[float]] = {("mean", k): [b[k].mean() for b in batches] for k in range(5)}
    found |= {("square", k): [((b[k] - centres[k]) ** 2).mean() for b in batches] for k in range(5)}
    means, squares = theory.means(seen), theory.squares(seen)
    expected: dict[Key, tuple[float, float]] = {("mean", k): means.at(k, 0)[:2] for k in range(5)}
    expected |= {("square", k): squares.at(k, 0)[:2] for k in range(5)}
    for (view, a, b), pair in theory.gauge.pairs.items():
        if not view and (a, b) != (3, 4):
            found["correlation", a, b] = [np.corrcoef(batch[a], batch[b])[0, 1] for batch in batches]
            off, error, _ = theory.correlation((view, a, b), seen).at()
            expected["correlation", a, b] = (pair.correlation + off, error)
    for key, values in found.items():
        value, error = expected[key]
        # Batches are not whole years; that moves single ones by more than chance, and their mean hardly.
        slack = 0.1 * np.std(values) / np.sqrt(BATCHES)
        assert abs(np.mean(values) - value) < 5 * error + slack, key


@pytest.mark.parametrize("name", PROFILES)
def test_standard_errors_agree_with_the_spread_of_small_fleets(name: str) -> None:
    rng, theory, positions = np.random.default_rng(8), theory_of(name), np.arange(0, GRID.size, 7)
    fleets = [draw(name, rng, positions) for _ in range(150)]
    seen, centre = len(positions) / GRID.size, theory.gauge.centres[1, 0]
    for values, error in (
        ([f[0].mean() for f in fleets], theory.means(seen).error[0, 0]),
        ([((f[1] - centre) ** 2).mean() for f in fleets], theory.squares(seen).error[1, 0]),
        ([np.corrcoef(f[0], f[3])[0, 1] for f in fleets], theory.correlation(("", 0, 3), seen).error),
    ):
        assert 0.8 < np.std(values) / error < 1.25


def scores_of(seen: Observed, theory: ArchetypeTheory) -> dict[str, np.ndarray]:
    """Return how far each statistic lies from what it must be, in the errors that theory gives."""
    whole = np.ones_like(theory.slot_rows)
    days = theory.day_sums(whole)
    there = theory.slot_rows > 0
    day_means = seen.slot_sums[:, there] / theory.slot_rows[there]
    blocks = theory.blocks(20, whole[:, 0])
    block_sums = np.add.reduceat(seen.slot_sums.sum(axis=2)[:, : blocks.starts[-1] + 20], blocks.starts, axis=1)
    pairs = [key for key in theory.gauge.pairs if (key[1], key[2]) != (3, 4)]
    known = [k for k, edge in enumerate(theory.gauge.tails) if edge is not None]
    above = [seen.sums.histogram[k, candidate_bins()[theory.gauge.tails[k]] :].sum() for k in known]
    tails = theory.tails()
    spikes = (np.array(above) - theory.tables.tails.mean[known]) / theory.tables.levers[known]
    classes = [(k, theory.chi_square(k)) for k in range(len(METRICS))]
    starts = [np.array([0, *candidate_bins()[theory.gauge.cuts[k]]]) for k, _ in classes]
    counts = [np.add.reduceat(seen.sums.histogram[k], at) for (k, _), at in zip(classes, starts, strict=True)]
    squares = [((c - law.expected) ** 2 / law.expected).sum() for c, (_, law) in zip(counts, classes, strict=True)]
    off = [theory.correlation(key) for key in pairs]

    def against(value: np.ndarray, answer: Answer) -> np.ndarray:
        return np.asarray((value - answer.expected) / answer.error).ravel()

    return {
        "mean": against(seen.means, theory.means()),
        "square": against(seen.squares, theory.squares()),
        "noise": against(np.array([seen.square_of_noise(k) for k in range(5)]), theory.noise()),
        "contrast": against(seen.contrasts, theory.contrasts()),
        "trend": against(seen.trend, theory.trend()),
        "day": ((day_means - days.expected[:, there]) / days.error[:, there]).ravel(),
        "correlation": np.array(
            [
                (seen.correlation(key) - theory.gauge.pairs[key].correlation - answer.expected) / answer.error
                for key, answer in zip(pairs, off, strict=True)
            ]
        ),
        "spikes": spikes / tails.error[known],
        "chi-square": np.array(
            [
                (value - law.scale * law.freedom) / (law.scale * np.sqrt(2 * law.freedom))
                for value, (_, law) in zip(squares, classes, strict=True)
            ]
        ),
        "blocks": ((block_sums - blocks.expected) / blocks.deviation).ravel(),
        "square of blocks": against(
            (((block_sums - blocks.expected) / blocks.deviation) ** 2).mean(axis=1), blocks.square
        ),
    }


@pytest.mark.parametrize("granularity", ["daily", "hourly"])
def test_every_statistic_of_many_fleets_is_centred_and_as_wide_as_it_says(granularity: str) -> None:
    servers = 20 if granularity == "daily" else 2
    time = {"years": 1, "granularity": granularity}
    plan = RunPlan.of(RunConfig(fleet={"servers": servers, "mix": {"batch": 0.5, "web": 0.5}}, time=time))
    theory, scores = Theory.of(plan.spec), dict[str, list[np.ndarray]]()
    for seed in range(80):
        spec = replace(plan.spec, seed=seed)
        planned = Planned.of(spec)
        statistics = added(measure_rows(chunk_frame(chunk, spec), planned) for chunk in plan.chunks)
        for name, known in theory.archetypes.items():
            for what, z in scores_of(Observed(statistics.sums[name], known), known).items():
                scores.setdefault(f"{what} of {name}", []).append(z)
    for what, found in scores.items():
        z = np.array(found)
        assert np.isfinite(z).all(), what
        # Statistics of one fleet go together: 80 fleets, at worst, are 80 numbers.
        assert abs(z.mean()) < 4 / np.sqrt(len(z)), what
        assert 0.8 < z.std() < 1.25, what


@pytest.mark.parametrize("deviation", [0.012, 5.0])
def test_joint_moments_of_two_columns_are_those_of_rounded_values(deviation: float) -> None:
    sd = {"cpu": deviation, "mem": deviation, "disk": 5, "net": 50}
    profile = {"sd": sd, "base": {"cpu": 50.0, "mem": 40.0}, "correlation": {"cpu_mem": 0.6}}
    seasons = {"weekly": False, "quarter_end": False, "holidays": []}
    still: dict[str, Any] = {"seasonality": seasons, "growth": False, "spikes": False}
    config = RunConfig(archetypes={"web": profile}, fleet={"mix": {"web": 1.0}}, **still)
    joint = Theory.of(spec_of(config)).archetypes["web"].gauge.law
    rng = np.random.default_rng(6)
    z = rng.standard_normal((2, 2_000_000))
    x = 50 + deviation * z[0], 40 + deviation * (0.6 * z[0] + 0.8 * z[1])
    y = [np.round(np.clip(v, 0, 100), 2) for v in x]
    for (a, b), value in joint.joint("cpu_p95", "mem_p95").items():
        draws = (y[0] - 50) ** a * (y[1] - 40) ** b
        assert abs(draws.mean() - value[0]) < 4.5 * draws.std() / np.sqrt(draws.size) + 1e-12, (a, b)


def test_tables_of_groups_add_up_and_stand_for_so_many_servers() -> None:
    theory = theory_of("web", 30)
    one, thirty = server_tables(theory.gauge.law, theory.gauge), theory.tables
    both = one * 10 + one * 20
    for name in ("sums", "squares", "noise", "contrasts", "trend", "tails"):
        for part in ("mean", "variance", "third"):
            of_both, of_thirty = (np.asarray(getattr(getattr(t, name), part)) for t in (both, thirty))
            np.testing.assert_allclose(of_both, of_thirty, rtol=1e-12, err_msg=f"{name}.{part}")
    np.testing.assert_allclose(both.days, thirty.days, rtol=1e-12)
    assert theory.means().error[0, 0] == pytest.approx(theory_of("web").means().error[0, 0] / np.sqrt(30))


def test_servers_that_differ_are_expected_where_their_own_numbers_put_them() -> None:
    spec = spec_of(RunConfig(fleet={"servers": 2, "mix": {"web": 1.0}}, time={"years": 1}))
    cells = calendar_cells(spec.grid, spec.seasonality)
    nodes = time_nodes(spec.grid, spec.seasonality, cells, stretch_of(spec))
    plain = PROFILES["web"]
    strong = replace(plain, base=replace(plain.base, mem=45.0), business_hours=1.2)
    laws = [Law.of(replace(spec, archetypes={"web": p}), "web", nodes) for p in (plain, strong)]
    gauge = Gauge.of(laws[0], cells, contrasts(cells), 2)
    tables = server_tables(laws[0], gauge) + server_tables(laws[1], gauge)
    rng, k = np.random.default_rng(4), METRICS.index("mem_p95")
    sums, squares = [], []
    calendar = Calendar.of(spec.grid, spec.seasonality)
    for _ in range(400):
        total = np.zeros(2)
        for profile in (plain, strong):
            mean = (
                profile.base.mem * load_factor(profile, calendar, spec.seasonality) * growth_factor(profile, calendar)
            )
            spike = rng.random(len(mean)) < profile.spike_probability
            x = (mean + profile.sd.mem * rng.standard_normal(len(mean))) * np.where(
                spike, 0.7 * profile.spike_magnitude, 1
            )
            y = np.round(np.clip(x, 0, 100), 2)
            total += [y.sum(), ((y - gauge.centres[k, 0]) ** 2).sum()]
        sums.append(total[0])
        squares.append(total[1])
    for values, answer in ((sums, tables.sums), (squares, tables.squares)):
        error = np.sqrt(answer.variance[k, 0])
        assert abs(np.mean(values) - answer.mean[k, 0]) < 4.5 * error / np.sqrt(len(values))
        assert 0.85 < np.std(values) / error < 1.15


def test_the_chi_square_is_as_large_as_seasons_leave_it() -> None:
    profile = {"sd": {"cpu": 4, "mem": 1.5, "disk": 4, "net": 50}, "business_hours": 1.9, "weekend": 0.4}
    fleet, time = {"servers": 2, "mix": {"web": 1.0}}, {"years": 1, "granularity": "hourly"}
    spec = spec_of(RunConfig(archetypes={"web": profile}, fleet=fleet, time=time, growth=False))
    theory, k = Theory.of(spec).archetypes["web"], METRICS.index("mem_p95")
    law, starts = theory.chi_square(k), np.array([0, *candidate_bins()[theory.gauge.cuts[k]]])
    seen = []
    for seed in range(60):
        planned = Planned.of(replace(spec, seed=seed))
        chunk = Chunk(0, "web", 0, 2)
        sums = measure_rows(chunk_frame(chunk, replace(spec, seed=seed)), planned).sums["web"]
        counts = np.add.reduceat(sums.histogram[k], starts)
        seen.append(float(((counts - law.expected) ** 2 / law.expected).sum()))
    mean, deviation = law.scale * law.freedom, law.scale * np.sqrt(2 * law.freedom)
    error = deviation / np.sqrt(len(seen))
    assert abs(np.mean(seen) - mean) < 4.5 * error
    assert len(law.expected) - 1 - np.mean(seen) > 4.5 * error, "a multinomial's is larger"
    assert 0.7 < np.std(seen) / deviation < 1.35


def test_seasons_leave_counts_of_classes_less_to_chance_than_a_multinomial_does() -> None:
    theory = theory_of("batch")
    k = METRICS.index("mem_p95")
    classes, law = theory.tables.classes[k], theory.chi_square(k)
    np.testing.assert_allclose(classes.covariance.sum(axis=0), 0, atol=1e-6 * classes.expected.sum())
    assert classes.expected.sum() == pytest.approx(GRID.size)
    # Seasons fix what a multinomial would leave to chance: counts vary less, so the statistic is smaller.
    assert law.scale < 1
    assert 0 < law.freedom <= len(classes.expected) - 1 + 1e-9


@pytest.mark.parametrize("archetype", PROFILES)
@pytest.mark.parametrize("column", METRICS)
def test_rows_below_each_edge_grow_to_all_rows(archetype: str, column: str) -> None:
    below = theory_of(archetype).tables.below[METRICS.index(column)]
    assert len(below) == 101
    assert (np.diff(below) >= 0).all()
    assert below[0] >= 0 and below[-1] <= GRID.size * (1 + 1e-12)


@pytest.mark.parametrize("archetype", ["web", "batch"])
def test_rows_in_each_bin_match_a_simulation(archetype: str) -> None:
    time = {"start_date": "2024-01-01", "end_date": "2024-12-31", "granularity": "hourly"}
    spec = spec_of(RunConfig(fleet={"servers": 60, "mix": {archetype: 1.0}}, time=time))
    baseline, theory = spec.baseline(archetype), Theory.of(spec).archetypes[archetype]
    counts = np.zeros((len(METRICS), 102))
    for server in range(60):
        out = {name: np.empty(baseline.size) for name in METRICS}
        server_metrics(baseline, 7, server, out)
        for k, column in enumerate(spec.metrics.columns):
            cents, width = np.rint(out[column.name] * 100).astype(int), int(column.high)
            counts[k] += np.bincount(cents // width + (cents > 0), minlength=102)
    expected = np.diff(theory.tables.below, axis=1, prepend=0.0, append=theory.rows)
    for seen, should in zip(counts, expected, strict=True):
        usual = should > 20
        squares, degrees = ((seen - should)[usual] ** 2 / should[usual]).sum(), int(usual.sum()) - 1
        assert squares < degrees + 6 * np.sqrt(2 * degrees)


def test_what_rounding_rules_is_said_to_be_unknown() -> None:
    deviations = {"cpu": 10, "mem": 0.004, "disk": 5, "net": 50}
    config = RunConfig(archetypes={"web": {"sd": deviations}}, fleet={"mix": {"web": 1.0}}, time={"years": 1})
    theory = Theory.of(spec_of(config)).archetypes["web"]
    unknown = np.isnan(theory.means().error[:, 0])
    assert unknown.tolist() == [False, True, False, False, False]
    assert np.isnan(theory.correlation(("", 0, 1)).error)


def test_two_columns_of_one_metric_are_not_compared_where_rounding_shows() -> None:
    for deviation, unknown in ((0.04, True), (50.0, False)):
        profile = {"sd": {"cpu": 10, "mem": 5, "disk": 5, "net": deviation}}
        time = {"years": 1}
        config = RunConfig(archetypes={"web": profile}, fleet={"mix": {"web": 1.0}}, time=time, spikes=False)
        theory = Theory.of(spec_of(config)).archetypes["web"]
        assert bool(np.isnan(theory.correlation(("noise", 3, 4)).error)) == unknown
        assert np.isfinite(theory.correlation(("", 0, 3)).error)


def test_columns_that_are_all_but_the_same_are_not_compared_by_their_correlation() -> None:
    profile = {"base": {"cpu": 30, "mem": 30}, "sd": {"cpu": 0.06, "mem": 0.05}, "spike_probability": 0.3}
    still = {"weekly": False, "quarter_end": False, "holidays": []}
    time, fleet = {"years": 1}, {"mix": {"web": 1.0}}
    config = RunConfig(archetypes={"web": profile}, fleet=fleet, time=time, seasonality=still, growth=False)
    theory = Theory.of(spec_of(config)).archetypes["web"]
    assert theory.gauge.pairs["noise", 0, 1].correlation > 0.999, "spikes, which they share, are all that varies"
    assert np.isnan(theory.correlation(("noise", 0, 1)).error)


@pytest.mark.parametrize("name", PROFILES)
def test_nodes_stand_for_every_cell_exactly(name: str) -> None:
    profile = PROFILES[name]
    truth = load_factor(profile, CALENDAR, SEASONS) * growth_factor(profile, CALENDAR)
    nodes = NODES.load(profile, SEASONS) * (1 + profile.growth / 100 * NODES.months)
    for cell, weights in zip(CELLS, NODES.weights, strict=True):
        inside = cell.covers(DAY, HOUR)
        assert weights.sum() == pytest.approx(inside.sum())
        assert weights @ nodes == pytest.approx(truth[inside].sum(), rel=1e-9)


def test_slots_and_hours_add_up_to_the_grid() -> None:
    assert NODES.slot_rows.sum() == GRID.size
    assert np.allclose(NODES.slots.sum(axis=1), NODES.slot_rows.ravel())
    hours = [weights.sum() for cell, weights in zip(CELLS, NODES.weights, strict=True) if cell.hour is not None]
    assert np.allclose(hours, GRID.days)


def test_a_minute_grid_has_the_nodes_of_an_hourly_one() -> None:
    grid = TimeGrid(dt.date(2024, 2, 1), dt.date(2024, 4, 30), "1min")
    cells = calendar_cells(grid, SEASONS)
    nodes = time_nodes(grid, SEASONS, cells, 20.0)
    assert len(nodes.months) < 400
    months = np.arange(grid.size) / grid.rows_per_day / 30.4375
    assert nodes.weights[0] @ nodes.months == pytest.approx(months.sum())
