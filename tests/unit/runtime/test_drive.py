"""Whole runs on slots that are plain processes: values, failures, losses, without Spark."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.errors import InputError
from planner.model import Bound, Cluster, Graph, GraphBuilder, Plan, Refs, Schedule
from planner.runtime.drive import Outcome
from planner.runtime.measure import load_report
from planner.runtime.progress import Progress
from tests.evaluator import evaluate
from tests.unit.runtime.processes import ProcessSlots, driven, slot_queues


def _plan(graph: Graph, slots: int) -> Plan:
    """Deal the tasks out in turn, a second each, in topological order."""
    order = graph.order
    start = np.empty(graph.n, dtype=np.int64)
    slot = np.empty(graph.n, dtype=np.int32)
    start[order] = np.arange(graph.n) * 10**6
    slot[order] = np.arange(graph.n) % slots
    return Plan(graph, Cluster.uniform(slots), Schedule(slot, start, start + 10**6), Bound(0, ""), "by hand")


def _drive(plan: Plan, **more: Any) -> Outcome:
    return driven(plan, **more)


def _mixed() -> Graph:
    builder = GraphBuilder()
    one = builder.add("builtins:int", "1", id="one")
    many = [builder.add("operator:add", one, i, id=f"plus-{i}") for i in range(6)]
    array = builder.add("numpy:arange", 100_000, id="array")
    doubled = [builder.add("numpy:multiply", array, 2, id=f"doubled-{i}") for i in range(3)]
    builder.add("numpy:sum", doubled[0], id="sum", after=many)
    builder.add("builtins:dict", id="named", params={"x": many[0], "y": doubled[1], "z": 5})
    builder.add("builtins:str", many[5], id="text")
    return builder.build()


def test_a_mixed_graph_gives_what_plain_python_gives(tmp_path: Path) -> None:
    graph = _mixed()
    stream = io.StringIO()
    plan = _plan(graph, 3)
    outcome = _drive(plan, journal_path=tmp_path / "journal.jsonl", progress=Progress(plan, stream=stream, every=0))
    expected = evaluate(graph)
    assert outcome.status == "done"
    for task, value in outcome.results.items():
        np.testing.assert_equal(value, expected[graph.names[task]])
    assert {graph.names[task] for task in outcome.results} >= {"sum", "named", "text"}
    load = load_report(plan, outcome, {})
    for row in load.slots.to_pylist():
        assert abs(row["busy_us"] + row["wait_us"] + row["idle_us"] - load.measured_makespan_us) <= 2
    assert load.tasks.column("status").to_pylist() == ["done"] * graph.n
    events = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "finished" for event in events) == graph.n
    assert "tasks," in stream.getvalue()


def test_a_list_of_values_arrives_as_a_list() -> None:
    from planner.model import Call, Ref

    calls = [Call("builtins:int", (str(i),)) for i in range(4)]
    calls += [Call("builtins:sum", (Refs((0, 1, 2, 3)),)), Call("builtins:dict", (), {"v": Ref(4)})]
    graph = Graph.from_arrays(work=[1] * 6, source=[0, 1, 2, 3, 4], target=[4, 4, 4, 4, 5], calls=calls)
    assert _drive(_plan(graph, 2)).results == {5: {"v": 6}}


@pytest.mark.parametrize("error", ["builtins:exit", "signal:default_int_handler"])
def test_a_task_that_leaves_python_is_a_failure_and_no_hang(error: str) -> None:
    builder = GraphBuilder()
    args = (2, None) if "signal" in error else (3,)
    bad = builder.add(error, *args, id="bad")
    builder.add("builtins:str", bad, id="dependent")
    builder.add("builtins:str", 5, id="independent")
    graph = builder.build()
    outcome = _drive(_plan(graph, 2))
    assert outcome.status == "failed"
    assert [failure.task for failure in outcome.failures] == ["bad"]
    assert outcome.skipped == (graph.index["dependent"],)
    assert outcome.results == {graph.index["independent"]: "5"}


class _Elsewhere(ProcessSlots):
    def __init__(self, configs: Any) -> None:
        super().__init__([replace(config, machine="another machine") for config in configs])


def test_slots_of_another_machine_measure_on_the_coordinators_clock() -> None:
    builder = GraphBuilder()
    for i in range(4):
        builder.add("time:sleep", 0.05, id=f"t{i}")
    before = time.monotonic_ns() // 1000
    outcome = driven(_plan(builder.build(), 2), _Elsewhere)
    after = time.monotonic_ns() // 1000
    assert all(before < record.start_us < record.finish_us < after for record in outcome.records.values())


def test_an_empty_graph_ends_at_once() -> None:
    assert _drive(_plan(Graph.from_arrays(work=[]), 1)).status == "done"


def test_a_trace_runs_only_when_emulated() -> None:
    trace = Graph.from_arrays(work=[1, 1], source=[0], target=[1], output=[10**6, 0])
    plan = _plan(trace, 2)
    with pytest.raises(InputError, match="trace"):
        _drive(plan)
    outcome = _drive(plan, emulate=0.02)
    assert outcome.status == "done"
    assert outcome.records[1].bytes_in >= 20_000


def test_queues_say_who_takes_what() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        n = int(rng.integers(1, 12))
        pairs = [(a, b) for b in range(n) for a in range(b) if rng.random() < 0.4]
        source, target = (list(side) for side in zip(*pairs, strict=True)) if pairs else ([], [])
        graph = Graph.from_arrays(work=[1] * n, source=source, target=target)
        plan = _plan(graph, 3)
        slot = plan.schedule.slot.tolist()
        queues = slot_queues(plan, emulate=1.0)
        assert sorted(entry.task for queue in queues for entry in queue.entries) == list(range(n))
        for queue in queues:
            for entry in queue.entries:
                takers = [b for a, b in pairs if a == entry.task]
                assert entry.readers == tuple(sorted({slot[b] for b in takers} - {queue.slot}))
                assert (entry.task in queue.shared) == (len(takers) > 1)
            taken = [a for a, b in pairs if slot[b] == queue.slot and slot[a] != queue.slot]
            mine = [a for a, b in pairs if slot[b] == queue.slot]
            assert queue.uses == {a: mine.count(a) for a in mine}
            assert queue.peers == tuple(sorted({slot[a] for a in taken}))
