"""Make `alive.png`: CPU of ten web servers over two weeks, of a fleet of clones and of one of individuals."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

import dask_synth

PRESETS = {"hourly_200": "hourly_200: one server, ten times", "enterprise_hourly": "enterprise_hourly: each its own"}
POOL, ALONE = range(8, 12), (0, 2, 3, 4, 18, 20)
FIRST, LAST = "2022-05-23", "2022-06-05"
INK, OF_POOL = "#3c4043", "#0072b2"


def main() -> None:
    """Draw a column a fleet, a row a server."""
    figure, panels = plt.subplots(10, 2, figsize=(10, 5.6), sharex=True, sharey=True, layout="constrained")
    for column, (preset, title) in zip(panels.T, PRESETS.items(), strict=True):
        config = dask_synth.load_config(preset, {"time.end_date": LAST, "output.formats": ["parquet"]})
        rows = dask_synth.fleet_frame(config).partitions[0].compute()
        rows = rows[rows["timestamp"] >= FIRST]
        for axes, server in zip(column, [*ALONE, *POOL], strict=True):
            own = rows[rows["server_id"] == f"server_{server:03d}"]
            draw(axes, own, OF_POOL if server in POOL and preset != "hourly_200" else INK)
        column[0].set_title(title, loc="left", fontsize="medium")
    panels[6, 1].set_title("four servers of a pool", loc="right", fontsize="small", color=OF_POOL, pad=1)
    panels[4, 0].set_ylabel("CPU, p95 (0 to 100 %), a row a web server", loc="center", fontsize="small")
    file = Path(__file__).with_suffix(".png")
    figure.savefig(file, dpi=100)
    Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(file, optimize=True)


def draw(axes: Axes, own: pd.DataFrame, colour: str) -> None:
    """Draw one server."""
    axes.fill_between(own["timestamp"], own["cpu_p95"], color=colour, alpha=0.15, linewidth=0)
    axes.plot(own["timestamp"], own["cpu_p95"], color=colour, linewidth=0.8)
    days = pd.date_range(FIRST, LAST, freq="7D")
    axes.set(ylim=(0, 101), yticks=[], xlim=(own["timestamp"].min(), own["timestamp"].max()), xticks=days)
    axes.set_xticklabels([f"Mon {day:%d %b}" for day in days], fontsize="small")
    axes.spines[["top", "right", "left"]].set_visible(False)


if __name__ == "__main__":
    main()
