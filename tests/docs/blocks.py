"""The code blocks of a Markdown page, and a folder in which they run one after the other."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import dask_synth
from dask_synth.cli.commands import main
from tests.integration.conftest import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
OUTPUTS = ("text", "")
"""Languages of blocks that show output or formulas: nothing to run."""

PROGRAM = ["python", "-m", "dask_synth"]
READERS = ("append", "report", "validate", "verify")
MOST_SERVERS = 10
SMALL = {"DASK_SYNTH__FLEET__SERVERS": "8", "DASK_SYNTH__TIME__YEARS": "1"}
"""Sizes where a block gives none. What a block gives on a command line or in Python is above the environment."""

FENCE = re.compile(r"^```(?P<language>[\w.-]*)(?: title=\"(?P<title>[^\"]+)\")?$")
# Above a block: why it is not run; that it shows what the block before printed; the exit code that it must have.
COMMENT = re.compile(r"^<!-- (?P<word>not run|prints|exits with)(?:: (?P<reason>\S.*))? -->$")
SNIPPET = re.compile(r"^--8<-- \"([^\":]+)\"$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block, with what a comment directly above it says."""

    page: Path
    line: int
    language: str
    title: str | None
    reason: str | None
    prints: bool
    exit_code: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield a page's blocks; raise ValueError for one that is indented, or fenced in an unknown way."""
    lines = page.read_text(encoding="utf-8").splitlines()
    position = 0
    while position < len(lines):
        line = lines[position]
        if line.startswith("    ") and not lines[position - 1].strip():
            raise ValueError(f"{page}:{position + 1}: an indented block; fence it, with its language")
        if line.startswith("```"):
            end = lines.index("```", position + 1)
            yield _block(page, position, lines[position - 1], line, "\n".join(lines[position + 1 : end]))
            position = end
        position += 1


def _block(page: Path, position: int, above: str, fence: str, text: str) -> Block:
    parts, comment = FENCE.match(fence), COMMENT.match(above)
    if not parts:
        raise ValueError(f"{page}:{position + 1}: {fence!r} is not a known kind of fence")
    said = {comment["word"]: comment["reason"]} if comment else {}
    text = SNIPPET.sub(lambda match: (ROOT / match[1]).read_text(encoding="utf-8"), text)
    return Block(
        page=page,
        line=position + 1,
        language=parts["language"],
        title=parts["title"],
        reason=said.get("not run"),
        prints="prints" in said,
        exit_code=int(said.get("exits with") or 0),
        text=text,
    )


@dataclass
class Folder:
    """Where the blocks of one page run, with a small dataset `output` for those that only read."""

    path: Path
    dataset: Path
    printed: str = ""
    given: bool = False
    ran: list[Block] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run a block, or compare what it shows with what the block before printed."""
        if block.prints:
            assert _trimmed(self.printed) == _trimmed(block.text), f"{block}: printed is\n{self.printed}"
        elif block.language == "python":
            self._run_python(block)
        elif block.language == "sh":
            self.printed = "".join(self._run_command(line, block) for line in _commands(block.text))
        elif block.language == "yaml":
            self._write_configuration(block)
        else:
            raise AssertionError(f"{block}: nothing runs {block.language!r}")
        self.ran.append(block)

    def _write_configuration(self, block: Block) -> None:
        assert block.title, f"{block}: say which file this is: title=NAME, or why it is none"
        Path(block.title).write_text(block.text + "\n", encoding="utf-8")
        dask_synth.load_config(block.title)
        # What the file says of its size, the environment would override.
        given = yaml.safe_load(block.text)
        for name in SMALL:
            section, key = name.lower().split("__")[1:]
            if given.get(section, {}).keys() & ({key, "end_date"} if key == "years" else {key}):
                os.environ.pop(name, None)

    def _run_python(self, block: Block) -> None:
        self._give()
        code = compile("\n" * block.line + block.text, str(block), "exec")
        with redirect_stdout(io.StringIO()) as printed:
            exec(code, {"__name__": "__main__"})
        self.printed = printed.getvalue()

    def _run_command(self, line: str, block: Block) -> str:
        words = shlex.split(line, comments=True)
        variables: Mapping[str, str | None] = dict(word.split("=", 1) for word in words if re.match(r"^[A-Z_]+=", word))
        words = words[len(variables) :]
        assert words[:3] == PROGRAM, f"{block}: cannot run {line!r}; mark the block with <!-- not run: reason -->"
        arguments = words[3:]
        if not arguments or arguments[0] in ("append", "generate") or arguments[0].startswith("--"):
            arguments.append("--no-report")  # a second each; `report` has a block of its own
        if "--dry-run" in arguments:
            variables = {**dict.fromkeys(SMALL), **variables}
        elif arguments and arguments[0] in READERS:
            self._give()
        else:
            self._take()
            arguments = _capped(arguments)
        done = CliRunner().invoke(main, arguments, prog_name=" ".join(PROGRAM), env=variables, catch_exceptions=False)
        assert done.exit_code == block.exit_code, f"{block}: {line!r} exits with {done.exit_code}: {done.output}"
        return done.output

    def _give(self) -> None:
        if not Path("output").exists():
            shutil.copytree(self.dataset, "output")
            self.given = True

    def _take(self) -> None:
        if self.given:
            shutil.rmtree("output")
            self.given = False


def _commands(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _capped(arguments: list[str]) -> list[str]:
    """Return the arguments with at most MOST_SERVERS servers."""
    return [
        str(min(int(word), MOST_SERVERS)) if before == "--servers" else word
        for before, word in zip(["", *arguments], arguments, strict=False)
    ]


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def prepare(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder look like a checkout, and runs small where nothing else is said."""
    for name in ("config", "cluster", "jobs"):
        (path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(path)
    for name, value in {**SMALL, "COLUMNS": "120", "MPLBACKEND": "Agg"}.items():
        monkeypatch.setenv(name, value)
