"""Plan files and the folders of runs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner.errors import InputError
from planner.io import (
    create_run_folder,
    is_plan,
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
    LoadReport,
    Network,
    Pin,
    Plan,
    Ref,
    Schedule,
    Trial,
)


def example(run: Any = "m:f", argument: Any = 3, **changes: Any) -> Plan:
    graph = Graph.from_arrays(
        ["a", "b"],
        work=[1, 2],
        source=[0],
        target=[1],
        edge_bytes=[77],
        calls=[Call(run, (argument,)), Call("m:g", (Ref(0),))],
    )
    cluster = Cluster((Executor("x", "one", slots=2), Executor("y", "two", slots=2, speed=2.0)), Network(100, 1e9))
    schedule = Schedule(np.array([1, 2], np.int32), np.array([0, 1_000_101]), np.array([1_000_000, 2_000_101]))
    given: dict[str, Any] = {
        "bound": Bound(2_000_001, "the longest path"),
        "method": "heft",
        "seconds": 0.25,
        "value": 2.000101,
        "trials": (Trial("heft", 2_000_101, 0.1, "stopped"), Trial("cpop", 3_000_000, 0.2)),
        "notes": ("eins", "zwö"),
        "settings": {"seed": 3, "budget": None, "of": [1, 2]},
    }
    return Plan(graph, cluster, schedule, **{**given, **changes})


def load() -> LoadReport:
    task = {"task": "a", "status": "done", "executor": "x", "slot": 1, "start_us": 0, "finish_us": 5}
    slot = {"executor": "x", "slot": 0, "busy_us": 5, "tasks": 1}
    tables = pa.Table.from_pylist([task], schema=TASK_SCHEMA), pa.Table.from_pylist([slot], schema=SLOT_SCHEMA)
    return LoadReport(*tables, "done", 10, 20, 30, {"spark": "4.1", "emulate": None})


def test_a_plan_written_and_read_is_the_same(tmp_path: Path) -> None:
    plan = example()
    write_plan(plan, tmp_path / "plan.json")
    read = read_plan(tmp_path / "plan.json")
    for name in ("slot", "start_us", "finish_us"):
        np.testing.assert_array_equal(getattr(read.schedule, name), getattr(plan.schedule, name))
    for name in ("cluster", "bound", "method", "seconds", "objective", "value", "trials", "notes", "settings", "gap"):
        assert getattr(read, name) == getattr(plan, name), name
    assert read.graph.names == plan.graph.names
    assert read.graph.calls == plan.graph.calls
    assert read.graph.edge_bytes.tolist() == [77]
    first = (tmp_path / "plan.json").read_bytes()
    write_plan(read, tmp_path / "plan.json")
    assert (tmp_path / "plan.json").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_file_says_what_the_contract_says(tmp_path: Path) -> None:
    write_plan(example(), tmp_path / "plan.json")
    document = json.loads((tmp_path / "plan.json").read_text())
    assert document["format"] == "planner.plan/1"
    assert document["tasks"] == [
        {"id": "a", "executor": "x", "slot": 1, "start": 0.0, "finish": 1.0},
        {"id": "b", "executor": "y", "slot": 0, "start": 1.000101, "finish": 2.000101},
    ]
    assert (document["makespan"], document["lower_bound"], document["status"]) == (2.000101, 2.000001, "feasible")
    assert document["graph"]["format"] == "planner.graph/1"


def test_a_plan_holds_its_graph_and_cluster(tmp_path: Path) -> None:
    write_plan(example(), tmp_path / "p")
    assert is_plan(tmp_path / "p")
    assert read_graph(tmp_path / "p").calls == example().graph.calls
    assert read_cluster(tmp_path / "p") == example().cluster
    (tmp_path / "g").write_text('{"format": "planner.graph/1", "tasks": []}')
    assert not is_plan(tmp_path / "g")
    assert not is_plan(tmp_path / "missing")
    with pytest.raises(InputError, match=r"is no plan: its format is 'planner\.graph/1'"):
        read_plan(tmp_path / "g")


@pytest.mark.parametrize("run", ["m:f", len])
def test_a_plan_holds_where_its_tasks_may_run_and_the_speeds_for_their_kinds(tmp_path: Path, run: Any) -> None:
    """Also where its calls are left out."""
    cluster = Cluster((Executor("x", speeds={"k": 4.0, "a b": 0.5}), Executor("y", kind="gpu")))
    graph = Graph.from_arrays(
        ["a", "b"],
        work=[1, 1],
        kind=["k", "k"],
        calls=[Call(run), None],
        pins={0: Pin("x"), 1: Pin(kind="gpu")},
        apart={0: "g", 1: "g"},
    )
    schedule = Schedule(np.array([0, 1], np.int32), np.array([0, 0]), np.array([250_000, 1_000_000]))
    write_plan(Plan(graph, cluster, schedule, Bound(1, ""), "heft"), tmp_path / "p.json")
    read = read_plan(tmp_path / "p.json")
    assert (read.graph.pins, read.graph.apart, read.cluster) == (graph.pins, graph.apart, cluster)
    assert read_graph(tmp_path / "p.json").pins == graph.pins
    document = json.loads((tmp_path / "p.json").read_text())
    document["graph"]["tasks"][1] |= {"pin": {"kid": "gpu"}, "apart": ""}
    document["cluster"]["executors"][0]["speeds"]["k"] = 0
    (tmp_path / "p.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "p.json")
    assert [fault.path.rpartition("p.json: ")[2] for fault in caught.value.faults] == [
        "graph: tasks[1].pin.kid",
        "graph: tasks[1].apart",
        "cluster: executors[0].speeds['k']",
    ]


@pytest.mark.parametrize(
    ("run", "argument"), [(len, 3), ("m:f", np.zeros(2)), (lambda x: x, 3), ("m:f", {"task": "b"})]
)
def test_python_objects_are_named_and_make_a_plan_that_no_file_can_run(tmp_path: Path, run: Any, argument: Any) -> None:
    write_plan(example(run, argument), tmp_path / "plan.json")
    document = json.loads((tmp_path / "plan.json").read_text())["graph"]
    assert document["runnable"] is False
    named = f"{run.__module__}:{run.__qualname__}" if callable(run) else run
    assert document["tasks"][0]["run"] == named
    read = read_plan(tmp_path / "plan.json")
    assert read.graph.calls == ()
    assert read.makespan_us == 2_000_101


def test_numbers_that_json_does_not_know_become_null(tmp_path: Path) -> None:
    settings = {"a": float("inf"), "b": np.float64("nan"), "c": np.arange(2), "d": (1, np.int32(2)), "e": print, 5: 6}
    write_plan(example(bound=Bound(0, "none"), settings=settings), tmp_path / "plan.json")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    document = json.loads((tmp_path / "plan.json").read_text(), parse_constant=refuse)
    assert document["gap"] is None
    kind = "builtins.builtin_function_or_method"
    assert document["settings"] == {"a": None, "b": None, "c": [0, 1], "d": [1, 2], "e": kind, "5": 6}
    assert read_plan(tmp_path / "plan.json").gap == float("inf")


BREAK: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "missing part": (lambda d: d.pop("cluster"), "cluster: is missing"),
    "unknown key": (lambda d: d.update(mehtod="x"), "mehtod: is an unknown key; did you mean 'method'?"),
    "unknown task": (lambda d: d["tasks"][0].update(id="c"), "tasks[0].id: 'c' is no task"),
    "unknown executor": (
        lambda d: d["tasks"][0].update(executor="xx"),
        "tasks[0].executor: 'xx' is no executor; did you",
    ),
    "slot out of range": (
        lambda d: d["tasks"][0].update(slot=2),
        "tasks[0].slot: is 2, a number; expected a whole number",
    ),
    "task twice": (lambda d: d["tasks"][1].update(id="a"), "tasks[1].id: 'a' is placed twice"),
    "task left out": (lambda d: d["tasks"].pop(), "tasks: 'b' is placed nowhere"),
    "ends before it starts": (lambda d: d["tasks"][1].update(finish=1), "tasks[1].finish: is 1, before its start"),
    "negative start": (lambda d: d["tasks"][0].update(start=-1), "tasks[0].start: is -1"),
    "broken graph": (lambda d: d["graph"]["tasks"][0].update(work=-1), "graph: tasks[0].work: is -1"),
    "broken cluster": (lambda d: d["cluster"]["executors"][0].update(slots=0), "cluster: executors[0].slots: is 0"),
    "settings": (lambda d: d.update(settings=[]), "settings: is [], a list"),
    "trials": (lambda d: d.update(trials=[{}]), "trials[0].method: is missing"),
    "bound": (lambda d: d.update(lower_bound="x"), "lower_bound: 'x' is no duration"),
}


@pytest.mark.parametrize("name", BREAK)
def test_a_broken_plan_is_told(tmp_path: Path, name: str) -> None:
    write_plan(example(), tmp_path / "plan.json")
    document = json.loads((tmp_path / "plan.json").read_text())
    change, problem = BREAK[name]
    change(document)
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.json")
    assert problem in str(caught.value)
    assert all(fault.path.startswith(str(tmp_path)) for fault in caught.value.faults)


def test_every_task_that_is_left_out_is_told(tmp_path: Path) -> None:
    write_plan(example(), tmp_path / "plan.json")
    document = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**document, "tasks": []}))
    with pytest.raises(InputError) as caught:
        read_plan(tmp_path / "plan.json")
    assert len(caught.value.faults) == 2
    assert "'b' is placed nowhere" in str(caught.value)


def test_settings_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    settings: dict[str, Any] = {}
    settings["me"] = settings
    with pytest.raises(InputError, match="nested too deeply"):
        write_plan(example(settings=settings), tmp_path / "plan.json")


ENTRANCES: dict[str, Callable[[Any], object]] = {
    "read_graph": read_graph,
    "edges": lambda path: read_graph(path.parent / "tasks.parquet", edges=path),
    "read_cluster": read_cluster,
    "read_plan": read_plan,
    "read_run": read_run,
    "write_graph": lambda path: write_graph(example().graph, path),
    "write_parquet": lambda path: write_graph(Graph.from_arrays(work=[1]), path.with_suffix(".parquet")),
    "write_cluster": lambda path: write_cluster(example().cluster, path),
    "write_plan": lambda path: write_plan(example(), path),
    "create_run_folder": lambda path: create_run_folder(path, example()),
    "write_load": lambda path: write_load(load(), path),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize(("name", "problem"), [("a" * 5000, "File name too long"), ("a\0b", "has a NUL in it")])
def test_names_that_no_file_has_are_told(tmp_path: Path, entrance: str, name: str, problem: str) -> None:
    write_graph(Graph.from_arrays(work=[1]), tmp_path / "tasks.parquet")
    with pytest.raises(InputError, match=problem):
        ENTRANCES[entrance](tmp_path / name)


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.X_OK):
        pytest.skip("root may look everywhere")
    for read in (read_graph, read_cluster, read_plan, read_run):
        with pytest.raises(InputError, match="Permission denied"):
            read(tmp_path / "closed" / "x")


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plan(example(), tmp_path / "plan.json")
    before = (tmp_path / "plan.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_plan(example(method="cpop"), tmp_path / "plan.json")
    assert (tmp_path / "plan.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    with pytest.raises(InputError, match="No such file"):
        write_plan(example(), tmp_path / "missing" / "plan.json")


def test_a_link_is_followed_when_writing(tmp_path: Path) -> None:
    (tmp_path / "real.json").touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_plan(example(), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert read_plan(tmp_path / "real.json").method == "heft"


def test_a_run_folder_is_written_and_read(tmp_path: Path) -> None:
    before = os.umask(0)  # whatever others' files allow
    try:
        _written_and_read(tmp_path)
    finally:
        os.umask(before)


def _written_and_read(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "runs" / "1", example())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(InputError, match="holds a run that has not ended"):
        read_run(folder)
    write_load(load(), folder)
    plan, report = read_run(folder)
    assert plan.makespan_us == 2_000_101
    assert report.tasks.equals(load().tasks)
    assert report.slots.equals(load().slots)
    assert (report.status, report.settings) == ("done", load().settings)
    assert (report.predicted_makespan_us, report.measured_makespan_us, report.elapsed_us) == (10, 20, 30)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(["plan.json", "run.json", "slots.parquet", "tasks.parquet"], 0o600)
    write_plan(example(), folder.parent / "plan.json")
    assert stat.S_IMODE((folder.parent / "plan.json").stat().st_mode) == 0o666  # it is of no run


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    create_run_folder(tmp_path / "run", example())
    with pytest.raises(InputError, match="holds a run already"):
        create_run_folder(tmp_path / "run", example())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="holds something already"):
        create_run_folder(tmp_path, example())
    with pytest.raises(InputError, match="File exists"):
        create_run_folder(tmp_path / "file", example())


def test_a_broken_run_folder_is_told(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path / "run", example())
    write_load(load(), folder)

    def problem() -> str:
        with pytest.raises(InputError) as caught:
            read_run(folder)
        return str(caught.value)

    whole = (folder / "tasks.parquet").read_bytes()
    (folder / "tasks.parquet").write_bytes(whole[:-20])
    assert "tasks.parquet: is no table of a load report" in problem()
    pq.write_table(pa.table({"task": ["a"]}), folder / "tasks.parquet")
    assert "tasks.parquet: has no column kind" in problem()
    (folder / "tasks.parquet").write_bytes(whole)
    (folder / "run.json").write_text('{"format": "planner.run/1", "status": "fine"}')
    assert "run.json: settings: is missing" in problem()
    (folder / "slots.parquet").unlink()
    assert "there is no slots.parquet" in problem()
    (folder / "plan.json").unlink()
    assert "holds no plan.json" in problem()
    with pytest.raises(InputError, match="does not exist"):
        read_run(tmp_path / "missing")
    with pytest.raises(InputError, match="is no folder"):
        read_run(Path(__file__))
