"""Each notebook as a page with its pictures: run when it, or the program, has changed since the last build."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]
RAN = ROOT / "build" / "notebooks"
SIZE = "DASK_SYNTH_NOTEBOOK_SERVERS"
"""The notebooks' own variable: fewer servers make a faster build, and other pictures."""


def files() -> Iterator[tuple[str, str | bytes]]:
    """Yield each page, and each picture, as its path in the site and its content."""
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text, resources = MarkdownExporter().from_notebook_node(_ran(notebook))
        pictures = resources["outputs"]
        for name, content in pictures.items():
            text = text.replace(f"![png]({name})", f"![What the cell above draws]({notebook.stem}_{name})")
            yield f"notebooks/{notebook.stem}_{name}", content
        source = f"This page is `notebooks/{notebook.name}`, as it ran when the site was built."
        yield f"notebooks/{notebook.stem}.md", f"{text}\n---\n\n{source}\n"


def _ran(notebook: Path) -> nbformat.NotebookNode:
    kept = RAN / f"{notebook.stem}-{_state(notebook)}.ipynb"
    if kept.exists():
        ran: nbformat.NotebookNode = nbformat.read(kept, as_version=4)
        return ran
    content: nbformat.NotebookNode = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as room:
        # It would warn that what stays on this machine is not encrypted.
        quiet = ["--IPKernelApp.log_level=ERROR"]
        NotebookClient(content, timeout=600, extra_arguments=quiet, resources={"metadata": {"path": room}}).execute()
    RAN.mkdir(parents=True, exist_ok=True)
    for old in RAN.glob(f"{notebook.stem}-*.ipynb"):
        old.unlink()
    nbformat.write(content, kept)
    return content


def _state(notebook: Path) -> str:
    """Digest what the outputs follow from."""
    digest = hashlib.sha256(f"{os.environ.get(SIZE)} {notebook.read_text()}".encode())
    for file in sorted((ROOT / "dask_synth").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
