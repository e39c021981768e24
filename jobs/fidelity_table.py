"""Figures of a fleet beside those of real ones, and how many lie inside. For `fidelity.py`.

Nothing here knows Dask.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fidelity_figures import DAY, FIVE, FULL_DAYS, HOUR, Window

REAL = Path(__file__).with_name("real_traces.csv")
TOLERANCE = 0.2
BY_HOUR = ("h_", "strong_", "peak_")
FINE = "f_"
"""Figures of 5-minute samples begin with it."""
INCIDENTS = (FINE, "h_spike_")
UNDEFINED = {
    "h_pair_near": "no two near-equal servers of one pool",
    "h_spike_hour": "no server with 20 such starts",
    "peak_": "no server with such a cycle",
    "d_over_run": "no such days",
    "f_run": "no such samples",
    "f_peak": "no such samples",
    "icc_within": "no type of two servers",
    "p90p10_within": "no type of two servers",
}


class Figure(NamedTuple):
    """One figure of real servers, of servers that are all alike (plain), and of the dataset.

    `value` and `inside` are None where it does not apply.
    """

    row: int
    figure: str
    what: str
    real: float
    low: float
    high: float
    plain: float | None
    value: float | None
    inside: bool | None
    note: str


def real_figures() -> list[dict[str, str]]:
    """Return the figures of real servers."""
    with REAL.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def judged(known: Mapping[str, str], seen: Mapping[str, float], window: Window, *, has_incidents: bool) -> Figure:
    """Return a figure beside what was seen of it: inside the range of real servers, or within 20 % of their figure."""
    real, name = float(known["real"]), known["figure"]
    low = float(known["q25"] or (1 - TOLERANCE) * real)
    high = float(known["q75"] or (1 + TOLERANCE) * real)
    value, note = seen.get(name, math.nan), needed(name, window)
    if math.isnan(value) and not note:
        note = next((why for start, why in UNDEFINED.items() if name.startswith(start)), "undefined here")
    if name.startswith(INCIDENTS) and not has_incidents:
        note = "; ".join(filter(None, [note, "real ones have incidents"]))
    head = (int(known["row"]), name, known["what"], real, low, high, float(known["plain"]) if known["plain"] else None)
    return Figure(*head, None, None, note) if math.isnan(value) else Figure(*head, value, low <= value <= high, note)


def needed(name: str, window: Window) -> str:
    """Return what a figure needs that the dataset has not."""
    if name.startswith(FINE) and window.step > FIVE:
        return "needs samples every 5 minutes"
    if name.startswith(BY_HOUR) and window.step > HOUR:
        return "needs hourly samples"
    if name.startswith("d_ratio") and window.step >= DAY:
        return "needs samples within the day"
    return "needs 91 days from a Monday" if name.startswith("d_month") and window.days < FULL_DAYS else ""


def scored(
    seen: Mapping[str, float], window: Window, *, fine: Window | None = None, has_incidents: bool = False
) -> list[Figure]:
    """Return all figures of real servers beside those that were seen; of 5-minute samples, in the window `fine`."""
    figures = []
    for known in real_figures():
        looked = fine if fine and known["figure"].startswith(FINE) else window
        figures.append(judged(known, seen, looked, has_incidents=has_incidents))
    return figures


def whole_rows(figures: Sequence[Figure]) -> dict[int, bool]:
    """Return of each row of the source's table whether all its figures lie inside; one that does not apply does not."""
    rows: dict[int, bool] = {}
    for one in figures:
        rows[one.row] = rows.get(one.row, True) and one.inside is True
    return rows


def counts(figures: Sequence[Figure]) -> dict[str, int]:
    """Return how many figures lie inside, apply, and are there, and how many of the rows are whole."""
    whole = whole_rows(figures)
    return {
        "inside": sum(one.inside is True for one in figures),
        "apply": sum(one.inside is not None for one in figures),
        "figures": len(figures),
        "rows_whole": sum(whole.values()),
        "rows": len(whole),
    }


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table, and how many lie inside."""
    width = max(len(one.what) for one in figures)
    lines = [f"{'row':>3}  {'what':{width}}  {'real':>8}  {'range':^18}  {'plain':>8}  {'this':>8}  inside"]
    for one in figures:
        inside = {True: "yes", False: "no", None: "-"}[one.inside]
        plain, value = ("-" if number is None else f"{number:.3g}" for number in (one.plain, one.value))
        real = f"{one.real:>8.4g}  {f'[{one.low:.4g}, {one.high:.4g}]':^18}"
        line = f"{one.row:>3}  {one.what:{width}}  {real}  {plain:>8}  {value:>8}  {inside:6}  {one.note}"
        lines.append(line.rstrip())
    number, whole = counts(figures), [str(row) for row, is_whole in whole_rows(figures).items() if is_whole]
    inside = f"{number['inside']} of {number['figures']} inside, {number['rows_whole']} of {number['rows']} rows whole"
    lines.append(f"rows whole: {', '.join(whole) or 'none'}; {number['apply']} figures apply to this dataset")
    return "\n".join([*lines, inside])
