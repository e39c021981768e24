"""From noise to values: what each metric of a living server is made of, and the columns that show it.

A track is one noise that is shown: that of a metric, or that of sent traffic, which only goes with the received one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dask_synth.model.columns import Metric, MetricColumn
from dask_synth.model.shape import LEAST_SKEW, affine, capped
from dask_synth.model.spec import FleetSpec

Floats = npt.NDArray[np.float64]


class Line(NamedTuple):
    """What makes values of one server's noise.

    Proportional: ``(times * noise + plus) * course``; constant: ``times * noise + (plus * course + shift)``.
    """

    times: float
    plus: float
    shift: float


@dataclass(frozen=True)
class Track:
    """One noise that is shown.

    Attributes
    ----------
    metric
        Whose mean, deviation and skew it has.
    columns
        What shows it.
    base, sd, skew
        The profile's numbers.
    spike
        What a spike multiplies it by.
    proportional
        Whether its deviation goes with the mean.
    in_out
        Correlation of its noise with the metric's own; at 1 it is that.
    """

    metric: Metric
    columns: tuple[MetricColumn, ...]
    base: float
    sd: float
    skew: float
    spike: float
    proportional: bool
    in_out: float = 1.0

    def line(self, level: float, noise: float) -> Line:
        """Return what makes values of the noise of a server with this level and noisiness."""
        factor, summand = affine(self.skew)
        mean, sd = self.base * level, self.sd * level * noise
        if not self.proportional:
            return Line(sd * factor, mean, sd * summand)
        # Without a mean there is nothing that a deviation could be a share of.
        ratio = capped(self.sd / self.base * noise, self.skew) if self.base else 0.0
        return Line(mean * ratio * factor, mean * (1 + ratio * summand), 0.0)

    def write(self, line: Line, noise: Floats, course: Floats | None, out: Floats, scratch: Floats) -> None:
        """Write latent values into `out`.

        Parameters
        ----------
        line
            Of the server.
        noise
            Normal noise, or with skew its exponential.
        course
            What load and growth multiply the mean by, if they do.
        out, scratch
            Arrays of as many rows.
        """
        np.multiply(noise, line.times, out=out)
        if course is None:
            out += line.plus + line.shift
        elif self.proportional:
            out += line.plus
            out *= course
        else:
            np.multiply(course, line.plus, out=scratch)
            scratch += line.shift
            out += scratch


def tracks_of(spec: FleetSpec, archetype: str) -> tuple[Track, ...]:
    """Return the tracks of an archetype's servers, those with skew first."""
    profile, table = spec.archetypes[archetype], spec.metrics
    tracks = []
    for metric in table.metrics:
        columns = tuple(column for column in table.columns if column.metric == metric.name)
        together = len(columns) if profile.in_out == 1 else 1
        for shown, in_out in ((columns[:together], 1.0), (columns[together:], profile.in_out)):
            if shown:
                track = Track(
                    metric,
                    shown,
                    base=float(getattr(profile.base, metric.name)),
                    sd=float(getattr(profile.sd, metric.name)),
                    skew=profile.skew.get(metric.name, 0.0),
                    spike=table.spike_factor(metric.name, profile.spike_magnitude),
                    proportional=profile.noise == "proportional",
                    in_out=in_out,
                )
                tracks.append(track)
    return tuple(sorted(tracks, key=lambda track: track.skew < LEAST_SKEW))
