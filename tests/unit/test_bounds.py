"""Lower bounds: each sort on an instance where it is the strongest, worked out by hand; and their words."""

from __future__ import annotations

import numpy as np
import pytest

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Bound, Cluster, Executor, Graph, Network, Pin

S = 10**6


def bound(graph: Graph, cluster: Cluster) -> Bound:
    return lower_bound(Problem.of(graph, cluster))


def test_the_critical_path() -> None:
    chain = Graph.from_arrays(work=[1, 1], source=[0], target=[1])
    assert bound(chain, Cluster.uniform(2)) == Bound(2 * S, "the critical path takes 2 s on the fastest executors")


def test_every_task_of_the_path_on_the_fastest_executor_that_holds_it() -> None:
    chain = Graph.from_arrays(work=[4, 4], source=[0], target=[1], memory=[10, 20])
    slow = (Executor(f"slow{i}", memory_bytes=20) for i in range(3))
    assert bound(chain, Cluster((Executor("fast", speed=4.0, memory_bytes=10), *slow))).us == (1 + 4) * S


def test_all_work_over_all_slots_with_their_speeds() -> None:
    graph = Graph.from_arrays(work=[1] * 12)
    found = bound(graph, Cluster((Executor("a", slots=2), Executor("b", speed=2.0))))
    assert found == Bound(3 * S, "the work of all tasks fills 3 slots for 3 s")


def test_what_lies_between_a_beginning_and_an_end() -> None:
    # One task, then six of 1 s on two slots, then one: 1 + 3 + 1.
    source, target = [0] * 6 + list(range(1, 7)), [*range(1, 7), *([7] * 6)]
    found = bound(Graph.from_arrays(work=[1] * 8, source=source, target=target), Cluster.uniform(2))
    words = "tasks that cannot start before 1 s and have 1 s behind them fill 2 slots for 3 s"
    assert found == Bound(5 * S, words)


def test_of_five_tasks_on_two_slots_some_slot_takes_three() -> None:
    found = bound(Graph.from_arrays(work=[3, 3, 3, 3, 2.5]), Cluster.uniform(2, network=Network(latency_us=1)))
    assert found == Bound(8_500_000, "of the 5 longest tasks some slot has to run 3, one after the other")


def test_what_comes_before_all_long_tasks_comes_on_top() -> None:
    graph = Graph.from_arrays(work=[1, 5, 5, 5], source=[0, 0, 0], target=[1, 2, 3])
    assert bound(graph, Cluster.uniform(2)).us == 11 * S


def test_inputs_are_made_one_after_another_or_sent() -> None:
    # Both inputs on the executor of the last task: 1 + 1. Else one is sent, which takes 10 s.
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 1], target=[2, 2])
    far = Network(latency_us=10 * S)
    found = bound(graph, Cluster.uniform(3, network=far))
    assert found == Bound(3 * S, "the critical path takes 3 s, with the values that have to be sent")
    assert bound(graph, Cluster.uniform(3, slots=2, network=far)).us == 2 * S  # side by side on two slots
    assert bound(graph, Cluster.uniform(3, network=Network(latency_us=S // 2))).us == 2_500_000


def test_outputs_are_taken_one_after_another_or_sent() -> None:
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 0], target=[1, 2])
    assert bound(graph, Cluster.uniform(3, network=Network(latency_us=10 * S))).us == 3 * S


def test_the_best_number_of_inputs_is_sent() -> None:
    # Ten inputs of 1 s, sent in 4 s: three stay, and the last task starts when the others are there, after 5 s.
    graph = Graph.from_arrays(work=[1] * 11, source=range(10), target=[10] * 10)
    assert bound(graph, Cluster.uniform(20, network=Network(latency_us=4 * S))).us == 6 * S


@pytest.mark.parametrize("how", ["pins", "apart"])
def test_what_may_not_be_on_one_executor_has_to_be_sent(how: str) -> None:
    where = {"pins": {0: Pin(executor="0"), 1: Pin(executor="1")}, "apart": {0: "x", 1: "x"}}[how]
    graph = Graph.from_arrays(work=[1, 1], source=[0], target=[1], **{how: where})
    assert bound(graph, Cluster.uniform(2, network=Network(latency_us=5 * S))).us == 7 * S


def test_every_class_of_executors_has_paths_of_its_own() -> None:
    # Each kind of task is quick on another executor; to change it costs more than it gains.
    graph = Graph.from_arrays(work=[4, 4], source=[0], target=[1], kind=["a", "b"])
    cluster = Cluster((Executor("x", speeds={"a": 4.0}), Executor("y", speeds={"b": 4.0})), Network(latency_us=9 * S))
    assert bound(graph, cluster).us == 5 * S


def test_a_fork_and_a_join_leave_less_time_to_all_executors_but_one() -> None:
    # 1 s, and 4 s to send: one executor has 6 of the 8 tasks behind it, the other 2.
    network = Network(latency_us=4 * S)
    out = Graph.from_arrays(work=[1] * 9, source=[0] * 8, target=range(1, 9))
    words = (
        "one task's value has to be sent to all executors but its own, and the work behind it fills 2 slots until 7 s"
    )
    assert bound(out, Cluster.uniform(2, network=network)) == Bound(7 * S, words)
    back = Graph.from_arrays(work=[1] * 9, source=range(8), target=[8] * 8)
    found = bound(back, Cluster.uniform(2, network=network))
    assert found.us == 7 * S and "one task's inputs have to be sent" in found.reason
    # Sent in 2 s: one executor has all but the first and the last second, the other 2 s less at either end.
    both = Graph.from_arrays(work=[1] * 14, source=[0] * 12 + [*range(1, 13)], target=[*range(1, 13)] + [13] * 12)
    found = bound(both, Cluster.uniform(2, network=Network(latency_us=2 * S)))
    assert found.us == 10 * S and "the work between them" in found.reason


def test_large_tasks_that_few_slots_hold() -> None:
    graph = Graph.from_arrays(work=[1] * 6, memory=[2 * 10**9] * 6)
    mixed = Cluster((*(Executor(f"s{i}", memory_bytes=10**9) for i in range(7)), Executor("l", slots=2)))
    assert bound(graph, mixed) == Bound(3 * S, "tasks of more than 1 GB fill the 2 slots that can hold them for 3 s")


def test_pinned_tasks_fill_the_slots_that_their_pins_leave() -> None:
    graph = Graph.from_arrays(work=[1] * 6, pins=dict.fromkeys(range(4), Pin(host="h1")))
    cluster = Cluster((Executor("a", host="h0", slots=4), Executor("b", host="h1", slots=2)))
    words = "4 tasks that may not run just anywhere fill the 2 slots that may take them for 2 s"
    assert bound(graph, cluster) == Bound(2 * S, words)


def test_memory_is_capacity_too() -> None:
    graph = Graph.from_arrays(work=[1] * 4, memory=[6 * 10**8] * 4)
    found = bound(graph, Cluster.uniform(1, 4, memory_bytes=12 * 10**8))
    assert found == Bound(2 * S, "what all tasks hold fills the executors' memory of 1.2 GB for 2 s")


def test_times_in_whole_steps_end_on_whole_steps() -> None:
    # 17 s of work on two slots are 8.5 s; nothing that takes whole seconds ends then.
    found = bound(Graph.from_arrays(work=[1] + [2] * 8), Cluster.uniform(2))
    assert found.us == 9 * S
    # 26 s on four slots are 6.5 s, and no task is longer than 3 s.
    graph = Graph.from_arrays(work=[3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1])
    found = bound(graph, Cluster.uniform(4))
    assert found == Bound(7 * S, "the work of all tasks fills 4 slots for 6.5 s; in steps of 1 s that is 7 s")
    assert bound(graph, Cluster.uniform(4, network=Network(latency_us=1))).us == 6_500_000


def test_nothing_to_do() -> None:
    assert bound(Graph.from_arrays(work=[]), Cluster.uniform(2)) == Bound(0, "there is nothing to do")
    assert bound(Graph.from_arrays(work=[0]), Cluster.uniform(2)).us == 0


@pytest.mark.parametrize("speed", [0.1, 1 / 3, 0.7, 1.9])
def test_rounding_never_lifts_the_bound(speed: float) -> None:
    """Equal tasks that fill equal slots evenly: their makespan is known, and sums of odd numbers must not pass it."""
    graph = Graph.from_arrays(work=np.full(5000, 0.7))
    cluster = Cluster(tuple(Executor(str(i), speed=speed) for i in range(10)))
    each = int(Problem.of(graph, cluster).time_us[0, 0])
    assert 0.9999999 * 500 * each < bound(graph, cluster).us <= 500 * each
