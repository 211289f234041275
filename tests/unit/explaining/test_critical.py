"""The critical chain: the tasks that fix the makespan, and what each of them waited for."""

from __future__ import annotations

from by_hand import S, by_hand

from planner import Cluster, Executor, Graph, Network, plan
from planner.explaining.critical import Step, critical_chain, critical_steps, sent_us, values_us


def test_the_chain_goes_through_values_on_their_way_and_through_slots() -> None:
    # y waits for its slot behind x, though not for x's value; z for the value of y, which takes 2 s.
    graph = Graph.from_arrays(["x", "y", "z"], work=[3, 1, 1], source=[1], target=[2], output=[0, 2, 0])
    found = by_hand(graph, Cluster.uniform(2, network=Network(0, 1.0)), [0, 0, 1], [0, 3, 6])
    assert critical_steps(found) == [Step(0, "nothing"), Step(1, "slot"), Step(2, "value", 2 * S)]
    assert sent_us(found).tolist() == [2 * S]
    assert values_us(found).tolist() == [0, 0, 6 * S]


def test_what_stays_on_an_executor_is_not_on_its_way() -> None:
    graph = Graph.from_arrays(work=[1, 1], source=[0], target=[1], output=[2, 0])
    cluster = Cluster.uniform(1, 2, network=Network(0, 1.0))
    assert critical_steps(by_hand(graph, cluster, [0, 1], [0, 1])) == [Step(0, "nothing"), Step(1, "value", 0)]


def test_the_chain_goes_through_memory_that_was_not_free() -> None:
    graph = Graph.from_arrays(work=[2, 2, 1], memory=[6, 6, 0])
    found = by_hand(graph, Cluster.uniform(1, 2, memory_bytes=9), [0, 1, 1], [0, 2, 0])
    assert critical_steps(found) == [Step(0, "nothing"), Step(1, "memory")]


def test_memory_of_another_executor_is_nothing_to_wait_for() -> None:
    graph = Graph.from_arrays(work=[2, 2], memory=[6, 6])
    assert critical_chain(by_hand(graph, Cluster.uniform(2, memory_bytes=9), [0, 1], [0, 2])) == [1]


def test_the_chain_goes_through_values_that_held_memory_until_they_were_taken() -> None:
    # The value of 0 holds 4 of 5 until 1 has started, for which the slot of 2 has to be free; so 3 waits for 2.
    graph = Graph.from_arrays(work=[1, 1, 3, 2], source=[0], target=[1], output=[4, 0, 0, 0], memory=[0, 0, 0, 5])
    pair = Cluster((Executor("a", memory_bytes=5), Executor("b")))
    found = by_hand(graph, pair, [0, 1, 1, 0], [0, 3, 0, 3])
    assert critical_steps(found) == [Step(2, "nothing"), Step(3, "memory")]


def test_of_a_value_and_a_slot_at_one_moment_the_value_is_what_was_waited_for() -> None:
    graph = Graph.from_arrays(work=[2, 2, 1], source=[0], target=[2])
    assert critical_steps(by_hand(graph, Cluster.uniform(2), [0, 1, 1], [0, 0, 2]))[-1] == Step(2, "value")


def test_a_task_that_starts_late_for_no_reason_begins_the_chain() -> None:
    found = by_hand(Graph.from_arrays(work=[1, 1]), Cluster.uniform(2), [0, 1], [0, 3])
    assert critical_steps(found) == [Step(1, "nothing")]


def test_tasks_of_no_length_at_one_moment_do_not_go_round_in_circles() -> None:
    graph = Graph.from_arrays(work=[1, 0, 0, 1], source=[0, 2, 1], target=[2, 1, 3])
    assert critical_chain(plan(graph, Cluster.uniform(1))) == [0, 2, 1, 3]


def test_without_tasks_there_is_no_chain() -> None:
    assert critical_chain(plan(Graph.from_arrays(work=[]), Cluster.uniform(1))) == []
