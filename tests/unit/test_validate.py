"""The validator: every rule, broken once."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InvalidPlanError
from planner.model import Cluster, Executor, Graph, Network, Schedule
from planner.validate import validate

S = 10**6
GRAPH = Graph.from_arrays(
    ["a", "b", "c"], work=[2, 1, 1], source=[0, 0], target=[1, 2], output=[10, 0, 0], memory=[3, 3, 3]
)
CLUSTER = Cluster((Executor("x", slots=2, memory_bytes=6), Executor("y", memory_bytes=6)), Network(1000, 10.0))


def schedule(slot: list[int], start: list[float], length: list[float]) -> Schedule:
    begins = np.rint(np.array(start) * S).astype(np.int64)
    return Schedule(np.array(slot, dtype=np.int32), begins, begins + np.rint(np.array(length) * S).astype(np.int64))


def faults(graph: Graph, cluster: Cluster, found: Schedule) -> list[str]:
    with pytest.raises(InvalidPlanError) as raised:
        validate(graph, cluster, found)
    return [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize("start", [[0, 2, 2], [1, 3, 3.5]])
def test_a_schedule_that_keeps_every_rule_passes(start: list[float]) -> None:
    validate(GRAPH, CLUSTER, schedule([0, 0, 1], start, [2, 1, 1]))
    validate(GRAPH, CLUSTER, schedule([0, 0, 2], [0, 2, 3.001], [2, 1, 1]))


@pytest.mark.parametrize(
    ("slot", "start", "length", "said"),
    [
        ([0, 0, 3], [0, 2, 4], [2, 1, 1], "tasks['c']: is on slot 3; expected 0 to 2"),
        ([0, -1, 1], [0, 2, 4], [2, 1, 1], "tasks['b']: is on slot -1; expected 0 to 2"),
        ([0, 0, 1], [0, 2, -1], [2, 1, 1], "tasks['c']: starts at -1000000 us; expected 0 or later"),
        ([0, 0, 1], [0, 2, 2], [2, 2, 1], "tasks['b']: takes 2000000 us; expected 1000000 us on that executor"),
        (
            [0, 0, 1],
            [0, 1.999999, 2],
            [2, 1, 1],
            "tasks['b']: starts at 1999999 us; its input from tasks['a'] is there at 2000000 + 0 us",
        ),
        (
            [0, 0, 2],
            [0, 2, 3.000999],
            [2, 1, 1],
            "tasks['c']: starts at 3000999 us; its input from tasks['a'] is there at 2000000 + 1001000 us",
        ),
        (
            [0, 0, 0],
            [0, 2, 2.5],
            [2, 1, 1],
            "tasks['c']: starts at 2500000 us on slot 0, where tasks['b'] runs until 3000000 us",
        ),
    ],
)
def test_what_is_broken_is_said(slot: list[int], start: list[float], length: list[float], said: str) -> None:
    assert said in faults(GRAPH, CLUSTER, schedule(slot, start, length))


def test_all_that_is_broken_is_said_at_once() -> None:
    said = faults(GRAPH, CLUSTER, schedule([0, 0, 0], [0, 1, 1], [2, 2, 1]))
    assert [fault.partition(": ")[2].partition(" ")[0] for fault in said] == [
        "takes",
        *["starts"] * 4,
        "holds",
    ]


def test_the_speed_of_the_executor_and_the_overhead_count() -> None:
    cluster = Cluster((Executor("x", speed=3.0),), overhead_us=7)
    graph = Graph.from_arrays(work=[1])
    validate(graph, cluster, schedule([0], [0], [0.333340]))
    assert faults(graph, cluster, schedule([0], [0], [0.333333])) == [
        "tasks['0']: takes 333333 us; expected 333340 us on that executor"
    ]


def test_a_task_that_lies_under_several_is_found_under_each() -> None:
    said = faults(Graph.from_arrays(work=[9, 1, 1]), Cluster.uniform(1), schedule([0] * 3, [0, 2, 5], [9, 1, 1]))
    assert said == [
        f"tasks['{i}']: starts at {at} us on slot 0, where tasks['0'] runs until 9000000 us"
        for i, at in ((1, 2_000_000), (2, 5_000_000))
    ]


def test_a_task_of_no_length_fits_between_two_others_and_into_none() -> None:
    graph, cluster = Graph.from_arrays(work=[2, 0, 2]), Cluster.uniform(1)
    for when in (0, 2, 4, 9):
        validate(graph, cluster, schedule([0] * 3, [0, when, 2], [2, 0, 2]))
    assert "where tasks['0'] runs until" in faults(graph, cluster, schedule([0] * 3, [0, 1, 2], [2, 0, 2]))[0]


def test_memory_of_tasks_that_run_together_is_added_up() -> None:
    graph = Graph.from_arrays(work=[2, 2, 2], memory=[4, 4, 3])
    said = faults(graph, CLUSTER, schedule([0, 1, 0], [0, 1, 2], [2, 2, 2]))
    assert said == ["executors['x']: holds 8 bytes at 1000000 us; it has 6"]
    # What ends makes room for what starts then; another executor has memory of its own.
    validate(graph, CLUSTER, schedule([0, 1, 0], [0, 2, 4], [2, 2, 2]))
    validate(graph, CLUSTER, schedule([0, 2, 0], [0, 0, 2], [2, 2, 2]))


def test_a_task_larger_than_its_executor_is_named() -> None:
    said = faults(Graph.from_arrays(work=[1], memory=[7]), CLUSTER, schedule([2], [0], [1]))
    assert "tasks['0']: needs more memory than executor y has" in said


def test_columns_of_another_length_are_told() -> None:
    assert faults(GRAPH, CLUSTER, schedule([0, 0], [0, 2, 2], [2, 1, 1])) == [
        "slot: has 2 entries for 3 tasks; expected one each"
    ]


def test_of_very_many_faults_of_a_sort_some_are_shown() -> None:
    graph = Graph.from_arrays(work=[1] * 100)
    said = faults(graph, Cluster.uniform(2), schedule([0, 1] * 50, [0] * 100, [1] * 100))
    assert len(said) == 20
