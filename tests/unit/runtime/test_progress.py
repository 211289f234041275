"""Progress below a notebook's cell; what terminals and logs get is tested with the runs that they follow."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from planner import Cluster, Graph, Replicas
from planner import plan as make_plan
from planner.runtime.progress import Progress


class Displayed:
    """What IPython would show, in the order in which it was told."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def display(self, thing: Any, display_id: bool) -> Displayed:
        assert display_id
        self.update(thing)
        return self

    def update(self, thing: Any) -> None:
        self.shown.append((repr(thing), thing._repr_html_()))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Displayed:
    found = Displayed()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    monkeypatch.setitem(sys.modules, "IPython.display", found)
    return found


def test_a_notebook_gets_one_display_and_in_the_end_how_far_it_came(
    notebook: Displayed, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(make_plan(Graph.from_arrays(work=[1.0] * 4), Cluster.uniform(2)))
    progress.update([], 2)
    done = [0, 1]
    progress.update(done, 2, 1)  # too soon to be shown, and counted all the same
    done.append(2)
    progress.close()
    first, last = notebook.shown
    assert first[0] == "0/4 tasks, 2/2 slots busy, 2 s left by the plan" and 'value="0"' in first[1]
    assert last[0].startswith("3/4 tasks in ") and last[0].endswith(", 1 moved")
    assert 'max="4" value="3"' in last[1] and last[0] in last[1]
    assert capsys.readouterr() == ("", "")


def test_copies_are_no_tasks_of_their_own(notebook: Displayed) -> None:
    graph = Graph.from_arrays(work=[1.0, 1.0], replicas={0: Replicas(2, "active")})
    progress = Progress(make_plan(graph, Cluster.uniform(2)))
    progress.update([0, 1, 2], 0)
    progress.close()
    assert notebook.shown[-1][0].startswith("2/2 tasks in ")


def test_a_run_that_never_began_shows_nothing(notebook: Displayed) -> None:
    Progress(make_plan(Graph.from_arrays(work=[1.0]), Cluster.uniform(1)))
    assert notebook.shown == []


def test_a_stream_that_is_named_gets_lines_in_a_notebook_too(notebook: Displayed) -> None:
    stream = io.StringIO()
    Progress(make_plan(Graph.from_arrays(work=[1.0]), Cluster.uniform(1)), stream=stream, every=0).update([0], 0)
    assert stream.getvalue() == "1/1 tasks, 0/1 slots busy, 0 s left by the plan\n" and notebook.shown == []


@pytest.mark.parametrize("shell", [None, SimpleNamespace()])
def test_ipython_on_a_terminal_is_no_notebook(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    Progress(make_plan(Graph.from_arrays(work=[1.0]), Cluster.uniform(1)), every=0).update([], 1)
    assert capsys.readouterr().err == "0/1 tasks, 1/1 slots busy, 1 s left by the plan\n"
