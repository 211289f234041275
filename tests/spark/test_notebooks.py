"""The notebook runs from its first cell to its last in a kernel of its own, and shows what it tells of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "partition_plan.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """Run the notebook, and give of each code cell its source, and what it shows as text and as HTML."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}})
    client.execute()
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            data = [output.get("data", {"text/plain": output.get("text", "")}) for output in cell.outputs]
            text, html = ("\n".join(part.get(kind, "") for part in data) for kind in ("text/plain", "text/html"))
            found.append((cell.source, text, html))
    return found


def showing(cells: list[tuple[str, str, str]], ending: str) -> tuple[str, str]:
    """Find the cell whose source ends so, and give what it shows."""
    [found] = [(text, html) for source, text, html in cells if source.endswith(ending)]
    return found


def test_it_is_stored_without_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_the_plan_is_shown_before_anything_runs(cells: list[tuple[str, str, str]]) -> None:
    text, html = showing(cells, "\nstores")
    assert "60 keys by store" in text and "weighed by rows" in " ".join(text.split())
    assert "<table" in html and "lower bound" in html
    bounds = showing(cells, "columns=columns)")[0] if False else text
    assert "hash partitioning" in bounds


def test_the_models_find_what_is_planted(cells: list[tuple[str, str, str]]) -> None:
    said, _ = showing(cells, 'on days they did not know")')
    off, better = re.findall(r"([\d.]+)% in the middling|(\d+) of 60 models", said)
    assert float(off[0]) < 10
    assert int(better[1]) >= 45


def test_what_it_took_is_shown_and_planned_from(cells: list[tuple[str, str, str]]) -> None:
    text, html = showing(cells, "\nload")
    assert "Load of 60 keys by store" in text and "measured makespan" in text and "<table" in html
    text, html = showing(cells, "\nagain")
    assert "weighed by measured seconds" in " ".join(text.split()) and "<table" in html
    text, _ = showing(cells, "runs, columns=columns)")[0], None
    assert "by seconds" in text
