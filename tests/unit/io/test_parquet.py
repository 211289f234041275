"""Pairs of Parquet files: columns in, columns out, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import asking, places

from planner.errors import InputError
from planner.io import read_graph, write_graph
from planner.model import Call, Graph, Pin


def trace() -> Graph:
    return Graph.from_arrays(
        ["load", "left", "right", "join"],
        work=[1.5, 2, 3, 0.000001],
        source=[0, 0, 1, 2],
        target=[1, 2, 3, 3],
        edge_bytes=[5, 6, 7, 8],
        memory=[1, 2, 3, 4],
        output=[10, 20, 30, 40],
        kind=["io", "model", "model", "io"],
    )


def same(one: Graph, other: Graph) -> None:
    assert one.names == other.names
    for column in ("work_us", "memory_bytes", "output_bytes", "pred_ptr", "pred", "edge_bytes", "kind"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column), err_msg=column)
    assert one.kinds == other.kinds
    assert (one.pins, one.apart) == (other.pins, other.apart)
    for mapping in ("replicas", "retries", "timeouts_us", "copy_of"):
        assert getattr(one, mapping) == getattr(other, mapping)


def put(folder: Path, tasks: dict[str, Any], edges: dict[str, Any] | None = None) -> Path:
    pq.write_table(pa.table(tasks), folder / "tasks.parquet")
    if edges is not None:
        pq.write_table(pa.table(edges), folder / "edges.parquet")
    return folder / "tasks.parquet"


def problem_of(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_graph(path, **options)
    return str(caught.value)


def test_a_pair_written_and_read_is_the_same(tmp_path: Path) -> None:
    write_graph(trace(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.parquet", "tasks.parquet"]
    same(trace(), read_graph(tmp_path))
    same(trace(), read_graph(tmp_path / "tasks.parquet"))
    write_graph(trace(), tmp_path / "other.parquet")
    same(trace(), read_graph(tmp_path / "other.parquet"))


NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
COST, SIZE = st.floats(0, 1e9), st.integers(0, 10**18)


@st.composite
def traces(draw: st.DrawFn) -> Graph:
    ids = draw(st.lists(NAME, max_size=6, unique=True))
    n = len(ids)
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = [(max(pair), min(pair)) for pair in draw(st.lists(pairs, max_size=8))] if n > 1 else []

    def column(of: st.SearchStrategy[Any], length: int) -> Any:
        return draw(st.lists(of, min_size=length, max_size=length))

    pins, apart = draw(places(n, NAME.filter(bool)))
    return Graph.from_arrays(
        ids,
        work=column(COST, n),
        memory=np.array(column(SIZE, n), np.int64),
        output=np.array(column(SIZE, n), np.int64),
        kind=column(NAME, n),
        source=[source for source, _ in edges],
        target=[target for _, target in edges],
        edge_bytes=np.array(column(SIZE, len(edges)), np.int64),
        pins=pins,
        apart=apart,
        **draw(asking(n, but=apart)),
    )


@settings(max_examples=20, deadline=None)
@given(traces())
def test_any_trace_written_and_read_is_the_same(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> None:
    folder = tmp_path_factory.getbasetemp() / "pair"
    folder.mkdir(exist_ok=True)
    write_graph(graph, folder)
    same(graph, read_graph(folder))
    first = [(folder / name).read_bytes() for name in ("tasks.parquet", "edges.parquet")]
    write_graph(read_graph(folder), folder)
    assert [(folder / name).read_bytes() for name in ("tasks.parquet", "edges.parquet")] == first


def test_work_may_be_given_in_microseconds(tmp_path: Path) -> None:
    given_us = [0, 1, 999_999_999_999_999, 123_456_789_012_345]
    graph = read_graph(put(tmp_path, {"id": list("abcd"), "work_us": given_us}))
    assert graph.work_us.tolist() == given_us
    both = put(tmp_path, {"id": ["a"], "work": [1], "work_us": [1]})
    assert "work: stands beside work_us; expected one of them" in problem_of(both)


def test_the_content_decides_and_edges_may_lie_elsewhere(tmp_path: Path) -> None:
    write_graph(trace(), tmp_path)
    (tmp_path / "tasks.parquet").rename(tmp_path / "work.json")
    (tmp_path / "edges.parquet").rename(tmp_path / "deps")
    same(trace(), read_graph(tmp_path / "work.json", edges=tmp_path / "deps"))
    assert read_graph(tmp_path / "work.json").n_edges == 0


@pytest.mark.parametrize("edge_type", [pa.int32(), pa.int64(), pa.string()])
@pytest.mark.parametrize("task_type", [pa.uint16(), pa.int64(), pa.string(), pa.large_string()])
def test_ids_are_numbers_or_text(tmp_path: Path, task_type: pa.DataType, edge_type: pa.DataType) -> None:
    ids, source, target = [30, 10, 20], [10, 10], [20, 30]
    tasks = {"id": pa.array(ids).cast(pa.string()).cast(task_type), "work": [1, 2, 3]}
    edges = {
        name: pa.array(v).cast(pa.string()).cast(edge_type) for name, v in (("source", source), ("target", target))
    }
    graph = read_graph(put(tmp_path, tasks, edges))
    assert graph.names == ["30", "10", "20"]
    assert [graph.predecessors(task).tolist() for task in range(3)] == [[1], [], [1]]


def test_columns_that_are_left_out_or_null_are_filled(tmp_path: Path) -> None:
    tasks = {
        "id": pa.array(["a", "b"]).dictionary_encode(),
        "work": pa.array([1.0, 2.0], pa.float32()),
        "output": [7, None],
        "kind": pa.array(["x", None]).dictionary_encode(),
    }
    graph = read_graph(put(tmp_path, tasks, {"source": ["a"], "target": ["b"], "bytes": pa.array([None], pa.int64())}))
    assert graph.output_bytes.tolist() == [7, 0]
    assert graph.memory_bytes.tolist() == [0, 0]
    assert graph.edge_bytes.tolist() == [7]
    assert graph.kinds == ("x", "task")


def test_columns_say_where_tasks_may_run(tmp_path: Path) -> None:
    tasks = {
        "id": list("abcd"),
        "work": [1, 1, 1, 1],
        "pin_executor": ["x", None, None, None],
        "pin_kind": pa.array([None, "gpu", None, "gpu"]).dictionary_encode(),
        "pin_host": pa.array([None, "h", None, None], pa.large_string()),
        "apart": [None, None, "g", "g"],
    }
    graph = read_graph(put(tmp_path, tasks))
    assert graph.pins == {0: Pin("x"), 1: Pin(host="h", kind="gpu"), 3: Pin(kind="gpu")}
    assert graph.apart == {2: "g", 3: "g"}
    write_graph(graph, tmp_path)
    written = pq.read_table(tmp_path / "tasks.parquet").to_pydict()
    assert {name: written[name] for name in tasks if "pin" in name or name == "apart"} == {
        "pin_executor": ["x", None, None, None],
        "pin_kind": [None, "gpu", None, "gpu"],
        "pin_host": [None, "h", None, None],
        "apart": [None, None, "g", "g"],
    }


def test_columns_that_say_nothing_of_places_are_not_written_nor_need_they_be_there(tmp_path: Path) -> None:
    tasks = {"id": ["a"], "work": [1.0], "pin_kind": pa.nulls(1, pa.string()), "apart": pa.nulls(1)}
    graph = read_graph(put(tmp_path, tasks))
    assert (graph.pins, graph.apart) == ({}, {})
    write_graph(graph, tmp_path)
    assert pq.read_schema(tmp_path / "tasks.parquet").names == ["id", "work", "memory", "output", "kind"]


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "tasks.parquet").mkdir()
    for part in range(3):
        pq.write_table(pa.table({"id": [part], "work": [part]}), tmp_path / "tasks.parquet" / f"part-{part}.parquet")
    (tmp_path / "tasks.parquet" / "_SUCCESS").touch()
    assert read_graph(tmp_path).names == ["0", "1", "2"]
    assert read_graph(tmp_path / "tasks.parquet").names == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("tasks", "problem"),
    [
        ({"id": ["a"]}, "work: is missing"),
        ({"id": ["a"], "work": [1], "memroy": [1]}, "memroy: is an unknown column; did you mean 'memory'?"),
        ({"id": ["a", "a"], "work": [1, 2]}, "tasks['a']: this id is given to more than one task"),
        ({"id": ["a", "b"], "work": [1, -2]}, "tasks['b'].work: is -2.0"),
        ({"id": ["a"], "work": [float("nan")]}, "tasks['a'].work: is nan"),
        ({"id": ["a"], "work": [float("inf")]}, "tasks['a'].work: is inf"),
        ({"id": ["a"], "work": ["long"]}, "work: is of type string; expected numbers"),
        ({"id": ["a", None], "work": [1, 2]}, "id[1]: is null"),
        ({"id": ["a", "b"], "work": [1, None]}, "work[1]: is null"),
        ({"id": [1.5], "work": [1]}, "id: is of type double; expected text or whole numbers"),
        ({"id": ["a"], "work": [1], "memory": [-1]}, "memory[0]: is -1; expected bytes"),
        ({"id": ["a"], "work": [1], "output": [float("nan")]}, "output[0]: is nan; expected bytes"),
        ({"id": ["a"], "work": [1], "kind": [3]}, "kind: is of type int64; expected text"),
        ({"id": ["a"], "work": [1], "pin_kind": [3]}, "pin_kind: is of type int64; expected text"),
        ({"id": ["a", "b"], "work": [1, 1], "pin_host": ["h", ""]}, "pin_host[1]: is empty; expected a name, or null"),
        ({"id": ["a"], "work": [1], "apart": [""]}, "apart[0]: is empty; expected a name, or null"),
        ({"id": ["a"], "work": [1], "pin": ["x"]}, "pin: is an unknown column"),
        ({"id": pa.array([b"\xff"]).cast(pa.string(), safe=False), "work": [1]}, "UTF8"),
    ],
)
def test_what_is_wrong_with_tasks_is_told(tmp_path: Path, tasks: dict[str, Any], problem: str) -> None:
    path = put(tmp_path, tasks)
    assert problem in problem_of(path)
    assert problem_of(path).startswith(str(path))


@pytest.mark.parametrize(
    ("edges", "problem"),
    [
        ({"source": ["load"]}, "target: is missing"),
        ({"source": ["load"], "target": ["jion"]}, "target[0]: 'jion' is no task; did you mean 'join'?"),
        ({"source": ["load", None], "target": ["join", "join"]}, "source[1]: is null"),
        ({"source": [1.5], "target": ["join"]}, "source: is of type double"),
        ({"source": ["load"], "target": ["join"], "bytes": [-3]}, "bytes[0]: is -3; expected bytes"),
        ({"source": ["load", "join"], "target": ["join", "load"]}, "there is a cycle: "),
        ({"source": ["load"], "target": ["load"]}, "cycle: load -> load"),
    ],
)
def test_what_is_wrong_with_edges_is_told(tmp_path: Path, edges: dict[str, Any], problem: str) -> None:
    assert problem in problem_of(put(tmp_path, {"id": ["load", "join"], "work": [1, 2]}, edges))


def test_what_is_wrong_with_both_files_is_told_at_once(tmp_path: Path) -> None:
    tasks = {"id": ["a", "a", "b"], "work": [1, -2, 1], "memory": [-1, 0, 0], "sort": [1, 2, 3]}
    path = put(tmp_path, tasks, {"source": ["a", "q"], "target": ["b", None], "bytes": [-1, 1]})
    beside = tmp_path / "edges.parquet"
    problem = problem_of(path)
    for part in (
        f"{path}: sort: is an unknown column",
        f"{path}: memory[0]: is -1",
        f"{path}: tasks['a']: this id is given to more than one task",
        f"{path}: tasks['a'].work: is -2.0",
        f"{beside}: source[1]: 'q' is no task",
        f"{beside}: target[1]: is null",
        f"{beside}: bytes[0]: is -1",
    ):
        assert part in problem


def test_a_cycle_is_told_beside_a_wrong_work(tmp_path: Path) -> None:
    path = put(tmp_path, {"id": ["a", "b"], "work": [1, -2]}, {"source": ["a", "b"], "target": ["b", "a"]})
    problem = problem_of(path)
    assert "there is a cycle: a -> b -> a" in problem
    assert "tasks['b'].work: is -2.0" in problem


def test_faults_of_many_rows_are_counted(tmp_path: Path) -> None:
    n = 1000
    path = put(tmp_path, {"id": range(n), "work": [-1] * n}, {"source": [n] * n, "target": [0] * n})
    problem = problem_of(path)
    assert "work: and 980 more like these" in problem
    assert "source: names no task in 980 more rows" in problem
    assert len(problem.splitlines()) < 60


def test_ids_that_only_unsigned_numbers_hold_are_read(tmp_path: Path) -> None:
    ids = pa.array([2**64 - 1, 1], pa.uint64())
    path = put(tmp_path, {"id": ids, "work": [1, 2]}, {"source": [1], "target": ids[:1]})
    graph = read_graph(path)
    assert graph.names == ["18446744073709551615", "1"]
    assert graph.predecessors(0).tolist() == [1]


@pytest.mark.parametrize("name", ["tasks.parquet", "edges.parquet"])
def test_names_of_columns_that_are_no_text_are_told(tmp_path: Path, name: str) -> None:
    write_graph(trace(), tmp_path)
    whole = (tmp_path / name).read_bytes()
    for word in (b"memory", b"source"):
        whole = whole.replace(word, b"\xff" + word[1:])
    start = whole.index(b"ARROW:schema")  # without it, the names of the columns are those of the schema before it
    (tmp_path / name).write_bytes(whole[:start] + b"X" + whole[start + 1 :])
    assert problem_of(tmp_path / "tasks.parquet").startswith(f"{tmp_path / name}: is no Parquet file that can be read")


def test_broken_files_are_told(tmp_path: Path) -> None:
    write_graph(trace(), tmp_path)
    tasks, edges = tmp_path / "tasks.parquet", tmp_path / "edges.parquet"
    whole = edges.read_bytes()
    edges.write_bytes(whole[: len(whole) // 2])
    assert problem_of(tasks).startswith(f"{edges}: is no Parquet file that can be read")
    edges.write_bytes(whole)
    tasks.write_bytes(b"PAR1" + b"\0" * 100)
    assert problem_of(tasks).startswith(f"{tasks}: is no Parquet file that can be read")
    write_graph(trace(), tmp_path)
    assert "No such file" in problem_of(tasks, edges=tmp_path / "missing")
    (tmp_path / "g.json").write_text('{"format": "planner.graph/1", "tasks": []}')
    assert "its edges are in it" in problem_of(tmp_path / "g.json", edges=edges)


def test_graphs_that_run_something_are_refused(tmp_path: Path) -> None:
    graph = Graph.from_arrays(["a"], work=[1], calls=[Call("m:f")])
    with pytest.raises(InputError, match="expected a trace"):
        write_graph(graph, tmp_path / "tasks.parquet")
    assert not list(tmp_path.iterdir())


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.stg; expected \.json, \.parquet, \.dot or \.gv"):
        write_graph(trace(), tmp_path / "graph.stg")
