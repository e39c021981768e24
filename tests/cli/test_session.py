from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dask_synth.cli.session import again, resumable


def told(typed: str, root: click.Command, prog_name: str, patch: pytest.MonkeyPatch) -> str:
    """Return what `again` says within a command that was typed so."""
    program, *words = shlex.split(typed)
    patch.setattr(sys, "argv", [program, *words])
    done = CliRunner().invoke(root, words, prog_name=prog_name)
    assert done.exit_code == 0, done.output
    return done.output.rstrip("\n")


@click.command("synth", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def synth(words: tuple[str, ...]) -> None:
    click.echo(again("--resume"))


@click.group("dask")
def dask() -> None:
    pass


dask.add_command(synth)


@pytest.mark.parametrize(
    ("typed", "root", "prog_name", "says"),
    [
        ("x/__main__.py --seed 3", synth, "python -m dask_synth", "python -m dask_synth --seed 3 --resume"),
        ("/x/bin/dask-synth --seed 3 --resume", synth, "dask-synth", "dask-synth --seed 3 --resume"),
        ("/x/bin/dask synth --seed 3", dask, "dask", "dask synth --seed 3 --resume"),
        ("x/__main__.py synth", dask, "python -m dask", "python -m dask synth --resume"),
    ],
)
def test_the_command_is_told_as_it_was_typed(
    typed: str, root: click.Command, prog_name: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(typed, root, prog_name, monkeypatch) == says


def test_outside_of_a_command_it_is_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py", "--seed", "3"])
    assert again() == "python -m dask_synth --seed 3"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("output.storage_options.secret=TOPSECRET", "output.storage_options.secret=..."),
        ("--set=output.storage_options={secret: TOPSECRET}", "--set=output.storage_options=..."),
        ("output={path: x, storage_options: {secret: TOPSECRET}}", "output=..."),
        ("--output=x/storage_options", "--output=x/storage_options"),
        ("fleet.servers=3", "fleet.servers=3"),
    ],
)
def test_the_command_is_told_without_secrets(word: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dask-synth", word])
    assert shlex.split(again())[3:] == [shown]


def test_what_an_interrupted_worker_left_half_written_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "fleet" / "csv" / ".dask-synth-x.tmp"
    left.parent.mkdir(parents=True)
    with pytest.raises(SystemExit), resumable(tmp_path / "fleet", "run", "go on"):
        left.touch()
        raise KeyboardInterrupt
    assert not left.exists()
