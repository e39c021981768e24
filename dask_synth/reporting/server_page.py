"""What the page says of single servers, pools and regions, where servers are individuals: tables and captions."""

from __future__ import annotations

from typing import Any

import numpy as np

from dask_synth.reporting.each import High
from dask_synth.reporting.palette import DAYS
from dask_synth.reporting.summary import Summary

TEXTS = ("app_name", "business_unit", "criticality", "region")


def servers_of(summary: Summary, servers: dict[str, Any]) -> dict[str, Any]:
    """Return what the template needs, by name.

    Parameters
    ----------
    summary
        Of the dataset.
    servers
        What ``read_servers`` returns.
    """
    lives, each = summary.layout.lives, summary.each
    daily = summary.layout.slots == len(DAYS)
    hidden = f"; of this large fleet, {len(each.names):,} servers are shown" if lives.stride > 1 else ""
    return {
        "living": True,
        "between": f", the darker one that of the servers by their means of {lives.days} days"
        if lives.days > 1
        else ", the darker one that of the servers by their means of a day",
        "weeks": f"{lives.moments // 7} weeks" if daily else f"{lives.moments / 24:.0f} days, hour by hour",
        "levels_caption": "Each dot is the mean of a server over the whole time, the stroke their median, and the grey "
        f"bar holds the middle 80 % of them{hidden}. A click on a dot shows the server in the chart over time.",
        "highest": [
            {
                "metric": column.label,
                "unit": column.unit,
                "limit": f"{column.high:g} {column.unit}",
                "rows": [_row(high, servers["facts"].get(high.name, {})) for high in highest],
            }
            for column, highest in zip(summary.metrics.columns, each.highest, strict=False)
        ],
    }


def _row(high: High, facts: dict[str, Any]) -> dict[str, Any]:
    times = high.mean / high.median if high.median else np.nan
    full = f"{high.full:.1%}".replace("%", " %") if np.isfinite(high.full) else "n/a"
    return {
        "name": high.name,
        "texts": [high.archetype, *(str(facts.get(name, "")) for name in TEXTS)],
        "numbers": [f"{high.mean:,.2f}", f"{times:,.2f}" if np.isfinite(times) else "n/a", full],
    }
