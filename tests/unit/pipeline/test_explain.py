"""Explanations: the critical chain of this schedule, and what would help, each claim planned again."""

from __future__ import annotations

import re

import numpy as np

from planner import Cluster, Executor, Graph, Network, Plan, plan
from planner.model import Bound, Schedule
from planner.model.units import format_seconds
from planner.pipeline.explain import critical_chain
from planner.validate import validate

S = 10**6


def lines(text: str) -> dict[str, str]:
    return dict(re.findall(r"^  (.+): (\d.*)$", text, re.MULTILINE))


def test_the_chain_goes_through_values_on_their_way_and_through_slots() -> None:
    # y waits for its slot behind x, though not for x's value; z for the value of y, which takes 2 s.
    graph = Graph.from_arrays(["x", "y", "z"], work=[3, 1, 1], source=[1], target=[2], output=[0, 2, 0])
    cluster = Cluster.uniform(2, network=Network(0, 1.0))
    found = by_hand(graph, cluster, [0, 0, 1], [0, 3, 6])
    assert [graph.names[task] for task in critical_chain(found)] == ["x", "y", "z"]
    text = "Critical are 3 tasks, 5 s of work: x -> y -> z. Between them values are 2 s on their way."
    assert text in found.explain()


def by_hand(graph: Graph, cluster: Cluster, slot: list[int], start: list[int]) -> Plan:
    begins = np.array(start) * S
    schedule = Schedule(np.array(slot, dtype=np.int32), begins, begins + graph.work_us)
    validate(graph, cluster, schedule)
    return Plan(graph, cluster, schedule, Bound(0, "nothing is known"), "by hand")


def test_the_chain_goes_through_memory_that_was_not_free() -> None:
    graph = Graph.from_arrays(["a", "b", "c"], work=[2, 2, 1], memory=[6, 6, 0])
    cluster = Cluster.uniform(1, 2, memory_bytes=9)
    found = by_hand(graph, cluster, [0, 1, 1], [0, 2, 0])
    assert "Critical are 2 tasks, 4 s of work: a -> b." in found.explain()


def test_time_in_which_nothing_critical_runs_is_told() -> None:
    found = by_hand(Graph.from_arrays(["a", "b"], work=[1, 1]), Cluster.uniform(1), [0, 0], [1, 4])
    assert "2 tasks, 2 s of work: a -> b. For 3 s none of them runs." in found.explain()


def test_tasks_of_no_length_at_one_moment_do_not_go_round_in_circles() -> None:
    graph = Graph.from_arrays(work=[1, 0, 0, 1], source=[0, 2, 1], target=[2, 1, 3])
    assert critical_chain(plan(graph, Cluster.uniform(1))) == [0, 2, 1, 3]


def test_every_remedy_is_what_planning_again_gives() -> None:
    graph = Graph.from_arrays(["a", "b", "c"], work=[4, 2, 2], source=[0], target=[2], output=[8, 0, 0])
    cluster = Cluster.uniform(2, network=Network(0, 1.0))
    said = lines(plan(graph, cluster).explain())
    free = plan(graph, Cluster.uniform(2)).makespan_us
    larger = plan(graph, Cluster.uniform(3, network=Network(0, 1.0))).makespan_us
    assert said["a network that costs nothing"].startswith(format_seconds(free))
    assert said["one more executor"].startswith(format_seconds(larger))


def test_one_more_executor_helps_work_that_fills_all_slots() -> None:
    said = lines(plan(Graph.from_arrays(work=[1] * 12), Cluster.uniform(2)).explain())
    assert said["one more executor"] == "4 s (33.3% less)"
    assert said["splitting the heaviest task (0, 1 s) in two"] == "6 s (no gain)"


def test_a_poor_method_is_told_what_auto_would_bring() -> None:
    graph = Graph.from_arrays(work=[5, 1, 5, 1])
    said = lines(plan(graph, Cluster.uniform(2), method="round_robin").explain())
    assert said["planning with method auto"] == "6 s (40.0% less)"
    assert lines(plan(graph, Cluster.uniform(2)).explain()).keys() & {"planning with method auto"} == set()


def test_halves_of_a_task_pay_the_overhead_twice() -> None:
    chain = Graph.from_arrays(["only"], work=[2])
    cluster = Cluster((Executor("a"),), overhead_us=1_000_000)
    assert lines(plan(chain, cluster).explain())["splitting the heaviest task (only, 2 s) in two"] == "4 s (33.3% more)"


def test_what_is_proved_is_said() -> None:
    graph, cluster = Graph.from_arrays(work=[3, 3, 2, 2, 2]), Cluster.uniform(2)
    assert "It is optimal: " in plan(graph, cluster).explain()
    assert "It is at most 16.67% above the optimum." in plan(graph, cluster, method="heft").explain()
