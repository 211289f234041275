"""What tasks may do wrong, and what may befall their slots, on slots that are plain processes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest

from planner.model import Bound, Call, Cluster, Graph, GraphBuilder, Plan, Ref, Refs, Schedule
from planner.runtime.drive import Outcome
from planner.runtime.measure import load_report
from planner.runtime.progress import Progress
from tests.unit.runtime.processes import ProcessSlots, driven

pytestmark = pytest.mark.timeout(60)
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the slots cannot import this module


def _plan(graph: Graph, slot_of: list[int]) -> Plan:
    """One task after the other, a second each, on the slots given."""
    start = np.empty(graph.n, dtype=np.int64)
    start[graph.order] = np.arange(graph.n) * 10**6
    schedule = Schedule(np.array(slot_of, dtype=np.int32), start, start + 10**6)
    return Plan(graph, Cluster.uniform(max(slot_of) + 1), schedule, Bound(0, ""), "by hand")


def _run(calls: list[Call], edges: list[tuple[int, int]], slot_of: list[int], **more: Any) -> Outcome:
    source, target = [a for a, _ in edges], [b for _, b in edges]
    names = [f"t{i}" for i in range(len(calls))]
    graph = Graph.from_arrays(names, work=[1] * len(calls), source=source, target=target, calls=calls)
    return driven(_plan(graph, slot_of), **more)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Closed:
    """A value whose size cannot be asked for."""

    @property
    def nbytes(self) -> int:
        raise OSError("the file is closed")

    @property
    def num_rows(self) -> int:
        raise OSError("the file is closed")


def fail(kind: str) -> Any:
    match kind:
        case "system exit":
            sys.exit("enough")
        case "interrupt":
            raise KeyboardInterrupt
        case "generator exit":
            raise GeneratorExit
        case "deep":
            return fail("deep")
        case "unspeakable":
            raise Unspeakable
        case "surrogate":
            raise ValueError("\ud800 is half a character")
        case "no pickle":
            return iter(lambda: 0, 1), os.scandir(".")
    raise ValueError(kind)


ERRORS = {
    "plain": "ValueError: plain",
    "system exit": "SystemExit: enough",
    "interrupt": "KeyboardInterrupt",
    "generator exit": "GeneratorExit",
    "deep": "RecursionError: maximum recursion depth exceeded",
    "unspeakable": "Unspeakable: (its text cannot be made)",
    "surrogate": "ValueError: \ud800 is half a character",
    "no pickle": "TypeError: its value of type tuple does not pickle, so it cannot leave its slot: ",
}


def test_failures_take_their_descendants_and_nothing_else(tmp_path: Path) -> None:
    n = len(ERRORS)
    calls = [Call(fail, (kind,)) for kind in ERRORS]
    calls += [Call("builtins:str", (Ref(task),)) for task in range(2 * n)]  # a child and a grandchild of each
    calls += [Call("builtins:str", (4,)), Call("operator:add", (Ref(3 * n), "!")), Call("builtins:str", (5,))]
    edges = [*((task, task + n) for task in range(2 * n)), (3 * n, 3 * n + 1)]
    slot_of = [task * 7 % 3 % 2 for task in range(3 * n + 3)]
    path = tmp_path / "journal.jsonl"
    outcome = _run(calls, edges, slot_of, journal_path=path)
    assert outcome.status == "failed", outcome.reason
    assert outcome.reason == f"{n} of {3 * n + 3} tasks failed, 3 finished, {2 * n} were not run"
    failures = {int(failure.task[1:]): failure for failure in outcome.failures}
    assert sorted(failures) == list(range(n))
    for task, (kind, error) in enumerate(ERRORS.items()):
        failure = failures[task]
        assert failure.error.startswith(error)
        assert "Traceback (most recent call last)" in failure.traceback
        assert kind == "no pickle" or ", in fail" in failure.traceback
        assert (failure.executor, failure.slot) == (str(slot_of[task]), 0)
    assert outcome.skipped == tuple(range(n, 3 * n))
    assert outcome.results == {3 * n + 1: "4!", 3 * n + 2: "5"}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sum(line["event"] == "failed" for line in lines) == n
    assert lines[-1] == {"at_us": lines[-1]["at_us"], "event": "ended", "status": "failed", "reason": outcome.reason}


def make(what: str) -> Any:
    rng = np.random.default_rng(1)
    return {
        "array": np.arange(10.0),
        "large array": rng.random(200_000),
        "dictionaries": pa.table({"d": pa.array(["a", "b"] * 200_000).dictionary_encode()}),
        "closed": Closed(),
    }[what]


def spoil(array: Any, by: float) -> float:
    array[0] = by
    return float(array[0])


def test_a_value_of_several_tasks_is_read_only_wherever_they_run() -> None:
    calls = [Call(make, (what,)) for what in ("array", "large array")]
    calls += [Call(spoil, (Ref(i % 2), float(i))) for i in range(6)]
    outcome = _run(calls, [(i % 2, 2 + i) for i in range(6)], [0, 1, 0, 0, 1, 1, 2, 2])
    assert sorted(failure.task for failure in outcome.failures) == [f"t{2 + i}" for i in range(6)]
    assert {failure.error for failure in outcome.failures} == {"ValueError: assignment destination is read-only"}


def test_a_value_of_one_task_belongs_to_it_wherever_it_runs() -> None:
    calls = [Call(make, (what,)) for what in ("array", "large array") * 2]
    calls += [Call(spoil, (Ref(i), float(i))) for i in range(4)]
    outcome = _run(calls, [(i, 4 + i) for i in range(4)], [0, 0, 0, 0, 0, 0, 1, 1])
    assert outcome.results == {4 + i: float(i) for i in range(4)}, outcome.failures


def test_awkward_values_reach_other_slots() -> None:
    calls = [Call(make, ("dictionaries",)), Call(make, ("closed",))]
    calls += [Call("builtins:isinstance", (Ref(0), pa.Table)), Call("builtins:isinstance", (Ref(1), object))]
    outcome = _run(calls, [(0, 2), (1, 3)], [0, 0, 1, 1])
    assert outcome.results == {2: True, 3: True}, outcome.reason


def both(*values: Any, **named: Any) -> Any:
    return values, named


def test_references_stand_anywhere_and_order_only_edges_bring_nothing() -> None:
    calls = [
        *(Call("builtins:int", (i,)) for i in range(3)),
        Call(both, (7, Ref(2), Refs((0, 1)), Refs(())), {"one": Ref(1), "many": Refs((2, 2, 0)), "plain": "p"}),
        Call(both, (Ref(1), Ref(1))),
        Call(both, (), {}),
    ]
    edges = [(0, 3), (1, 3), (2, 3), (1, 4), (0, 5), (2, 5)]
    outcome = _run(calls, edges, [0, 1, 0, 1, 0, 1])
    assert outcome.results == {
        3: ((7, 2, [0, 1], []), {"one": 1, "many": [2, 2, 0], "plain": "p"}),
        4: ((1, 1), {}),
        5: ((), {}),
    }
    records = outcome.records
    assert records[5].bytes_in == 0
    for before, after in edges:
        assert records[before].finish_us <= records[after].start_us


def test_the_load_report_adds_up_after_a_failure() -> None:
    calls = [Call("time:sleep", (0.05,)), Call(fail, ("plain",)), Call("time:sleep", (0.1,))]
    source = Graph.from_arrays(["a", "b", "c"], work=[1] * 3, source=[0], target=[2], calls=calls)
    plan = _plan(source, [0, 1, 1])
    outcome = driven(plan)
    load = load_report(plan, outcome, {})
    assert load.tasks.column("status").to_pylist() == ["done", "failed", "done"]
    assert load.tasks.column("error").to_pylist() == [None, "ValueError: plain", None]
    assert load.slots.column("failures").to_pylist() == [0, 1]
    for row in load.slots.to_pylist():
        assert row["busy_us"] + row["wait_us"] + row["idle_us"] == load.measured_makespan_us
    assert load.measured_makespan_us >= 150_000


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError("nobody reads this")


class _NoLaunch:
    def __init__(self, configs: Any) -> None:
        raise RuntimeError("there is no session")


@pytest.mark.parametrize(("launch", "error"), [(ProcessSlots, BrokenPipeError), (_NoLaunch, RuntimeError)])
def test_a_driver_that_fails_leaves_nothing_running(launch: Any, error: type[Exception], tmp_path: Path) -> None:
    builder = GraphBuilder()
    for i in range(2):
        builder.add("time:sleep", 40, id=f"long-{i}")
    plan, path = _plan(builder.build(), [0, 1]), tmp_path / "journal.jsonl"
    launched: list[ProcessSlots] = []

    def remembered(configs: Any) -> ProcessSlots:
        launched.append(launch(configs))
        return launched[0]

    progress, began = Progress(plan, stream=_Broken(), every=0), time.monotonic()
    with pytest.raises(error):
        driven(plan, remembered, journal_path=path, progress=progress)
    for slots in launched:
        slots.join(10)
        assert all(process.exitcode is not None for process in slots.processes)
    assert time.monotonic() - began < 15
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert not launched or lines[-1]["reason"] == "the driver failed: BrokenPipeError"


def test_an_abort_that_comes_as_the_slot_leaves_does_not_kill_its_process() -> None:
    script = """
from types import SimpleNamespace
from planner.runtime.slot import _Abort, _abortable
slot = SimpleNamespace()
with _abortable(slot):
    interrupt = slot.interrupt
    try:
        interrupt()
    except _Abort:
        print("aborted")
interrupt()
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("aborted\nalive\n", 0)
