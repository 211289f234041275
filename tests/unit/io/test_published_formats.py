"""WfFormat and STG: small files of our own, and all published ones where they stand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import InputError
from planner.io import read_graph
from planner.io.stg import parse_stg
from planner.io.wfformat import graph_from_wfformat


def workflow() -> dict[str, Any]:
    """Give a workflow of three tasks: split writes two files, count reads one of them, the script both."""
    return {
        "name": "tiny",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    _task("split_1", children=["count_2", "SCRIPT_3"], inputs=["in"], outputs=["x", "y"]),
                    _task("count_2", parents=["split_1"], inputs=["x", "in"], outputs=["n"]),
                    _task("SCRIPT_3", parents=["split_1"], inputs=["x", "y"], outputs=[]),
                ],
                "files": [
                    {"id": "in", "sizeInBytes": 1000},
                    {"id": "x", "sizeInBytes": 10},
                    {"id": "y", "sizeInBytes": 200},
                    {"id": "n", "sizeInBytes": 3},
                ],
            },
            "execution": {
                "tasks": [
                    {
                        "id": "count_2",
                        "runtimeInSeconds": 2.5,
                        "memoryInBytes": 4096,
                        "command": {"program": "/bin/wc"},
                    },
                    {"id": "split_1", "runtimeInSeconds": 0, "command": {"program": "split", "arguments": ["-l"]}},
                    {"id": "SCRIPT_3", "runtimeInSeconds": 7, "command": {"program": "cat x \\\n y | sort"}},
                ]
            },
        },
    }


def _task(name: str, **lists: list[str]) -> dict[str, Any]:
    keys = {"parents": "parents", "children": "children", "inputs": "inputFiles", "outputs": "outputFiles"}
    return {"id": name, "name": name, **{keys[key]: value for key, value in lists.items()}}


def problem_of(document: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        graph_from_wfformat(document)
    return str(caught.value)


def test_a_workflow_is_read(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(json.dumps(workflow()))
    graph = read_graph(tmp_path / "trace")
    assert graph.names == ["split_1", "count_2", "SCRIPT_3"]
    assert graph.work_us.tolist() == [1_000, 2_500_000, 7_000_000]
    assert graph.memory_bytes.tolist() == [0, 4096, 0]
    assert graph.output_bytes.tolist() == [210, 3, 0]
    assert [graph.predecessors(task).tolist() for task in range(3)] == [[], [0], [0]]
    assert graph.edge_bytes.tolist() == [10, 210]
    assert [graph.kinds[code] for code in graph.kind] == ["split", "wc", "SCRIPT"]
    assert graph.calls == ()


def test_parents_and_children_say_the_same_edge_once() -> None:
    document = workflow()
    for task in document["workflow"]["specification"]["tasks"][1:]:
        del task["parents"]
    assert graph_from_wfformat(document).n_edges == 2


def test_everything_wrong_with_a_workflow_is_told() -> None:
    document = workflow()
    specification, execution = document["workflow"]["specification"], document["workflow"]["execution"]
    specification["tasks"][1]["parents"] = ["splt_1"]
    specification["tasks"][2]["inputFiles"] = ["z"]
    specification["files"][0]["sizeInBytes"] = -1
    execution["tasks"][0]["runtimeInSeconds"] = "long"
    del execution["tasks"][1:]
    problem = problem_of(document)
    for part in (
        "tasks[1].parents[0]: 'splt_1' is no task; did you mean 'split_1'?",
        "tasks[2].inputFiles[0]: 'z' is no file",
        "files[0].sizeInBytes: is -1",
        "execution.tasks[0].runtimeInSeconds: 'long' is no duration",
        "execution.tasks: has no task 'split_1'",
    ):
        assert part in problem


@pytest.mark.parametrize("keys", [("workflow",), ("workflow", "execution"), ("workflow", "specification", "tasks")])
def test_parts_that_are_missing_are_told(keys: tuple[str, ...]) -> None:
    document = inner = workflow()
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    assert f"{'.'.join(keys)}: is missing" in problem_of(document)


def test_every_run_that_is_missing_and_a_cycle_are_told_at_once() -> None:
    document = workflow()
    document["workflow"]["specification"]["tasks"][0]["parents"] = ["count_2"]
    document["workflow"]["execution"]["tasks"] = []
    problem = problem_of(document)
    assert "has no task 'split_1'" in problem
    assert "has no task 'SCRIPT_3'" in problem
    assert "there is a cycle: 'split_1' -> 'count_2' -> 'split_1'" in problem


def test_another_version_is_told() -> None:
    assert "schemaVersion: is '1.3'; expected '1.5'" in problem_of({**workflow(), "schemaVersion": "1.3"})


@pytest.mark.reference
def test_all_published_workflows_are_read(reference_data: Path) -> None:
    counts = {}
    for path in sorted(reference_data.glob("wfinstances/*/*.json")):
        graph = read_graph(path)
        assert (graph.work_us >= 1000).all()
        counts[path.stem] = (graph.n, graph.n_edges)
    with (reference_data / "wfinstances" / "reference.csv").open() as rows:
        for row in csv.DictReader(rows):
            assert counts[row["instance"]] == (int(row["tasks"]), int(row["edges"]))
    assert len(counts) > 20


STG = """
    3
    0   0   0
    1   4   1   0
    2   5   1   0
    3 2.5   2   1  2
    4   0   1   3
    # Tasks : 3
"""


def test_stg_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(STG)
    graph = read_graph(tmp_path / "x.json")
    assert graph.names == ["0", "1", "2", "3", "4"]
    assert graph.work_us.tolist() == [0, 4_000_000, 5_000_000, 2_500_000, 0]
    assert [graph.predecessors(task).tolist() for task in range(5)] == [[], [0], [0], [1, 2], [3]]


def test_stg_that_counts_its_dummies_or_starts_elsewhere_is_read() -> None:
    assert parse_stg(STG.replace("3", "5", 1)).n == 5
    assert parse_stg("2\n7 1 0\n5 2 1 7\n").names == ["7", "5"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("9\n0 1 0\n", "there are 1 tasks where the first line says 9"),
        ("1\n0 1 1 4\n", "line 2: waits for task 4, which there is not"),
        ("2\n0 1 0\n0 1 0\n", "line 3: task 0 stands in line 2 already"),
        ("1\n0 -1 0\n", "line 2: '-1' is no duration"),
        ("1\n0 nan 0\n", "line 2: 'nan' is no duration"),
        ("1\n0 1 x\n", "line 2: 'x' is no number of predecessors"),
        ("1\n0 1\n", "line 2: has 2 numbers"),
        ("2\n0 1 0\n1 1 2 0\n", "line 3: names 1 tasks to wait for where it says 2"),
        ("2\n0 1 1 1\n1 1 1 0\n", "there is a cycle"),
        ("1\n٣ 1 0\n", "is no task's number"),
    ],
)
def test_what_is_wrong_with_stg_is_told(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_stg(text)
    assert problem in str(caught.value)


def test_everything_wrong_with_a_line_and_a_cycle_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_stg("2\n0 -1 1 x\n1 1 1 1\n")
    assert [fault.path for fault in caught.value.faults] == ["tasks", "line 2", "line 2"]


@pytest.mark.reference
def test_published_stg_graphs_are_read(reference_data: Path) -> None:
    files = sorted(reference_data.glob("stg/*/*.stg"))
    assert len(files) > 200
    for path in files[::10]:
        graph = read_graph(path)
        assert graph.n == int(path.parent.name) + 2 if path.parent.name.isdigit() else graph.n
        assert graph.work_us[[0, -1]].tolist() == [0, 0]
    robot = read_graph(reference_data / "stg" / "proto" / "robot.stg")
    assert (robot.n, robot.n_edges, int(robot.work_us.sum())) == (90, 135, 2_483_000_000)
