"""YAML within bounds, from a file, --set and the environment alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dask_synth.cli.options import overrides_of
from dask_synth.config import yamltext
from dask_synth.config.layers import load_config
from dask_synth.config.sources import read_yaml
from dask_synth.errors import ConfigError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 60))
TOO_MUCH = {
    "billion laughs": (LAUGHS, "holds more than 10,000 values"),
    "laughs of keys": ("{" + "? {a: &a [" + "x, " * 200 + "]}\n: 1\n, b: [" + "*a, " * 50 + "]}", "10,000 values"),
    "one long text, many times": (f"a: &a {'x' * 300_000}\nb: [*a, *a]", "holds more than 500,000 characters"),
    "many values": (f"a: [{'1,' * 10_000}]", "holds more than 10,000 values"),
    "a long text": ("a: x" + " y" * 250_000, "is longer than 500,000 characters"),
    "lists in lists": ("a: " + "[" * 400 + "]" * 400, "is nested more than 50 deep"),
    "lists in lists without end": ("[" * 100_000, "is nested more than 50 deep"),
    "mappings in mappings": ("{a: " * 400, "is nested more than 50 deep"),
    "blocks in blocks": ("- " * 400, "is nested more than 50 deep"),
    "keys in keys": ("? " * 400, "is nested more than 50 deep"),
    "aliases in aliases": (CHAIN, "is nested more than 50 deep"),
    "an alias of itself": ("a: &a [*a]", "holds an alias of what it stands in"),
}
BOUND_SECONDS = 10
"""Of a second or less: a busy machine may take a few, and without bounds it takes minutes."""


def by_file(text: str, folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "run.yaml").write_text(text)
    load_config(folder / "run.yaml")


def by_set(text: str, _: Path, __: pytest.MonkeyPatch) -> None:
    overrides_of((f"fleet={text}",), (), {})


def by_environment(text: str, _: Path, patch: pytest.MonkeyPatch) -> None:
    # The kernel takes no longer variable, and os.environ does not ask it.
    patch.setattr(os, "environ", {**os.environ, "DASK_SYNTH__FLEET": text})
    load_config()


@pytest.mark.parametrize("way", [by_file, by_set, by_environment], ids=lambda way: way.__name__)
@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_much_is_one_short_message_soon(
    what: str, way: Callable[[str, Path, pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, says = TOO_MUCH[what]
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        way(text, tmp_path, monkeypatch)
    assert time.monotonic() - start < BOUND_SECONDS
    ((key, message),) = caught.value.problems
    assert says in message
    assert len(message) < 400
    if way is by_file:
        assert "run.yaml" in message
    else:
        assert "fleet" in key.lower()


def test_what_is_just_within_bounds_is_read() -> None:
    deep = yamltext.load("[" * yamltext.MAX_DEPTH + "]" * yamltext.MAX_DEPTH)
    for _ in range(yamltext.MAX_DEPTH - 1):
        (deep,) = deep
    assert deep == []
    assert len(yamltext.load(f"[{'1,' * (yamltext.MAX_VALUES - 1)}]")) == yamltext.MAX_VALUES - 1
    assert len(yamltext.load("x" * yamltext.MAX_CHARACTERS)) == yamltext.MAX_CHARACTERS
    # One key, one list, and 9 times (a list and 1000 numbers).
    shared = "{k: [&a [" + "1," * 1000 + "]" + ", *a" * 8 + "]}"
    assert [len(part) for part in yamltext.load(shared)["k"]] == [1000] * 9


def test_an_alias_that_is_used_twice_is_no_loop() -> None:
    assert yamltext.load("{a: &a [1], b: [*a, *a]}") == {"a": [1], "b": [[1], [1]]}


def test_a_file_without_end_is_not_read_to_it() -> None:
    with pytest.raises(ConfigError, match="is longer than 500,000 characters"):
        read_yaml(Path("/dev/zero"))


def test_a_key_that_lies_too_deep_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="lies too deep") as caught:
        load_config(None, {"archetypes." + "a." * 2000 + "b": 1})
    assert len(str(caught.value)) < 400
    monkeypatch.setenv("DASK_SYNTH__ARCHETYPES__" + "A__" * 2000 + "B", "1")
    with pytest.raises(ConfigError, match="lies too deep") as caught:
        load_config()
    assert len(str(caught.value)) < 400


def test_thousands_of_wrong_values_are_told_soon() -> None:
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"fleet": {f"k{number}": 1 for number in range(5000)}})
    assert len(caught.value.problems) == 5000
    assert time.monotonic() - start < BOUND_SECONDS


def test_a_long_value_is_repeated_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"fleet": list(range(5000))})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["!!bool abc", "!!timestamp x", "!!int x", "!!float x", "0b_", "="])
def test_a_value_that_does_not_fit_its_tag_is_no_traceback(text: str) -> None:
    with pytest.raises(yamltext.YamlTextError, match="is not valid YAML"):
        yamltext.load(text)
