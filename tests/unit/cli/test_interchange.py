"""Graphs of others on the command line, and the forms in which plans and load reports leave it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_samples import layered, load_of

from planner.io import create_run_folder, write_load

Planner = Callable[..., Any]


def test_graphs_in_dot_and_adjacencies_are_planned(planner: Planner, tmp_path: Path) -> None:
    dot, dag = tmp_path / "graph.gv", tmp_path / "dag.json"
    dot.write_text("digraph { a [work=3]; a -> b -> c }")
    dag.write_text(json.dumps({"tasks": [{"task_id": "a", "downstream_task_ids": ["b"]}, {"task_id": "b"}]}))
    assert planner("plan", dot, "--executors", "2", "--json").json["makespan"] == 5.0
    assert planner("plan", dag, "--executors", "2", "--json").json["makespan"] == 2.0


def test_a_plan_leaves_as_a_picture_for_graphviz(planner: Planner, graph: str, tmp_path: Path) -> None:
    said = planner("plan", graph, "--executors", "2", "-o", tmp_path / "plan.dot")
    assert said.code == 0 and f"written: {tmp_path / 'plan.dot'}" in said.out
    assert (tmp_path / "plan.dot").read_text().startswith("digraph {\n")
    assert planner("plan", tmp_path / "plan.dot", "--executors", "2", "--json").json["makespan"] == 5.0


def test_what_is_wrong_with_them_is_told(planner: Planner, tmp_path: Path) -> None:
    dot = tmp_path / "graph.dot"
    dot.write_text("digraph { a [work=soon]; b [memory=x] }")
    said = planner("plan", dot, "--executors", "2")
    assert said.code == 2 and f"{dot}: node 'a'.work: 'soon'" in said.err and f"{dot}: node 'b'.memory" in said.err


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run that has ended."""
    plan = layered(24, 2)
    folder = create_run_folder(tmp_path_factory.mktemp("runs") / "1", plan)
    write_load(load_of(plan), folder)
    return folder


def test_a_load_report_leaves_in_the_form_of_its_name(planner: Planner, run: Path, tmp_path: Path) -> None:
    for name, written in {"load.prom": 1, "load.parquet": 2, "tensorboard": 1, "page.HTML": 1}.items():
        said = planner("report", run, "-o", tmp_path / name)
        assert said.code == 0 and said.out.count("written: ") == written and (tmp_path / name).exists()
    assert "<html" in (tmp_path / "page.HTML").read_text() and (tmp_path / "load.slots.parquet").exists()
    assert planner("report", run, "--json", "-o", tmp_path / "load.prom").json["report"] == str(tmp_path / "load.prom")


@pytest.mark.parametrize("name", ["load.csv", "tensorboard", "missing/load.prom", ""])
def test_other_forms_and_places_are_refused(planner: Planner, run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").touch()
    said = planner("report", run, "-o", tmp_path / name if name else "")
    assert said.code == 2 and "; expected " in said.err and "Traceback" not in said.err and said.out == ""
