"""The model once more, row by row in plain Python, from the design's words and table: slow, and shares no code."""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Profile(NamedTuple):
    base: tuple[float, float, float, float]
    sd: tuple[float, float, float, float]
    correlation: tuple[float, float, float]
    business_hours: float
    weekend: float
    spike_probability: float
    spike_magnitude: float
    growth: float


TABLE = {
    "web": Profile((45, 35, 20, 150), (15, 8, 5, 50), (0.5, 0.8, 0.2), 1.6, 0.5, 0.03, 1.8, 0.5),
    "database": Profile((35, 70, 55, 100), (12, 10, 15, 30), (0.6, 0.4, 0.7), 1.3, 0.7, 0.01, 1.4, 1.0),
    "application": Profile((50, 55, 30, 120), (18, 15, 10, 40), (0.7, 0.6, 0.4), 1.5, 0.6, 0.02, 1.6, 0.8),
    "batch": Profile((30, 45, 40, 80), (25, 12, 20, 35), (0.4, 0.3, 0.5), 0.8, 1.2, 0.08, 2.5, 0.3),
}


class Switches(NamedTuple):
    weekly: bool = True
    business_hours: bool = True
    quarter_end: bool = True
    holidays: bool = True
    growth: bool = True
    spikes: bool = True


EVERYTHING = Switches()


class Row(NamedTuple):
    timestamp: dt.datetime
    cpu: float
    mem: float
    disk: float
    net_in: float
    net_out: float


def matrix(profile: Profile) -> list[list[float]]:
    cpu_mem, cpu_net, mem_disk = profile.correlation
    return [[1, cpu_mem, 0.1, cpu_net], [cpu_mem, 1, mem_disk, 0.2], [0.1, mem_disk, 1, 0.3], [cpu_net, 0.2, 0.3, 1]]


def cholesky(square: list[list[float]]) -> list[list[float]]:
    """Banachiewicz's algorithm."""
    factor = [[0.0] * len(square) for _ in square]
    for i, row in enumerate(square):
        for j in range(i + 1):
            rest = row[j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            factor[i][j] = math.sqrt(rest) if i == j else rest / factor[j][j]
    return factor


def load(moment: dt.datetime, profile: Profile, on: Switches = EVERYTHING) -> float:
    factor = 1.0
    if on.business_hours and 9 <= moment.hour <= 17:
        factor *= profile.business_hours
    if on.weekly and moment.weekday() in (5, 6):
        factor *= profile.weekend
    d = calendar.monthrange(moment.year, moment.month)[1] - moment.day
    if on.quarter_end and moment.month in (3, 6, 9, 12) and d < 5:
        factor *= 1 + 0.3 * (5 - d) / 5
    if on.holidays and (moment.month, moment.day) == (1, 1):
        factor *= 0.5
    if on.holidays and moment.month == 12 and 25 <= moment.day <= 31:
        factor *= 0.6
    return factor


def rows(
    archetype: str, seed: int, server: int, first: dt.date, last: dt.date, minutes: int, on: Switches = EVERYTHING
) -> Iterator[Row]:
    profile = TABLE[archetype]
    factor = cholesky(matrix(profile))
    noise, spikes = (
        np.random.Generator(np.random.SFC64(child))
        for child in np.random.SeedSequence(seed, spawn_key=(server,)).spawn(2)
    )
    start = moment = dt.datetime.combine(first, dt.time())
    while moment.date() <= last:
        z = [noise.standard_normal() for _ in range(4)]
        c = [sum(weight * normal for weight, normal in zip(row, z, strict=True)) for row in factor]
        months = (moment - start) / dt.timedelta(days=1) / 30.4375
        growth = 1 + profile.growth / 100 * months if on.growth else 1.0
        now = load(moment, profile, on)
        cpu = profile.base[0] * now * growth + profile.sd[0] * c[0]
        mem = profile.base[1] * now * growth + profile.sd[1] * c[1]
        disk = profile.base[2] * growth + profile.sd[2] * c[2]
        net = profile.base[3] * now + profile.sd[3] * c[3]
        if spikes.random() < profile.spike_probability and on.spikes:
            cpu *= profile.spike_magnitude
            mem *= 0.7 * profile.spike_magnitude
            net *= 0.8 * profile.spike_magnitude
        highs = (100, 100, 100, 1000, 600)
        values = (cpu, mem, disk, net, 0.6 * net)
        yield Row(moment, *(round(min(max(value, 0.0), high), 2) for value, high in zip(values, highs, strict=True)))
        moment += dt.timedelta(minutes=minutes)
