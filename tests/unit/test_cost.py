"""The cost model: prices worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.cost import Problem
from planner.errors import InfeasibleError
from planner.model import Cluster, Executor, Graph, Link, Network

GRAPH = Graph.from_arrays(["a", "b"], work=[1, 3], source=[0], target=[1], output=[10**6, 0], memory=[5, 9])


def test_time_is_overhead_plus_work_over_speed_for_each_sort_of_executor() -> None:
    cluster = Cluster((Executor("x", speed=2.0), Executor("y"), Executor("z", speed=2.0)), overhead_us=500)
    problem = Problem.of(GRAPH, cluster)
    assert problem.executor_class.tolist() == [1, 0, 1]
    assert problem.time_us.tolist() == [[1_000_500, 500_500], [3_000_500, 1_500_500]]
    assert problem.class_speed.tolist() == [1.0, 2.0]


def test_mean_times_count_slots_and_mean_edges_count_pairs_of_executors() -> None:
    links = (Link(("h", "i"), 0, 10**6),)
    cluster = Cluster(
        (Executor("x", "h", slots=3), Executor("y", "h", speed=2.0), Executor("z", "i")), Network(100_000, 10**7, links)
    )
    problem = Problem.of(GRAPH, cluster)
    assert problem.mean_time_us.tolist() == [900_000.0, 2_700_000.0]
    # Of three pairs one stays on host h (0.1 s + 0.1 s) and two cross the link (1 s).
    assert problem.mean_edge_us == pytest.approx([(200_000 + 2 * 1_000_000) / 3])
    assert Problem.of(GRAPH, Cluster.uniform(1, 4)).mean_edge_us.tolist() == [0.0]


def test_a_network_is_free_when_nothing_is_paid_for() -> None:
    assert Problem.of(GRAPH, Cluster.uniform(2)).free_network
    assert Problem.of(GRAPH, Cluster.uniform(1, 2, network=Network(1))).free_network
    assert not Problem.of(GRAPH, Cluster.uniform(2, network=Network(1))).free_network
    assert not Problem.of(GRAPH, Cluster.uniform(2, network=Network(0, 1e9))).free_network


@pytest.mark.parametrize(("slots", "memory", "fits"), [(1, 9, True), (2, 13, False), (2, 14, True), (9, 14, True)])
def test_memory_fits_when_the_largest_tasks_fit_together(slots: int, memory: int, fits: bool) -> None:
    light = replace(GRAPH, output_bytes=np.zeros(2, dtype=np.int64))
    assert Problem.of(light, Cluster.uniform(1, slots, memory_bytes=memory)).fits is fits


@pytest.mark.parametrize(("memory", "fits"), [(9 + 6, True), (9 + 5, False)])
def test_values_that_wait_fit_where_all_of_them_leave_room_for_the_largest_tasks(memory: int, fits: bool) -> None:
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 1], target=[1, 2], output=[4, 2, 99], memory=[5, 9, 1])
    problem = Problem.of(graph, Cluster.uniform(1, memory_bytes=memory))
    assert problem.fits is fits
    assert problem.waiting_bytes.tolist() == ([] if fits else [4, 2, 0])  # nothing waits for the last value


def test_memory_fits_where_it_is_not_limited_or_not_used() -> None:
    assert Problem.of(GRAPH, Cluster.uniform(2, 8)).fits
    assert Problem.of(Graph.from_arrays(work=[1] * 9), Cluster.uniform(1, 8, memory_bytes=1)).fits
    mixed = Cluster((Executor("x", slots=2), Executor("y", slots=2, memory_bytes=13)))
    assert not Problem.of(GRAPH, mixed).fits


def test_tasks_are_grouped_by_the_slots_that_hold_them() -> None:
    cluster = Cluster((Executor("s", slots=2, memory_bytes=5), Executor("l", memory_bytes=9), Executor("u")))
    graph = Graph.from_arrays(work=[1] * 5, memory=[9, 5, 6, 0, 10])
    groups = [(t.tolist(), s.tolist()) for t, s in Problem.of(graph, cluster).by_allowed_slots()]
    assert groups == [([1, 3], [0, 1, 2, 3]), ([0, 2], [2, 3]), ([4], [3])]


def test_every_task_that_fits_nowhere_is_named() -> None:
    cluster = Cluster((Executor("x", memory_bytes=4), Executor("y", memory_bytes=3)))
    with pytest.raises(InfeasibleError) as raised:
        Problem.of(GRAPH, cluster)
    assert [fault.path for fault in raised.value.faults] == ["tasks['a'].memory", "tasks['b'].memory"]
    assert Problem.of(GRAPH, Cluster((*cluster.executors, Executor("z")))).n == 2


def test_the_slots_of_an_executor_stand_side_by_side() -> None:
    cluster = Cluster((Executor("x", slots=2), Executor("y"), Executor("z", slots=3)))
    problem = Problem.of(GRAPH, cluster)
    assert problem.first_slot.tolist() == [0, 2, 3, 6]
    assert np.array_equal(problem.slot_executor, [0, 0, 1, 2, 2, 2])
