"""The notebooks run from their first cell to their last, each in a kernel of its own, and show what they tell of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

Cells = list[tuple[str, str, str]]


def executed(name: str, folder: Path) -> Cells:
    """Run a notebook, and give of each code cell its source, and what it shows as text and as HTML."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            data = [output.get("data", {"text/plain": output.get("text", "")}) for output in cell.outputs]
            text, html = ("\n".join(part.get(kind, "") for part in data) for kind in ("text/plain", "text/html"))
            found.append((cell.source, text, html))
    return found


@pytest.fixture(scope="module")
def partitioned(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return executed("partition_plan.ipynb", tmp_path_factory.mktemp("partition_plan"))


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return executed("explore_plan.ipynb", tmp_path_factory.mktemp("explore_plan"))


@pytest.fixture(scope="module")
def rebalanced(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    return executed("rebalancing.ipynb", tmp_path_factory.mktemp("rebalancing"))


def showing(cells: Cells, ending: str) -> tuple[str, str]:
    """Find the cell whose source ends so, and give what it shows."""
    [found] = [(text, html) for source, text, html in cells if source.endswith(ending)]
    return found


def rows(text: str, skip: int = 1) -> dict[str, list[float]]:
    """Read a table of numbers, by the first word of each line."""
    return {line.split()[0]: [float(word) for word in line.split()[1:]] for line in text.splitlines()[skip:]}


def test_there_are_three() -> None:
    assert NOTEBOOKS == ["explore_plan.ipynb", "partition_plan.ipynb", "rebalancing.ipynb"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_they_are_stored_without_outputs(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    notebook = json.loads(text)
    nbformat.validate(notebook)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", (
        "as Jupyter writes it, so that diffs are small"
    )
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None and cell["metadata"] == {}


def test_the_plan_is_shown_before_anything_runs(partitioned: Cells) -> None:
    text, html = showing(partitioned, "\nstores")
    assert "60 keys by store" in text and "weighed by rows" in " ".join(text.split())
    assert "lower bound" in text and "hash partitioning" in text and "<table" in html


def test_more_executors_are_tried_without_running_anything(partitioned: Cells) -> None:
    text, _ = showing(partitioned, "for slots, p in plans.items()], columns=columns)")
    bounds = [float(line.split()[3]) for line in text.splitlines()[1:]]
    assert len(bounds) == 4 and bounds[0] > bounds[1] >= bounds[2] == bounds[3], "the heaviest store stays"
    assert "all slots busy" in text and "one key" in text


def test_the_models_find_what_is_planted(partitioned: Cells) -> None:
    said, _ = showing(partitioned, 'on days they did not know")')
    [off] = re.findall(r"to within ([\d.]+)% in the middling store", said)
    [better] = re.findall(r"(\d+) of 60 models are better", said)
    assert float(off) < 5
    assert int(better) >= 50


def test_what_it_took_is_shown_and_the_next_plan_knows_it(partitioned: Cells) -> None:
    text, html = showing(partitioned, "\nload")
    assert "Load of 60 keys by store" in text and "measured makespan" in text and "<table" in html
    text, html = showing(partitioned, "\nagain")
    assert "weighed by measured seconds" in " ".join(text.split()) and "<table" in html
    text, _ = showing(partitioned, "(runs, columns=columns)")
    measured = [float(line.split()[-1]) for line in text.splitlines()[1:]]
    assert len(measured) == 2 and min(measured) > 0


def test_a_trace_is_read_planned_and_explained(explored: Cells) -> None:
    assert "Graph(8 tasks" in showing(explored, "\ngraph")[0]
    text, html = showing(explored, "\nplanned")
    assert "on 8 slots" in text and "lower bound" in html and html.count("<svg") == 1
    text, _ = showing(explored, "planned.explain()")
    assert "What limits it:" in text and "one more executor" in text


def test_methods_are_compared_with_their_charts(explored: Cells) -> None:
    text, html = showing(explored, "\ncompared")
    methods = html.count("<figure>")
    assert methods >= 10 and text.startswith("Comparison(auto ") and html.count("<details>") == 1


def test_the_slider_goes_from_2_to_64_executors(explored: Cells) -> None:
    text, html = showing(explored, "\nline")
    assert text.startswith("Curve(2 executors ") and 'type="range" min="0" max="62"' in html
    told = re.findall(r'data-told="(\d+) executors"', html)
    assert [int(count) for count in told] == list(range(2, 65)) and len(html) < 1_000_000
    assert html.count("<script>") == 1 and "src=" not in html
    text, _ = showing(explored, "knee.explain()")
    assert "What limits it:" in text


def test_moves_would_help_where_an_executor_is_slow(explored: Cells) -> None:
    text, _ = showing(explored, "print(moves)")
    stays, moves = map(float, re.findall(r"\(([\d.]+) × the plan\)", text))
    assert 1 < moves < stays
    pages = showing(explored, '/ 1000:.0f} kB")')[0]
    assert re.fullmatch(r"\d+ kB, \d+ kB\n", pages)


def test_a_run_with_moves_is_shorter_and_tells_them(rebalanced: Cells) -> None:
    text, html = showing(rebalanced, "\nmoves")
    assert re.search("48/48 tasks in .*, [0-9]+ moved", text) and "<progress" in html
    assert "moves" in text and html.count('aria-label="Gantt chart"') == 1
    makespan = rows(
        showing(rebalanced, 'makespan (s)").to_frame()')[0]
        .replace("as planned", "planned")
        .replace("nothing moved", "stays")
    )
    assert makespan["planned"][0] < makespan["moved"][0] < makespan["stays"][0]


def test_the_slow_executor_does_less_when_tasks_are_moved(rebalanced: Cells) -> None:
    tasks = rows(showing(rebalanced, ".round(2)")[0], skip=3)
    stays, moved = tasks["0"][3], tasks["0"][7]
    assert moved < stays and sum(row[7] for row in tasks.values()) == sum(row[3] for row in tasks.values()) == 48
    text, _ = showing(rebalanced, ".round(3)")
    assert "× slower" in text and "from slot" in text
