"""Copies on different hosts, where the fast executors share one: every way to place them, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from planner import Cluster, Executor, Graph, Progress, Replicas, plan, replan
from planner.cost import Problem
from planner.partitioners import decompose
from planner.schedulers.apart import reserved

CLUSTER = Cluster(
    (Executor("0", "a", speed=4), Executor("1", "a", speed=4), Executor("2", "b", speed=2), Executor("3", "b"))
)
GRAPH = Graph.from_arrays(["t"], work=[4], replicas={0: Replicas(2, "active")})


@pytest.mark.parametrize("method", ["auto", "exact", "heft", "fastest_executor", "min_min", "peft", "cpop", "random"])
def test_one_copy_goes_to_the_slower_host(method: str) -> None:
    found = plan(GRAPH, CLUSTER, method=method)
    assert {CLUSTER.executors[slot].host for slot in found.schedule.slot.tolist()} == {"a", "b"}
    if method in ("auto", "exact"):
        assert (found.makespan, found.status) == (2.0, "optimal")


def test_executors_set_aside_for_copies_are_the_fastest_of_each_host() -> None:
    problem = Problem.of(decompose(GRAPH, CLUSTER).graph, CLUSTER)
    assert problem.apart_host.tolist() == [True]
    places = reserved(problem)
    assert places["place"][places["place_row"]].tolist() == [[True, False, False, False], [False, False, True, False]]


def test_what_has_begun_keeps_its_host_for_itself() -> None:
    planned = plan(GRAPH, CLUSTER, method="heft")
    begun = Progress(1, np.array([1, -1], np.int32), np.zeros(2, np.int64), np.array([10**6, 0]))
    problem = Problem.of(planned.graph, CLUSTER, begun)
    places = reserved(problem)
    assert places["place"][places["place_row"][1]].tolist() == [False, False, True, False]
    assert replan(planned, begun).schedule.slot.tolist() == [1, 2]


def test_where_hosts_are_too_few_executors_are_enough() -> None:
    three = Graph.from_arrays(["t"], work=[4], replicas={0: Replicas(3, "active")})
    problem = Problem.of(decompose(three, CLUSTER).graph, CLUSTER)
    assert problem.apart_host.tolist() == [False]
    assert sorted(plan(three, CLUSTER, method="heft").schedule.slot.tolist()) == [0, 1, 2]


def test_a_lost_host_and_then_a_lost_executor_leave_copies_where_there_is_room() -> None:
    planned = plan(GRAPH, CLUSTER, method="heft")
    for closed, slots in ((("2", "3"), {0, 1}), (("1", "2", "3"), {0})):
        none = Progress.none(2)
        again = replan(planned, Progress(0, none.slot, none.start_us, none.finish_us, closed))
        assert {*again.schedule.slot.tolist()} == slots
