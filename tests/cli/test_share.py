"""What may be written for a share, and what it means."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dask_synth.cli.commands import main
from dask_synth.cli.share import Share
from dask_synth.config.layers import load_config
from dask_synth.errors import ConfigError
from dask_synth.pipeline.frame import fleet_frame
from dask_synth.proof.validate import validate_frame
from dask_synth.proof.verdict import Verdict


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("0.5 %", 0.005), ("0", 0.0), ("all", 1.0), ("100%", 1.0), ("0%", 0.0)]
)
def test_percentages_nothing_and_all_are_shares(text: str, share: float) -> None:
    assert Share().convert(text, None, None) == share


@pytest.mark.parametrize("text", ["5", "0.05", "101%", "-5%", "some", "", "nan%"])
def test_anything_else_is_one_message(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write a percentage such as 5%, 0, or all"):
        Share().convert(text, None, None)


@pytest.mark.integration
def test_the_share_that_is_typed_is_the_share_that_is_drawn(tmp_path: Path) -> None:
    place = str(tmp_path / "fleet")
    small = ["--servers", "40", "--years", "1", "--no-report", "--output", place]

    def drawn(*words: str) -> str | None:
        done = CliRunner().invoke(main, list(words))
        assert done.exit_code == 0, done.output
        verdict = Verdict.model_validate_json((tmp_path / "fleet" / "validation.json").read_bytes())
        return next((check.what for check in verdict.checks if check.kind == "recompute"), None)

    assert drawn(*small, "--recompute", "0") is None
    assert (drawn("validate", place) or "").startswith("of 14,600 rows drawn anew, those")
    assert (drawn("validate", place, "--recompute", "5%") or "").startswith(
        "of 730 rows drawn anew (13,870 others were not drawn)"
    )
    assert (drawn("append", place, "--until", "2023-01-02", "--no-report") or "").startswith("of 14,680 rows drawn")


@pytest.mark.parametrize("share", [5, -0.1, float("nan")])
def test_in_python_a_share_is_a_number_from_0_to_1(share: float) -> None:
    config = load_config(None, {"fleet.servers": 2, "time.end_date": "2022-01-05"})
    with pytest.raises(ConfigError, match="recompute.*is not a share"):
        validate_frame(fleet_frame(config), config, recompute=share)
