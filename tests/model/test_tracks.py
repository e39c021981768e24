from __future__ import annotations

import numpy as np
import pytest

from dask_synth.model.tracks import Track, tracks_of
from tests.living import ALIVE, SKEW, living_spec


def tracks(**changes: object) -> dict[str, Track]:
    found = tracks_of(living_spec(**{**ALIVE, **changes}), "web")
    return {track.columns[0].name: track for track in found}


def test_skewed_tracks_come_first_and_sent_traffic_has_its_own() -> None:
    skew = {"mem": 0.8, "net": 1.4}
    assert list(tracks(skew=skew)) == ["mem_p95", "net_in_p95", "net_out_p95", "cpu_p95", "disk_p95"]
    sent = tracks()["net_out_p95"]
    assert (sent.metric.name, sent.in_out, sent.skew) == ("net", 0.9, 1.4)


def test_sent_traffic_that_is_the_received_one_is_no_track_of_its_own() -> None:
    found = tracks(in_out=1.0)
    assert list(found) == ["cpu_p95", "mem_p95", "disk_p95", "net_in_p95"]
    assert [column.name for column in found["net_in_p95"].columns] == ["net_in_p95", "net_out_p95"]


@pytest.mark.parametrize("noise", ["proportional", "constant"])
@pytest.mark.parametrize("skew", [{}, SKEW], ids=["normal", "skewed"])
def test_a_line_makes_mean_and_deviation(noise: str, skew: dict[str, float]) -> None:
    track = tracks(noise=noise, skew=skew)["mem_p95"]
    z = np.random.default_rng(1).standard_normal(400_000)
    source = np.exp(track.skew * z) if skew else z
    course, out, scratch = np.full(len(z), 1.5), np.empty(len(z)), np.empty(len(z))
    track.write(track.line(level=2.0, noise=0.5), source, course, out, scratch)
    assert out.mean() == pytest.approx(30 * 2.0 * 1.5, rel=0.005)
    deviation = 15.6 * 2.0 * 0.5 * (1.5 if noise == "proportional" else 1.0)
    assert out.std() == pytest.approx(deviation, rel=0.02)
    still = np.empty(len(z))
    track.write(track.line(level=2.0, noise=0.5), source, None, still, scratch)
    np.testing.assert_allclose(still.mean(), 60.0, rtol=0.005)
