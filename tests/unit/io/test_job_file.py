"""Our own job files: what they mean, and that writing and reading them loses nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import asking, places

from planner.errors import InputError
from planner.io import read_graph, write_graph
from planner.io.job_document import graph_document
from planner.io.job_file import graph_from_document
from planner.model import Call, Graph, GraphBuilder, Over, Pin, Ref, Refs

HEAD = 'format = "planner.graph/1"\n'


def tasks_of(*tasks: dict[str, Any]) -> Graph:
    return graph_from_document({"format": "planner.graph/1", "tasks": list(tasks)})


def faults_of(document: Any) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        graph_from_document(document)
    return {fault.path: fault.problem for fault in caught.value.faults}


def test_after_hands_values_on_in_its_order() -> None:
    graph = tasks_of({"id": "a"}, {"id": "b"}, {"id": "c", "run": "m:f", "after": ["b", "a"], "params": {"x": 1}})
    assert graph.calls[2] == Call("m:f", (Ref(1), Ref(0)), {"x": 1})
    assert graph.predecessors(2).tolist() == [0, 1]
    assert graph.calls[:2] == (None, None)


def test_with_args_after_only_orders() -> None:
    args = [7, {"task": "a"}, [{"task": "a"}, {"task": "b"}]]
    graph = tasks_of({"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d", "run": "m:f", "after": ["c"], "args": args})
    assert graph.calls[3] == Call("m:f", (7, Ref(0), Refs((0, 1))), {})
    assert graph.predecessors(3).tolist() == [0, 1, 2]


def test_a_value_that_params_hand_on_is_not_handed_on_twice() -> None:
    task = {"id": "c", "run": "m:f", "after": ["a", "b"], "params": {"x": {"task": "a"}}}
    graph = tasks_of({"id": "a"}, {"id": "b"}, task)
    assert graph.calls[2] == Call("m:f", (Ref(1),), {"x": Ref(0)})


@pytest.mark.parametrize(
    ("over", "meant"),
    [
        ([1, "two"], Over(items=(1, "two"))),
        ({"items": [1, 2], "weights": [0.5, 2]}, Over(items=(1, 2), weights=(0.5, 2.0))),
        ("data/*.csv", Over(files="data/*.csv")),
        ({"files": "data/*.csv"}, Over(files="data/*.csv")),
        ({"each": "m"}, Over(each=0)),
        ({"tree": "m", "fan_in": 8}, Over(tree=0, fan_in=8)),
        ({"tree": "m"}, Over(tree=0, fan_in=4)),
    ],
)
def test_over_has_five_shapes(over: Any, meant: Over) -> None:
    graph = tasks_of({"id": "m", "run": "m:f", "over": [1, 2, 3]}, {"id": "t", "run": "m:g", "over": over})
    assert graph.over[1] == meant
    assert graph.calls[1] == Call("m:g")
    assert graph.predecessors(1).tolist() == ([0] if meant.items is None and meant.files is None else [])


@pytest.mark.parametrize(
    ("over", "path", "problem"),
    [
        (3, "tasks[0].over", "is 3, a number; expected a list of items"),
        ({}, "tasks[0].over", "none of items, files, each, tree"),
        ({"each": "a", "tree": "a"}, "tasks[0].over", "has each and tree; expected exactly one"),
        ({"each": "a"}, "tasks[0].over.each", "is not data-parallel"),
        ({"tree": "b"}, "tasks[0].over.tree", "'b' is no task"),
        ({"items": [1, 2], "weights": [1]}, "tasks[0].over.weights", "1 weights for 2 items"),
        ({"items": [1], "weights": [-1]}, "tasks[0].over.weights[0]", "expected a number >= 0"),
        ({"files": "*", "weights": [1]}, "tasks[0].over.weights", "expected it beside 'items' only"),
        ({"tree": "p", "fan_in": 1}, "tasks[0].over.fan_in", "expected a whole number from 2"),
        ({"items": [1], "wieghts": [1]}, "tasks[0].over.wieghts", "did you mean 'weights'?"),
    ],
)
def test_over_that_is_none_of_them_is_told(over: Any, path: str, problem: str) -> None:
    tasks = [{"id": "t", "run": "m:f", "over": over}, {"id": "a"}, {"id": "p", "over": [1]}]
    assert problem in faults_of({"format": "planner.graph/1", "tasks": tasks})[path]


def test_everything_wrong_is_told_at_once() -> None:
    tasks: list[Any] = [
        {"id": "load", "work": -1, "wrok": 3},
        {"id": "load", "work": "soon", "memory": "1.5XB", "kind": 3},
        {"id": "train", "after": ["laod", 4], "run": "no colon", "output": True},
        {"after": "load", "work": float("nan"), "params": {"x": {"task": "nobody"}}, "run": "a:b"},
        "task",
        {"id": "x", "args": [1], "work": 10**400, "after": [{"task": "load", "byte": 3}], "memory": 10**30},
    ]
    assert faults_of({"format": "planner.graph/2", "tasks": tasks, "cluster": {}}).keys() == {
        *("format", "cluster", "tasks[0].work", "tasks[0].wrok", "tasks[1].id", "tasks[1].work", "tasks[1].memory"),
        *("tasks[1].kind", "tasks[2].after[0]", "tasks[2].after[1]", "tasks[2].run", "tasks[2].output", "tasks[3].id"),
        *("tasks[3].after", "tasks[3].work", "tasks[3].params.x", "tasks[4]", "tasks[5].args", "tasks[5].work"),
        *("tasks[5].after[0].byte", "tasks[5].memory"),
    }


def test_the_nearest_known_name_is_told() -> None:
    tasks = [{"id": "load", "wrok": 3}, {"id": "train", "after": ["laod"]}]
    faults = faults_of({"format": "planner.graph/1", "tasks": tasks})
    assert faults["tasks[0].wrok"] == "is an unknown key; did you mean 'work'?"
    assert faults["tasks[1].after[0]"] == "'laod' is no task; did you mean 'load'?"


def test_a_cycle_is_shown() -> None:
    tasks = [{"id": "a", "after": ["c"]}, {"id": "b", "after": ["a"]}, {"id": "c", "after": ["b"]}]
    problem = faults_of({"format": "planner.graph/1", "tasks": tasks})["tasks"]
    assert "there is a cycle" in problem
    assert {"a -> b", "b -> c", "c -> a"} & {problem[i : i + 6] for i in range(len(problem))}


def test_cycles_are_shown_beside_whatever_else_is_wrong() -> None:
    tasks = [
        {"id": "a", "after": ["b"], "work": -1},
        {"id": "b", "after": ["a", "nobody"]},
        {"id": "c", "after": ["c"]},
    ]
    with pytest.raises(InputError) as caught:
        graph_from_document({"format": "planner.graph/1", "tasks": tasks})
    assert [str(fault) for fault in caught.value.faults] == [
        "tasks: there is a cycle: a -> b -> a; expected a graph without cycles",
        "tasks: there is a cycle: c -> c; expected a graph without cycles",
        "tasks[0].work: is -1; expected seconds from 0 to 1e+09",
        "tasks[1].after[1]: 'nobody' is no task; expected the id of a task of this file",
    ]


def test_a_long_cycle_and_many_of_them_are_shown_in_short() -> None:
    n = 1000
    around = [{"id": f"t{i}", "after": [f"t{(i - 1) % n}"]} for i in range(n)]
    problem = faults_of({"format": "planner.graph/1", "tasks": around})["tasks"]
    assert "cycle: t0 -> t1 -> t2 -> t3 -> t4 -> t5 -> … 989 tasks more … -> t995 -> " in problem
    assert problem.endswith("t999 -> t0; expected a graph without cycles")
    with pytest.raises(InputError) as caught:
        tasks_of(*({"id": str(i), "after": [str(i)]} for i in range(100)))
    assert len(caught.value.faults) == 6
    assert "there are more cycles like these" in str(caught.value.faults[-1])


def test_names_that_a_terminal_would_obey_are_shown_as_they_are_written() -> None:
    tasks = [{"id": "\x1b[31m", "after": ["\x1b[31m"]}, {"id": "b", "after": ["\x1b[32m"]}]
    with pytest.raises(InputError) as caught:
        graph_from_document({"format": "planner.graph/1", "tasks": tasks})
    assert len(caught.value.faults) == 2
    assert "\x1b" not in str(caught.value)


def test_one_wrong_value_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "g").write_text('{"format": "planner.graph/1", "tasks": [{"id": "a", "work": NaN}]}')
    with pytest.raises(InputError) as caught:
        read_graph(tmp_path / "g")
    assert len(caught.value.faults) == 1


def test_many_faults_are_counted_and_not_all_shown() -> None:
    with pytest.raises(InputError) as caught:
        graph_from_document({"format": "planner.graph/1", "tasks": [{"id": str(i), "work": -1} for i in range(1000)]})
    assert len(caught.value.faults) == 51
    assert "950 more" in str(caught.value.faults[-1])


@pytest.mark.parametrize(
    "run", ["f", "m:", ":f", "m.:f", "m:f()", "m: f", "1m:f", "m:f\n", "os;rm:f", "../m:f", 3, None, ["m:f"]]
)
def test_a_run_that_names_no_function_is_told(run: Any) -> None:
    assert "tasks[0].run" in faults_of({"format": "planner.graph/1", "tasks": [{"id": "a", "run": run}]})


def test_reading_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "explosive.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "g.json").write_text('{"format": "planner.graph/1", "tasks": [{"id": "a", "run": "explosive:f"}]}')
    assert read_graph(tmp_path / "g.json").calls == (Call("explosive:f"),)


def test_toml_says_the_same_as_json(tmp_path: Path) -> None:
    (tmp_path / "named.anything").write_text(
        HEAD
        + """
        [[tasks]]
        id = "load"
        run = "pipeline:load"
        work = "1.5min"
        output = "2MB"
        params = { day = "monday" }

        [[tasks]]
        id = "train"
        run = "pipeline:train"
        after = ["load"]
        memory = "1GiB"
        """
    )
    read = read_graph(tmp_path / "named.anything")
    assert read.names == ["load", "train"]
    assert read.work_us.tolist() == [90_000_000, 1_000_000]
    assert read.memory_bytes.tolist() == [0, 1 << 30]
    assert read.edge_bytes.tolist() == [2_000_000]
    assert [read.kinds[code] for code in read.kind] == ["load", "train"]
    assert read.calls == (Call("pipeline:load", (), {"day": "monday"}), Call("pipeline:train", (Ref(0),)))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    text = '{"format": "planner.graph/1", "tasks": [{"id": "ü"}]}'
    (tmp_path / "g").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_graph(tmp_path / "g").names == ["ü"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x7fELF\x02\x01\x00\xff\xfe", "is no UTF-8 text"),
        (b"\x00\x01\x02", "is binary"),
        ('{"format": "planner.graph/1"}'.encode("utf-16"), "is no UTF-8 text"),
        (b"Dear Sir or Madam", "is no graph; expected a job file"),
        (b"<html></html>", "is no graph; expected a job file"),
        (b"[1, 2]", "is no graph"),
        (b'[{"id": "a=b"}]', "expected a job file (JSON or TOML), a Parquet pair"),
        (b'{"nodes": []}', "is no graph: its keys are ['nodes']"),
        (b"a = 1", "is no graph: its keys are ['a']"),
        (b"a = = 1", "is no TOML"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a', "is no JSON"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a"}', "it seems cut off"),
        (b'{"tasks": ' + b"[" * 100_000, "nested too deeply"),
        (b"tasks = " + b"[" * 100_000, "nested too deeply"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a", "id": "b"}]}', "stands twice"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a", "work": NaN}]}', "tasks[0].work: is nan"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a", "work": -Infinity}]}', "tasks[0].work: is -inf"),
        (
            b'{"format": "planner.graph/1", "tasks": [{"id": "a", "params": {"x": [1e999]}}]}',
            "tasks[0].params.x[0]: is inf",
        ),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "a", "work": ' + b"9" * 5000 + b"}]}", "is no JSON"),
        (b'{"format": "planner.graph/1", "tasks": [{"id": "\\ud800"}]}', "half of a character"),
        (
            HEAD.encode() + b"[[tasks]]\nid = 'a'\nparams.day = 2026-01-01",
            "tasks[0].params.day: is of type datetime.date",
        ),
        (HEAD.encode() + b"[[tasks]]\nid = 'a'\nwork = nan", "tasks[0].work: is nan"),
        (
            HEAD.encode() + b"[[tasks]]\nid = 'a'\nwork = 0x" + b"f" * 5000,
            "tasks[0].work: is a number of very many digits",
        ),
    ],
)
def test_what_is_no_graph_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    file = tmp_path / "graph.json"
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_graph(file)
    assert problem in str(caught.value)
    assert all(fault.path.startswith(str(file)) for fault in caught.value.faults)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path / "missing.json", "No such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "missing" / "x", "No such file"),
        (Path("/dev/null"), "is a device"),
        (Path("a\0b"), "NUL"),
        (tmp_path / ("a" * 5000), "File name too long"),
    ):
        with pytest.raises(InputError, match=problem):
            read_graph(path)


@pytest.mark.timeout(100)  # a second alone; what looks through all tasks for each would take an hour
def test_one_hundred_thousand_tasks_are_read_in_seconds(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    source = random.integers(0, 99_999, 200_000)
    graph = Graph.from_arrays(work=random.random(100_000), source=source, target=source + 1)
    write_graph(graph, tmp_path / "g.json")
    assert read_graph(tmp_path / "g.json").n_edges == graph.n_edges


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4).filter("task".__ne__), inner, max_size=3)
    ),
    max_leaves=5,
)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
COST = st.floats(0, 1e9)
SIZE = st.integers(0, 10**18)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw graphs with all that a job file can say."""
    ids = draw(st.lists(NAME, min_size=1, max_size=6, unique=True))
    n = len(ids)
    traced = draw(st.booleans())
    source, target, calls = [], [], []
    over: dict[int, Over] = {}
    for task in range(n):
        before = draw(st.lists(st.integers(0, task - 1), max_size=4)) if task else []
        value = PLAIN | (st.sampled_from(before).map(Ref) | st.just(Refs(tuple(before))) if before else PLAIN)
        args, kwargs = tuple(draw(st.lists(value, max_size=3))), draw(st.dictionaries(NAME, value, max_size=2))
        run = draw(st.sampled_from(["m:f", "package.module:Class.method", "übung:größe"]))
        calls.append(None if draw(st.integers(0, 4)) == 0 else Call(run, args, kwargs))
        shapes = [Over(items=tuple(draw(st.lists(PLAIN, max_size=3)))), Over(files="data/*")]
        shapes += [Over(items=(1, 2), weights=(draw(COST), 2.0))]
        shapes += [
            shape for other in before if other in over for shape in (Over(each=other), Over(tree=other, fan_in=3))
        ]
        if not traced and draw(st.booleans()):
            over[task] = draw(st.sampled_from(shapes))
        source += before
        target += [task] * len(before)
    order = draw(st.permutations(range(n)))  # a task may stand before what it waits for
    new = {task: position for position, task in enumerate(order)}

    def moved(value: Any) -> Any:
        if isinstance(value, Ref):
            return Ref(new[value.task])
        return Refs(tuple(new[task] for task in value.tasks)) if isinstance(value, Refs) else value

    def renamed(call: Call | None) -> Call | None:
        return call and Call(call.run, tuple(map(moved, call.args)), {key: moved(v) for key, v in call.kwargs.items()})

    def shape(of: Over) -> Over:
        return Over(
            of.items, of.files, *(None if t is None else new[t] for t in (of.each, of.tree)), of.weights, of.fan_in
        )

    kinds = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=n, max_size=n)
    pins, apart = draw(places(n, NAME))
    return Graph.from_arrays(
        [ids[task] for task in order],
        work=draw(st.lists(COST, min_size=n, max_size=n)),
        memory=np.array(draw(st.lists(SIZE, min_size=n, max_size=n))),
        output=np.array(draw(st.lists(SIZE, min_size=n, max_size=n))),
        kind=draw(kinds),
        source=[new[task] for task in source],
        target=[new[task] for task in target],
        edge_bytes=np.array(draw(st.lists(SIZE, min_size=len(source), max_size=len(source))), dtype=np.int64),
        calls=() if traced else [renamed(calls[task]) for task in order],
        over={new[task]: shape(of) for task, of in over.items()},
        pins=pins,
        apart=apart,
        **draw(asking(n, but=apart)),
    )


def same(one: Graph, other: Graph) -> None:
    assert one.names == other.names
    for column in (
        "work_us",
        "memory_bytes",
        "output_bytes",
        "pred_ptr",
        "pred",
        "edge_bytes",
        "succ",
        "succ_ptr",
        "order",
    ):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column), err_msg=column)
    assert [one.kinds[code] for code in one.kind] == [other.kinds[code] for code in other.kind]
    assert (one.calls if any(one.calls) else ()) == other.calls
    assert one.over == other.over
    assert (one.pins, one.apart) == (other.pins, other.apart)
    for mapping in ("replicas", "retries", "timeouts_us", "copy_of"):
        assert getattr(one, mapping) == getattr(other, mapping)


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_a_graph_written_and_read_is_the_same(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> None:
    file = tmp_path_factory.getbasetemp() / "round.json"
    write_graph(graph, file)
    same(graph, read_graph(file))
    first = file.read_bytes()
    write_graph(read_graph(file), file)
    assert file.read_bytes() == first


def test_what_json_cannot_say_is_refused() -> None:
    builder = GraphBuilder()
    builder.add(len, np.zeros(3), id="a")
    builder.add("m:f", {"task": "a"}, id="b", params={"x": float("nan"), "y": {1: 2}})
    with pytest.raises(InputError) as caught:
        graph_document(builder.build())
    paths = [fault.path for fault in caught.value.faults]
    assert paths == [
        "tasks['a'].run",
        "tasks['a'].args[0]",
        "tasks['b'].args[0]",
        "tasks['b'].params.x",
        "tasks['b'].params.y",
    ]


def test_names_of_files_that_are_no_utf8_survive(tmp_path: Path) -> None:
    graph = Graph.from_arrays(["a"], work=[1], calls=[Call("m:f", ("data/\udcff.csv",))])
    write_graph(graph, tmp_path / "g.json")
    same(graph, read_graph(tmp_path / "g.json"))


def test_json_is_what_any_reader_takes(tmp_path: Path) -> None:
    write_graph(tasks_of({"id": "a", "work": 2}, {"id": "b", "after": ["a"]}), tmp_path / "g.json")
    document = json.loads((tmp_path / "g.json").read_text())
    assert document == {
        "format": "planner.graph/1",
        "tasks": [{"id": "a", "work": 2.0}, {"id": "b", "after": ["a"], "work": 1.0}],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["g.json"]


def test_where_tasks_may_run_is_read_and_written(tmp_path: Path) -> None:
    text = """
        tasks = [
            {id = "a", pin = "0"},
            {id = "b", pin = {kind = "gpu", host = "h"}, apart = "copies"},
            {id = "c", pin = {executor = "1"}, apart = "copies"},
            {id = "d", apart = "ü"},
        ]"""
    (tmp_path / "g.toml").write_text(HEAD + text, encoding="utf-8")
    graph = read_graph(tmp_path / "g.toml")
    assert graph.pins == {0: Pin(executor="0"), 1: Pin(host="h", kind="gpu"), 2: Pin(executor="1")}
    assert graph.apart == {1: "copies", 2: "copies", 3: "ü"}
    assert graph_document(graph)["tasks"] == [
        {"id": "a", "work": 1.0, "pin": "0"},
        {"id": "b", "work": 1.0, "pin": {"host": "h", "kind": "gpu"}, "apart": "copies"},
        {"id": "c", "work": 1.0, "pin": "1", "apart": "copies"},
        {"id": "d", "work": 1.0, "apart": "ü"},
    ]


def test_all_that_is_wrong_with_places_is_told_at_once() -> None:
    wrong: list[dict[str, Any]] = [
        {"pin": 3},
        {"pin": {}},
        {"pin": {"kinds": "gpu", "host": "", "executor": 1}, "apart": ""},
        {"pin": "", "apart": ["x"]},
        {"pin": "\ud800"},
        {"pins": "x"},
        {"pin": None},
    ]
    tasks = [{"id": str(i), **place} for i, place in enumerate(wrong)]
    told = faults_of({"format": "planner.graph/1", "tasks": tasks})
    table = "expected an executor's id, or a table such as {kind = 'gpu'}"
    assert told == {
        "tasks[0].pin": f"is 3, a number; {table}",
        "tasks[1].pin": "says nothing; expected an executor, a host or a kind",
        "tasks[2].pin.kinds": "is an unknown key; did you mean 'kind'?",
        "tasks[2].pin.host": "is empty; expected a name",
        "tasks[2].pin.executor": "is 1, a number; expected a name",
        "tasks[2].apart": "is empty; expected the name of a group",
        "tasks[3].pin": f"is empty; {table}",
        "tasks[3].apart": "is ['x'], a list; expected the name of a group",
        "tasks[4].pin": f"is '\\ud800', half of a character; {table}",
        "tasks[5].pins": "is an unknown key; did you mean 'pin'?",
        "tasks[6].pin": f"is null; {table}",
    }
