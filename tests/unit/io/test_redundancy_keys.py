"""What tasks ask for against losses, in job files, in Parquet and in plan files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner import Cluster, Executor, Graph, InputError, Replicas
from planner.io import read_graph, read_plan, write_graph, write_plan
from planner.io.checks import Faults
from planner.io.documents import parse_toml
from planner.io.job_document import graph_document
from planner.io.job_file import graph_from_document
from planner.model import Bound, Plan, Schedule

COPIED = Graph.from_arrays(
    ["a", "b", "a~2"],
    work=[1, 2, 1],
    output=[5, 6, 5],
    replicas={0: Replicas(2, "active"), 1: Replicas(3)},
    retries={1: 4},
    timeouts_us={0: 1_500_000, 2: 1_500_000},
    copy_of={2: 0},
)


def asks(graph: Graph) -> tuple[Any, ...]:
    return graph.replicas, graph.retries, graph.timeouts_us, graph.copy_of


def told(path: Path, read: Any = read_graph) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(path)
    return [str(fault).rpartition(f"{path.name}: ")[2] for fault in caught.value.faults]


def test_toml_says_what_json_says() -> None:
    text = """
        format = "planner.graph/1"
        [[tasks]]
        id = "a"
        replicas = 2
        redundancy = "active"
        timeout = "1.5 s"
        [[tasks]]
        id = "b"
        replicas = 3
        retries = 4
    """
    graph = graph_from_document(parse_toml(text, Faults()))
    assert asks(graph) == (COPIED.replicas, COPIED.retries, {0: 1_500_000}, {})
    assert graph_document(graph)["tasks"] == [
        {"id": "a", "work": 1.0, "replicas": 2, "redundancy": "active", "timeout": 1.5},
        {"id": "b", "work": 1.0, "replicas": 3, "redundancy": "standby", "retries": 4},
    ]


@pytest.mark.parametrize("name", ["g.json", "g.parquet"])
def test_copies_come_back_from_a_file(tmp_path: Path, name: str) -> None:
    write_graph(COPIED, tmp_path / name)
    assert asks(read_graph(tmp_path / name)) == asks(COPIED)


def test_all_that_is_wrong_in_a_job_file_is_told_at_once(tmp_path: Path) -> None:
    tasks = [
        {"id": "a", "replicas": 1, "redundancy": "hot", "retries": 1.5, "timeout": 0},
        {"id": "b", "replicas": None, "retries": True, "timeout": {"s": 3}},
        {"id": "c", "redundancy": "active"},
        {"id": "d", "copy_of": "aa"},
        {"id": "e", "copy_of": 3},
        {"id": "f", "replica": 2},
    ]
    (tmp_path / "g.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    seconds = "expected seconds above 0, at most 1e+09, or text such as '1 min'"
    assert sorted(told(tmp_path / "g.json")) == [
        "tasks[0].redundancy: is 'hot'; expected 'standby' or 'active'",
        "tasks[0].replicas: is 1; expected a whole number from 2 to 1,000,000",
        "tasks[0].retries: is 1.5; expected a whole number from 0 to 1,000,000",
        f"tasks[0].timeout: is 0; {seconds}",
        "tasks[1].replicas: is null; expected a whole number from 2 to 1,000,000",
        "tasks[1].retries: is True; expected a whole number from 0 to 1,000,000",
        f"tasks[1].timeout: is {{'s': 3}}; {seconds}",
        "tasks[2].redundancy: stands without replicas; expected replicas = 2 or more beside it",
        "tasks[3].copy_of: 'aa' is no task; did you mean 'a'?",
        "tasks[4].copy_of: is 3, a number; expected the id of a task",
        "tasks[5].replica: is an unknown key; did you mean 'replicas'?",
    ]


def test_what_contradicts_itself_is_told(tmp_path: Path) -> None:
    tasks = [{"id": "a", "replicas": 2, "apart": "g"}, {"id": "b", "apart": "g"}]
    (tmp_path / "g.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    assert told(tmp_path / "g.json") == [
        "tasks['a'].apart: stands beside replicas, which are kept apart from one another alone; expected one of both"
    ]
    tasks = [{"id": "a", "replicas": 2}, {"id": "b", "copy_of": "a"}]
    (tmp_path / "g.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    assert told(tmp_path / "g.json") == [
        "tasks['b'].copy_of: is tasks['a'], which has no active replicas; expected a task that has"
    ]


def parquet(folder: Path, columns: dict[str, Any]) -> Path:
    rows = {"id": list("abc"), "work": [1, 1, 1], **columns}
    pq.write_table(pa.table(rows), folder / "tasks.parquet")
    return folder / "tasks.parquet"


def test_columns_of_parquet_as_pandas_and_others_write_them(tmp_path: Path) -> None:
    columns = {
        "replicas": [2.0, None, 3.0],  # of pandas, where a row has none
        "redundancy": pa.array(["active", None, None]).dictionary_encode(),
        "retries": pa.array([None, 0, 4], pa.int8()),
        "timeout": pa.array([1.5, None, None], pa.float32()),
    }
    graph = read_graph(parquet(tmp_path, columns))
    assert asks(graph) == ({0: Replicas(2, "active"), 2: Replicas(3)}, {2: 4}, {0: 1_500_000}, {})
    write_graph(graph, tmp_path)
    written = pq.read_table(tmp_path / "tasks.parquet").to_pydict()
    assert {name: written[name] for name in columns} == {
        "replicas": [2, None, 3],
        "redundancy": ["active", None, "standby"],
        "retries": [None, None, 4],
        "timeout": [1.5, None, None],
    }
    assert "copy_of" not in written


def test_ids_that_are_numbers_name_copies_too(tmp_path: Path) -> None:
    columns = {"id": [7, 8, 9], "replicas": [2, None, None], "redundancy": ["active", None, None]}
    graph = read_graph(parquet(tmp_path, {**columns, "copy_of": pa.array([None, None, 7])}))
    assert graph.copy_of == {2: 0}


def test_all_that_is_wrong_in_columns_is_told_at_once(tmp_path: Path) -> None:
    columns = {
        "replicas": ["two", None, None],
        "redundancy": [None, "active", None],
        "retries": [-1, 1, 1],
        "timeout": [1.0, float("nan"), -2.0],
        "copy_of": [None, "aa", None],
    }
    seconds = "expected seconds above 0, at most 1e+09, or text such as '1 min'"
    assert told(parquet(tmp_path, columns)) == [
        "replicas[0]: is 'two'; expected a whole number from 2 to 1,000,000",
        "retries[0]: is -1; expected a whole number from 0 to 1,000,000",
        "redundancy[1]: stands without replicas; expected replicas = 2 or more beside it",
        f"timeout[1]: is nan; {seconds}",
        "copy_of[1]: 'aa' is no task; did you mean 'a'?",
        f"timeout[2]: is -2.0; {seconds}",
    ]
    assert told(parquet(tmp_path, {"copy_of": [["a"], None, None]}))[0].startswith("copy_of[0]: ['a'] is no task")


def planned() -> Plan:
    cluster = Cluster((Executor("x", slots=2), Executor("y", slots=2), Executor("z")))
    schedule = Schedule(np.array([0, 1, 2], np.int32), np.zeros(3, np.int64), np.array([1, 2, 1]) * 10**6)
    return Plan(COPIED, cluster, schedule, Bound(1, ""), "heft", backups={1: (4, 3)})


def test_a_plan_file_holds_copies_and_backups(tmp_path: Path) -> None:
    write_plan(planned(), tmp_path / "p.json")
    read = read_plan(tmp_path / "p.json")
    assert asks(read.graph) == asks(COPIED) and read.backups == {1: (4, 3)}
    tasks = json.loads((tmp_path / "p.json").read_text())["tasks"]
    assert tasks[1]["backups"] == [{"executor": "z", "slot": 0}, {"executor": "y", "slot": 1}]
    assert "backups" not in tasks[0]


def test_what_is_wrong_with_backups_is_told(tmp_path: Path) -> None:
    write_plan(planned(), tmp_path / "p.json")
    document = json.loads((tmp_path / "p.json").read_text())
    document["tasks"][1]["backups"] = [{"executor": "w", "slot": 0}, {"executor": "y", "slot": 2}, {"slot": 0}, 3]
    document["tasks"][0]["backups"] = "x"
    (tmp_path / "p.json").write_text(json.dumps(document))
    assert told(tmp_path / "p.json", read_plan) == [
        "tasks[0].backups: is 'x', text; expected a list of slots that stand by",
        "tasks[1].backups[0].executor: 'w' is no executor; expected the id of a executor of this file",
        "tasks[1].backups[1].slot: is 2, a number; expected a whole number from 0 to 1",
        "tasks[1].backups[2].executor: is missing",
        "tasks[1].backups[3]: is 3, a number; expected a table with executor, slot",
    ]
