"""Valid configurations of living fleets, by number: presets cut to size, and switches from off to extreme."""

from __future__ import annotations

from typing import Any

import numpy as np

from dask_synth.config.layers import load_config
from dask_synth.errors import ConfigError
from dask_synth.pipeline.plan import spec_of

MOST_ROWS = 120_000
PRESETS = ("realistic", "realistic_hourly", "enterprise", "enterprise_hourly")
ROWS_PER_DAY = {"daily": 1, "hourly": 24, "15min": 96, "5min": 288}
NAMES = ("cpu", "mem", "disk", "net")
HIGHS = {"cpu": 100, "mem": 100, "disk": 100, "net": 1000, "iops": 20000}
PAIRS = ("cpu_mem", "cpu_net", "mem_disk", "cpu_disk", "mem_net", "disk_net")
ZONES = (None, -12, 5, 14, "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Singapore")
CALENDARS = (None, "US-NY", "DE-BY", "IN", "SG", "GB")
CYCLES = ("flat", "office", "night", "evening")


def random_living(number: int) -> tuple[str | None, dict[str, Any]]:
    """Return a preset or None, and overrides; the same for the same number, and always valid."""
    for attempt in range(100):
        found = _drawn(np.random.default_rng([13, number, attempt]))
        try:
            spec_of(load_config(*found))
        except ConfigError as error:
            # Correlations and memories drawn apart from each other need not go together.
            if "correlation" not in str(error):
                raise
        else:
            return found
    raise AssertionError(f"number {number} has no valid configuration")


def _drawn(rng: np.random.Generator) -> tuple[str | None, dict[str, Any]]:
    if rng.random() < 0.3:
        preset = str(rng.choice(PRESETS))
        return preset, _size(rng, "hourly" if "hourly" in preset else "daily")
    settings = _size(rng, str(rng.choice(list(ROWS_PER_DAY), p=[0.3, 0.5, 0.1, 0.1])))
    further = rng.random() < 0.2
    settings["archetypes"] = {name: _profile(rng, further) for name in ("one", "two")}
    settings["fleet.mix"] = {"one": 0.6, "two": 0.4}
    settings |= {name: bool(rng.random() < 0.8) for name in ("growth", "spikes")}
    settings |= {
        f"seasonality.{name}": bool(rng.random() < 0.8) for name in ("weekly", "business_hours", "quarter_end")
    }
    if rng.random() < 0.5:
        factors = [round(float(x), 2) for x in rng.uniform(0, 1.5, 2)]
        settings["seasonality.holidays"] = [
            {"name": "any", "factor": factors[0]},
            {"date": "03-08", "factor": float(rng.choice([0.0, factors[1]]))},
        ]
    if rng.random() < 0.6:
        settings["fleet.regions"] = {f"r{i}": _region(rng) for i in range(int(rng.integers(1, 5)))}
    if rng.random() < 0.6:
        settings["fleet.company"] = {
            "size": int(rng.choice([2, 3, 8, 50])),
            "pools": float(rng.choice([0.0, 0.3, 0.6, 1.0])),
            "alike": float(rng.choice([0.0, 0.3, 0.8, 0.96, 0.999])),
        }
    if further:
        settings["metrics"] = {"iops": {"unit": "IOPS", "high": 20000, "growth": False, "spike": 0.5}}
    return None, settings


def _size(rng: np.random.Generator, granularity: str) -> dict[str, Any]:
    per_day = ROWS_PER_DAY[granularity]
    days = int(np.exp(rng.uniform(np.log(2), np.log(min(1500, MOST_ROWS / per_day / 4)))))
    most = max(min(300, MOST_ROWS // (days * per_day)), 2)
    servers = int(np.exp(rng.uniform(0, np.log(most + 1))))
    start = np.datetime64("2021-03-01") + int(rng.integers(0, 700))
    return {
        "seed": int(rng.integers(0, 2**32)),
        "fleet.servers": max(servers, int(rng.choice([1, 2, 3, most]))),
        "time.granularity": granularity,
        "time.start_date": str(start),
        "time.end_date": str(start + days - 1),
    }


def _region(rng: np.random.Generator) -> dict[str, Any]:
    zone, calendar = ZONES[rng.integers(len(ZONES))], CALENDARS[rng.integers(len(CALENDARS))]
    region: dict[str, Any] = {"weight": round(float(rng.uniform(0.1, 1)), 2)}
    return region | {k: v for k, v in {"timezone": zone, "holidays": calendar}.items() if v is not None}


def _profile(rng: np.random.Generator, further: bool) -> dict[str, Any]:
    names = (*NAMES, "iops") if further else NAMES
    base = {
        name: round(HIGHS[name] * float(rng.choice([0.0, 10 ** rng.uniform(-3, 0), rng.random(), 1.1], p=_BASES)), 2)
        for name in names
    }
    ratio = {name: 10 ** rng.uniform(-2.5, 0.4) for name in names}
    loading = dict(zip(names, rng.uniform(-0.3, 0.9, len(names)), strict=True))
    pairs = (*PAIRS, "cpu_iops") if further else PAIRS
    profile: dict[str, Any] = {
        "base": base,
        "sd": {name: float(f"{max(base[name], 0.01) * ratio[name]:.3g}") for name in names},
        "correlation": {pair: round(float(np.prod([loading[x] for x in pair.split("_")])), 2) for pair in pairs},
        "business_hours": round(float(rng.uniform(0, 3)), 2),
        "weekend": float(rng.choice([0.0, 0.5, 0.88, 1.3])),
        "spike_probability": float(rng.choice([0.0, 0.002, 0.02, 0.3, 0.5, 0.7], p=[0.3, 0.3, 0.2, 0.1, 0.05, 0.05])),
        "spike_magnitude": round(float(rng.uniform(0.2, 5)), 2),
        "growth": float(rng.choice([0.0, 0.5, round(rng.uniform(-10, 10), 2)])),
        "noise": str(rng.choice(["constant", "proportional"], p=[0.3, 0.7])),
        # One switch is on in any case: else the profile would be a plain one.
        "in_out": float(rng.choice([0.0, 0.5, 0.9, 0.99])),
    }
    return {**profile, **_switches(rng, names)}


_BASES = (0.05, 0.4, 0.5, 0.05)


def _switches(rng: np.random.Generator, names: tuple[str, ...]) -> dict[str, Any]:
    def some(draw: Any) -> dict[str, Any]:
        return {name: draw() for name in names if rng.random() < 0.7}

    def shares() -> list[float]:
        both = rng.random(2) * rng.choice([0.3, 0.5])
        return [round(float(x), 2) for x in both]

    short = float(round(10 ** rng.uniform(-0.5, 1.7), 2))
    switches: dict[str, Any] = {
        "skew": some(lambda: round(float(rng.uniform(0, 1.6)), 2)),
        "memory": {"hours": [short, round(short * float(rng.uniform(2.1, 30)), 2)], "shares": some(shares)},
        "cycle": str(rng.choice(CYCLES)),
        "strength": float(rng.choice([0.0, 0.15, 0.8, 2.0])),
        "strength_spread": float(rng.choice([0.0, 0.5, 1.25])),
        "shift_spread": float(rng.choice([0.0, 1.0, 6.0])),
        "level_spread": some(lambda: round(float(rng.uniform(0, 1)), 2)),
        "noise_spread": float(rng.choice([0.0, 0.35, 1.4])),
        "growth_spread": float(rng.choice([0.0, 0.5, 1.5])),
        "yearly": float(rng.choice([0.0, 0.2, 0.9])),
        "peak": float(rng.uniform(0, 366)),
    }
    chosen = {key: value for key, value in switches.items() if rng.random() < 0.65}
    # What acts on a cycle, a swing or a growth is refused where there is none.
    without = [key for key in ("strength", "strength_spread", "shift_spread") if "cycle" not in chosen]
    without += ["peak"] * (not chosen.get("yearly"))
    return {key: value for key, value in chosen.items() if key not in without}
