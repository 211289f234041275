"""Adjacencies: our own form, and what Airflow and Dagster answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import InputError
from planner.io import read_graph
from planner.model import Graph, Ref


def read(document: Any, tmp_path: Path) -> Graph:
    file = tmp_path / "dag.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_graph(file)


def edges(graph: Graph) -> set[tuple[str, str]]:
    return {(graph.names[before], graph.names[task]) for task in range(graph.n) for before in graph.predecessors(task)}


def own(**keys: Any) -> dict[str, Any]:
    return {"format": "planner.adjacency/1", **keys}


PIPELINE = {("extract", "clean"), ("extract", "count"), ("clean", "load"), ("count", "load")}


def test_upstream_and_downstream_say_the_same(tmp_path: Path) -> None:
    upstream = {"extract": [], "clean": ["extract"], "count": ["extract"], "load": ["clean", "count"]}
    downstream = {"extract": ["clean", "count"], "clean": ["load"], "count": ["load"], "load": []}
    graphs = [
        read(own(**{key: lists}), tmp_path) for key, lists in (("upstream", upstream), ("downstream", downstream))
    ]
    assert [edges(graph) for graph in graphs] == [PIPELINE, PIPELINE]
    assert graphs[0].names == graphs[1].names == ["extract", "clean", "count", "load"]
    assert graphs[0].work_us.tolist() == [1_000_000] * 4


def test_single_tasks_say_what_a_job_file_says(tmp_path: Path) -> None:
    more = {"half": {"run": "operator:truediv", "work": "2 min", "output": "1GB", "retries": 1, "kind": "divide"}}
    graph = read(own(upstream={"eight": [], "two": [], "half": ["eight", "two"]}, tasks=more), tmp_path)
    assert graph.work_us[2] == 120_000_000 and graph.output_bytes[2] == 10**9 and graph.retries == {2: 1}
    call = graph.calls[2]
    assert call is not None and call.run == "operator:truediv" and call.args == (Ref(0), Ref(1)), "in their order"


def test_airflow_tasks_are_taken_as_its_server_gives_them(tmp_path: Path) -> None:
    answer = {
        "tasks": [
            {"task_id": "extract", "downstream_task_ids": ["clean", "count"], "operator_name": "PythonOperator"},
            {"task_id": "clean", "downstream_task_ids": ["load"], "operator_name": "BashOperator", "retries": 2.0},
            {"task_id": "count", "downstream_task_ids": ["load"], "operator_name": "PythonOperator", "pool": "small"},
            {"task_id": "load", "downstream_task_ids": [], "class_ref": {"class_name": "EmptyOperator"}},
        ],
        "total_entries": 4,
    }
    graph = read(answer, tmp_path)
    assert edges(graph) == PIPELINE
    assert [graph.kinds[kind] for kind in graph.kind] == ["PythonOperator", "BashOperator", "PythonOperator", "task"]


def test_dagster_assets_are_taken_as_its_server_gives_them(tmp_path: Path) -> None:
    def asset(*path: str, on: tuple[str, ...] = (), kind: str | None = None) -> dict[str, Any]:
        keys = [{"path": key.split("/")} for key in on]
        return {"assetKey": {"path": [*path]}, "dependencyKeys": keys, "computeKind": kind}

    nodes = [asset("raw", "orders", on=("elsewhere",)), asset("daily", on=("raw/orders",), kind="dbt")]
    for document in ({"data": {"assetNodes": nodes}}, {"assetNodes": nodes}):
        graph = read(document, tmp_path)
        assert edges(graph) == {("raw/orders", "daily")}, "what is elsewhere is there already"
        assert graph.kinds == ("task", "dbt")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (own(), "upstream, downstream: neither is given; expected one of them"),
        (own(upstream={}, downstream={}), "upstream, downstream: both are given; expected one of them"),
        (own(upstream=["a"]), "upstream: is ['a'], a list; expected a table from each task to a list of tasks"),
        (own(upstream={"a": "b"}), "upstream.a: is 'b', text; expected a list of names of tasks"),
        (own(upstream={"a": [3]}), "upstream.a[0]: is 3, a number; expected the name of a task"),
        (own(downstream={"clean": ["lod"], "load": []}), "downstream.clean[0]: 'lod' is no task; did you mean 'load'?"),
        (own(upstream={"a": ["b"], "b": ["a"]}), "tasks: there is a cycle: "),
        (own(upstream={"a": []}, tasks={"b": {}}), "tasks.b: 'b' is no task"),
        (own(upstream={"a": []}, tasks={"a": 3}), "tasks.a: is 3, a number; expected a table with run, args"),
        (own(upstream={"a": []}, tasks={"a": {"after": []}}), "tasks.a.after: is an unknown key"),
        (own(upstream={"a": [], "b": []}, tasks={"b": {"work": -1}}), "tasks.b.work: is -1; expected seconds"),
        (own(upstream={"a": []}, tasks=[]), "tasks: is [], a list; expected a table from names of tasks"),
        (own(upstream={}, order=1), "order: is an unknown key; expected one of format, upstream"),
        ({**own(upstream={}), "format": "planner.adjacency/2"}, "format: is 'planner.adjacency/2'; expected"),
        (
            {"tasks": [{"task_id": "a", "downstream_task_ids": ["z"]}]},
            "tasks[0].downstream_task_ids[0]: 'z' is no task",
        ),
        ({"tasks": [{"task_id": "a"}, {"id": "b"}]}, "tasks[1]: is {'id': 'b'}, a table; expected a task with task_id"),
        ({"tasks": [{"task_id": "a"}, {"task_id": "a"}]}, "tasks[1].task_id: 'a' stands in the list already"),
        ({"assetNodes": [{"assetKey": "a"}]}, "assetNodes[0].assetKey: is 'a', text; expected a key such as"),
        (
            {"assetNodes": [{"assetKey": {"path": ["a"]}}] * 2},
            "assetNodes[1].id: 'a' is the id of assetNodes[0] already",
        ),
        ({"data": {"assetNodes": [4]}}, "data.assetNodes[0]: is 4, a number; expected an asset"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(document: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(document, tmp_path)
    assert f"{tmp_path / 'dag.json'}: {said}" in str(caught.value)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    document = own(upstream={"a": ["c"], "b": ["a"]}, tasks={"a": {"work": "soon"}, "b": {"memory": -1, "wrok": 3}})
    with pytest.raises(InputError) as caught:
        read(document, tmp_path)
    paths = [fault.path.partition(": ")[2] for fault in caught.value.faults]
    assert sorted(paths) == ["tasks.a.work", "tasks.b.memory", "tasks.b.wrok", "upstream.a[0]"]


def test_a_fault_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read({"tasks": [{"task_id": 3}, {"task_id": "b", "downstream_task_ids": ["b"]}]}, tmp_path)
    told = [str(fault).partition(": ")[2] for fault in caught.value.faults]
    assert len(told) == 2 and "there is a cycle: b -> b" in told[0]
    assert told[1] == "tasks[0].task_id: is 3, a number; expected text"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the key 'a' stands twice"):
        read('{"format": "planner.adjacency/1", "upstream": {"a": [], "a": []}}', tmp_path)
