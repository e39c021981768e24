"""Valid configurations from tiny to wild, by number: levels at and beyond the bounds, noise from nothing to all."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_ROWS = 60_000


def random_overrides(number: int) -> dict[str, Any]:
    """Return overrides of the defaults, with two archetypes of random numbers; the same for the same number."""
    rng = np.random.default_rng([12, number])
    granularity = rng.choice(["daily", "hourly"])
    days = int(rng.integers(5, 700 if granularity == "daily" else 90))
    rows = days * (1 if granularity == "daily" else 24)
    servers = int(rng.integers(1, max(2, min(60, MOST_ROWS // rows))))
    start = np.datetime64("2021-03-01") + int(rng.integers(0, 700))
    return {
        "seed": int(rng.integers(0, 2**32)),
        "fleet.servers": servers,
        "fleet.mix": {"one": 0.6, "two": 0.4},
        "time.granularity": str(granularity),
        "time.start_date": str(start),
        "time.end_date": str(start + days - 1),
        "growth": bool(rng.random() < 0.7),
        "spikes": bool(rng.random() < 0.7),
        "seasonality.weekly": bool(rng.random() < 0.7),
        "seasonality.business_hours": bool(rng.random() < 0.7),
        "seasonality.quarter_end": bool(rng.random() < 0.7),
        "archetypes": {"one": _profile(rng), "two": _profile(rng)},
    }


def _profile(rng: np.random.Generator) -> dict[str, Any]:
    highs = {"cpu": 100, "mem": 100, "disk": 100, "net": 1000}
    names = ("cpu_mem", "cpu_net", "mem_disk", "cpu_disk", "mem_net", "disk_net")
    return {
        "base": {
            name: round(high * rng.choice([0.0, rng.random(), 1.3 * rng.random(), 1.14]), 2)
            for name, high in highs.items()
        },
        "sd": {name: float(f"{high * 10 ** rng.uniform(-4.5, 0.5):.3g}") for name, high in highs.items()},
        "correlation": {name: round(rng.uniform(-0.3, 0.3), 2) for name in names},
        "business_hours": round(rng.uniform(0, 3), 2),
        "weekend": round(rng.uniform(0, 2), 2),
        "spike_probability": round(float(rng.choice([0.0, 0.001, 0.02, 0.3])), 3),
        "spike_magnitude": round(rng.uniform(0.2, 5), 2),
        "growth": round(rng.uniform(-10, 10), 2),
    }
