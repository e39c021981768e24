"""What is given to the client of an object store may be a secret: no message repeats it, however it is misshapen."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dask_synth.cli.commands import main

SECRET = "TOPSECRET"
MISSHAPEN = [
    f"{{secret: {SECRET}",
    f"{{secret: [{SECRET}}}",
    f"{{secret: *{SECRET}}}",
    f"{{secret: !{SECRET}}}",
    f"{{secret: !it's{SECRET} x}}",
    f"{{secret: !!int {SECRET}}}",
    f"{{secret: '{SECRET}}}",
    f'{{secret: "{SECRET}\\q"}}',
    f"{{secret: @{SECRET}}}",
    f"{{secret: a: {SECRET}}}",
    f"{{secret: &{SECRET} [&{SECRET} x]}}",
    f"{{secret:{SECRET}}}",
    f"{{client_kwargs: {{secret:{SECRET}}}}}",
    f"{{client_kwargs: [{{secret:{SECRET}}}]}}",
    f"{{1: {SECRET}}}",
    f"{{[{SECRET}]: {SECRET}}}",
    f"{SECRET}",
    f"[{SECRET}]",
    f"{{secret: &a [*a, {SECRET}]}}",
    f"{'[' * 60}{SECRET}",
]


def refused(*words: str, **environment: str) -> str:
    done = CliRunner().invoke(main, ["config", *words], env=environment, prog_name="python -m dask_synth")
    assert done.exit_code == 2
    assert SECRET not in done.output
    assert "Traceback" not in done.output
    assert len(done.stderr.splitlines()) == 2
    return done.stderr.splitlines()[1]


@pytest.mark.parametrize("value", MISSHAPEN)
def test_a_misshapen_value_is_not_repeated(value: str, tmp_path: Path) -> None:
    key = "output.storage_options"
    assert refused("--set", f"{key}={value}").startswith(f"  {key}")
    variable = "DASK_SYNTH__OUTPUT__STORAGE_OPTIONS"
    assert refused(**{variable: value}).startswith((f"  {key}", f"  {variable}: "))
    file = tmp_path / "run.yaml"
    file.write_text(f"output:\n  storage_options: {value}\n")
    said = refused("--config", str(file))
    assert key in said or "line 2" in said or "run.yaml" in said


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        (f"output={{storage_options: {{secret: {SECRET}", "output"),
        (f"output={SECRET}", "output"),
        (f"output=[{SECRET}]", "output"),
        (f"output.storage={{secret: {SECRET}", "output.storage"),
        (f"output.keys={{secret: {SECRET}", "output.keys"),
        (f"output.keys={SECRET}", "output.keys"),
        (f"storage_options={{secret: {SECRET}", "storage_options"),
        (f"output.storage_options:{SECRET}", "--set"),
        (f"{{output: {{storage_options: {{secret: {SECRET}}}}}}}", "--set"),
    ],
)
def test_nor_is_what_was_meant_for_it(setting: str, key: str) -> None:
    assert refused("--set", setting).startswith(f"  {key}: ")


def test_a_variable_that_is_not_yaml_is_hidden_where_one_of_the_same_text_may_be_secret() -> None:
    said = refused(DASK_SYNTH__FLEET=f"{{a: {SECRET}", DASK_SYNTH__OUTPUT__STORAGE_OPTIONS=f"{{a: {SECRET}")
    assert "DASK_SYNTH__OUTPUT__STORAGE_OPTIONS" in said
    assert "is not valid YAML" in said


@pytest.mark.parametrize("setting", ["output.path=[abcd", "fleet.regions=[abcd"])
def test_what_is_no_secret_is_repeated(setting: str) -> None:
    done = CliRunner().invoke(main, ["config", "--set", setting])
    assert "'[abcd' is not valid YAML" in done.stderr
