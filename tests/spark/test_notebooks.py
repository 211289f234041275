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
    assert "lower bound" in text and "hash partitioning" in text and "<table" in html


def test_more_executors_are_tried_without_running_anything(cells: list[tuple[str, str, str]]) -> None:
    text, _ = showing(cells, "for slots, p in plans.items()], columns=columns)")
    bounds = [float(line.split()[3]) for line in text.splitlines()[1:]]
    assert len(bounds) == 4 and bounds[0] > bounds[1] >= bounds[2] == bounds[3], "the heaviest store stays"
    assert "all slots busy" in text and "one key" in text


def test_the_models_find_what_is_planted(cells: list[tuple[str, str, str]]) -> None:
    said, _ = showing(cells, 'on days they did not know")')
    [off] = re.findall(r"to within ([\d.]+)% in the middling store", said)
    [better] = re.findall(r"(\d+) of 60 models are better", said)
    assert float(off) < 5
    assert int(better) >= 50


def test_what_it_took_is_shown_and_the_next_plan_knows_it(cells: list[tuple[str, str, str]]) -> None:
    text, html = showing(cells, "\nload")
    assert "Load of 60 keys by store" in text and "measured makespan" in text and "<table" in html
    text, html = showing(cells, "\nagain")
    assert "weighed by measured seconds" in " ".join(text.split()) and "<table" in html
    text, _ = showing(cells, "(runs, columns=columns)")
    measured = [float(line.split()[-1]) for line in text.splitlines()[1:]]
    assert len(measured) == 2 and min(measured) > 0
