"""Whatever stands in a file: a graph, a cluster or a plan comes out, or an `InputError`; never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.io import (
    create_run_folder,
    read_cluster,
    read_graph,
    read_plan,
    read_run,
    write_cluster,
    write_graph,
    write_load,
    write_plan,
)
from planner.model import (
    SLOT_SCHEMA,
    TASK_SCHEMA,
    Bound,
    Call,
    Cluster,
    Executor,
    Graph,
    GraphBuilder,
    Link,
    LoadReport,
    Network,
    Pin,
    Plan,
    Ref,
    Schedule,
)

JOB = {
    "format": "planner.graph/1",
    "tasks": [
        {"id": "m", "run": "a.b:f", "over": {"items": [1, 2], "weights": [1, 2]}, "work": 2.5, "pin": {"kind": "k"}},
        {"id": "e", "run": "a.b:g", "over": {"each": "m"}, "args": [{"task": "m"}, 3], "memory": "1MB", "pin": "x"},
        {"id": "t", "run": "a.b:g", "over": {"tree": "e", "fan_in": 2}, "kind": "k", "apart": "g", "output": 10},
        {"id": "z", "run": "a:b", "after": ["t", {"task": "e", "bytes": 3}], "params": {"x": [{"task": "t"}]}},
    ],
}
WORKFLOW = {
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "a", "name": "a", "children": ["b"], "outputFiles": ["f"]},
                {"id": "b", "name": "b", "parents": ["a"], "inputFiles": ["f"]},
            ],
            "files": [{"id": "f", "sizeInBytes": 9}],
        },
        "execution": {
            "tasks": [
                {"id": "a", "runtimeInSeconds": 1, "memoryInBytes": 3, "command": {"program": "p"}},
                {"id": "b", "runtimeInSeconds": 2},
            ]
        },
    },
}
STG = b"2\n0 0 0\n1 5 1 0\n2 6 1 0\n3 0 2 1 2\n# end\n"
CLUSTER = Cluster(
    (Executor("x", "h", slots=2, memory_bytes=9, speeds={"k": 2.0}), Executor("y", "g")),
    Network(5, 1e9, (Link(("h", "g"), 1, 2e9),)),
)


def _plan() -> Plan:
    graph = Graph.from_arrays(
        ["a", "b"],
        work=[1, 2],
        source=[0],
        target=[1],
        calls=[Call("m:f"), Call("m:g", (Ref(0),))],
        pins={0: Pin(host="h", kind="cpu"), 1: Pin("y")},
        apart={0: "g", 1: "g"},
    )
    schedule = Schedule(np.array([0, 2], np.int32), np.array([0, 1_000_009]), np.array([1_000_000, 3_000_009]))
    return Plan(graph, CLUSTER, schedule, Bound(1, "why"), "heft", settings={"seed": 1})


Reader = Callable[[Path], object]


ROWS = (("task", "a", TASK_SCHEMA), ("executor", "x", SLOT_SCHEMA))


def _in_run(run: Path, name: str) -> Reader:
    """Give what reads the folder of a run with another file in the place of one of its own."""

    def read(file: Path) -> Plan:
        whole = (run / name).read_bytes()
        (run / name).write_bytes(file.read_bytes())
        try:
            return read_run(run)[0]
        finally:
            (run / name).write_bytes(whole)

    return read


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Reader, bytes]]:
    """Give a whole file of each format, and what reads it."""
    folder = tmp_path_factory.mktemp("whole")
    write_cluster(CLUSTER, folder / "c.toml")
    write_cluster(CLUSTER, folder / "c.json")
    write_plan(_plan(), folder / "p.json")
    trace = Graph.from_arrays(["a", "b"], work=[1, 2], source=[0], target=[1], pins={0: Pin(host="h")}, apart={1: "g"})
    write_graph(trace, folder / "tasks.parquet")
    run = create_run_folder(folder / "run", _plan())
    tables = (pa.Table.from_pylist([{name: value}], schema=schema) for name, value, schema in ROWS)
    write_load(LoadReport(*tables, "done", 1, 2, 3, {"a": 1}), run)
    builder = GraphBuilder()
    builder.add("m:f", 1, id="only")
    write_graph(builder.build(), folder / "g.json")
    toml = b'format = "planner.graph/1"\n[[tasks]]\nid = "a"\nwork = "1s"\n'
    toml += b'[[tasks]]\nid = "b"\nafter = ["a"]\nparams = {x = 1}'
    return {
        "job": (read_graph, json.dumps(JOB).encode()),
        "small job": (read_graph, (folder / "g.json").read_bytes()),
        "toml": (read_graph, toml),
        "workflow": (read_graph, json.dumps(WORKFLOW).encode()),
        "stg": (read_graph, STG),
        "parquet": (read_graph, (folder / "tasks.parquet").read_bytes()),
        "edges": (
            lambda file: read_graph(folder / "tasks.parquet", edges=file),
            (folder / "edges.parquet").read_bytes(),
        ),
        "run.json": (_in_run(run, "run.json"), (run / "run.json").read_bytes()),
        "load report": (_in_run(run, "tasks.parquet"), (run / "tasks.parquet").read_bytes()),
        "cluster": (read_cluster, (folder / "c.toml").read_bytes()),
        "cluster.json": (read_cluster, (folder / "c.json").read_bytes()),
        "plan": (read_plan, (folder / "p.json").read_bytes()),
    }


def check(read: Reader, path: Path, data: bytes) -> None:
    """Read what is in a file, and look whether what comes out hangs together."""
    path.write_bytes(data)
    try:
        found = read(path)
    except InputError as error:
        assert error.faults
        assert str(error)
        assert len(str(error)) < 100_000
        return
    graph = found.graph if isinstance(found, Plan) else found
    if isinstance(graph, Graph):
        assert len(graph.order) == graph.n == len(set(graph.names))
        assert (graph.work_us >= 0).all()
        assert (graph.edge_bytes >= 0).all()
        assert all(isinstance(name, str) for pin in graph.pins.values() for name in vars(pin).values() if name)
        assert all(graph.apart.values())
    else:
        assert isinstance(found, Cluster)


FORMATS = [
    "job",
    "small job",
    "toml",
    "workflow",
    "stg",
    "parquet",
    "edges",
    "cluster",
    "plan",
    "run.json",
    "load report",
]
WORDS = [b"[", b"{", b'"', b",", b"-", b"NaN", b"1e999", b"null", b"=", b"\n", b"#", b"\\ud800"]
SPLICES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.binary(max_size=6) | st.sampled_from(WORDS),
    ),
    max_size=3,
)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@given(splices=SPLICES, end=st.floats(0, 1) | st.just(1.0))
def test_damaged_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, tuple[Reader, bytes]],
    name: str,
    splices: list[tuple[float, int, bytes]],
    end: float,
) -> None:
    read, data = files[name]
    for where, gone, put in splices:
        at = int(where * len(data))
        data = data[:at] + put + data[at + gone :]
    check(read, tmp_path_factory.getbasetemp() / "damaged", data[: int(end * len(data))])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of everything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in inner for place in places(entry, (*path, key)))]


WRONG = st.sampled_from(
    [
        *(None, True, False, -1, 0, 1.5, 10**400, -(10**400), 2**63, 1e308, "", "a", "m", "ü", "\ud800", "1GB", "inf"),
        *(
            [],
            {},
            [[]],
            [None],
            {"task": "m"},
            [{"task": "m"}, 1],
            {"task": 3},
            {"each": "z"},
            {"kind": "k"},
            {"tree": "t"},
            {"": 0},
        ),
        *([{"id": "a"}], ["a", "a"], [float("nan")]),
    ]
)


@pytest.mark.parametrize("name", ["job", "workflow", "plan", "run.json", "cluster.json"])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_other_values_in_their_places(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[Reader, bytes]], name: str, data: st.DataObject
) -> None:
    read, whole = files[name]
    document = copy.deepcopy(json.loads(whole))
    for _ in range(data.draw(st.integers(1, 3))):
        if not document:
            break
        *path, last = data.draw(st.sampled_from(places(document)[1:]))
        inner = document
        for key in path:
            inner = inner[key]
        wrong = copy.deepcopy(data.draw(WRONG))
        action = data.draw(st.sampled_from(["change", "remove", "add"]))
        if action == "remove":
            inner.pop(last)
        elif isinstance(inner, list):
            inner.insert(last, wrong) if action == "add" else inner.__setitem__(last, wrong)
        else:
            inner[last + "x" if action == "add" else last] = wrong
    check(read, tmp_path_factory.getbasetemp() / "changed", json.dumps(document).encode())


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=50) | st.text(max_size=50).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything_at_all(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    check(read_graph, path, data)
    check(read_cluster, path, data)
    check(read_plan, path, data)
