"""What limits a plan, each with its figures: the chain, one task, full executors, memory, links."""

from __future__ import annotations

import pytest
from by_hand import S, by_hand

from planner import Cluster, Executor, Graph, Link, Network, Pin, Plan
from planner.explaining.critical import critical_steps
from planner.explaining.limits import Limit, chain, huge_task
from planner.explaining.saturation import full_executors, slots_in_words
from planner.explaining.waiting import busiest_pair, for_memory, links, memory, memory_waits


def full(found: Plan) -> Limit | None:
    return full_executors(found, critical_steps(found))


def test_the_chain_tells_its_work_its_waiting_and_its_holes() -> None:
    graph = Graph.from_arrays(["x", "y", "z"], work=[3, 1, 1], source=[1], target=[2], output=[0, 2, 0])
    found = by_hand(graph, Cluster.uniform(2, network=Network(0, 1.0)), [0, 0, 1], [1, 4, 7])
    limit = chain(found, critical_steps(found))
    assert limit.words == (
        "Critical are 3 tasks, 5 s (62.5 %) of work: x -> y -> z. Waiting: 1 for a value of the one before, "
        "1 for a slot. Between them values are 2 s (25 %) on their way. For 1 s (12.5 %) none of them runs."
    )
    assert (limit.us, limit.share) == (7 * S, 7 / 8)


def test_a_long_chain_is_shown_by_its_ends_and_names_cannot_harm_a_terminal() -> None:
    ids = ["\x1b[2Jgone", *(f"t{i}" for i in range(1, 19)), "x" * 200]
    found = by_hand(Graph.from_arrays(ids, work=[1] * 20), Cluster.uniform(1), [0] * 20, range(20))
    words = chain(found, critical_steps(found)).words
    assert "Critical are 20 tasks" in words and "t5 -> … -> t14" in words
    assert "␛[2Jgone" in words and "x" * 60 not in words


def test_one_task_that_is_most_of_the_makespan() -> None:
    pair = Cluster((Executor("slow"), Executor("fast", speed=4.0)))
    found = by_hand(Graph.from_arrays(["small", "large"], work=[4, 8]), pair, [1, 0], [0, 0])
    limit = huge_task(found, critical_steps(found))
    assert limit is not None and limit.name == "huge task" and limit.us == 8 * S
    assert limit.words == "One task, large, takes 8 s (100 %) on executor slow; on executor fast it would take 2 s."
    found = by_hand(Graph.from_arrays(["small", "large"], work=[1, 8]), pair, [0, 1], [0, 0])
    limit = huge_task(found, critical_steps(found))
    assert limit is not None and limit.words.endswith(
        "takes 2 s (100 %) on executor fast, the fastest that may take it."
    )


def test_a_task_is_huge_where_no_plan_can_be_shorter_than_it_and_else_not() -> None:
    graph = Graph.from_arrays(work=[4, 3, 3])
    for bound, huge in ((4, True), (5, False)):
        found = by_hand(graph, Cluster.uniform(1), [0, 0, 0], [0, 4, 7], bound)
        assert (huge_task(found, critical_steps(found)) is not None) == huge


def test_slots_in_words() -> None:
    found = by_hand(Graph.from_arrays(work=[4, 1]), Cluster.uniform(2), [1, 0], [0, 0])
    assert slots_in_words(found) == "Slots are busy 62.5 % of the time; the fullest, on executor 1, 100 %."


def test_full_slots_are_told_as_such() -> None:
    limit = full(by_hand(Graph.from_arrays(work=[2, 2]), Cluster.uniform(2), [0, 1], [0, 0]))
    assert limit is not None and limit.name == "full slots" and limit.share == 1
    assert limit.words == "All slots are busy 100 % of the time: the work fills the executors."


def test_why_the_work_of_a_full_executor_does_not_move() -> None:
    # 1 s is pinned, 2 s fit nowhere else, 3 s have their twin on the only other executor, 4 s are free to go.
    graph = Graph.from_arrays(
        work=[1, 2, 3, 4, 1], memory=[0, 9, 0, 0, 0], pins={0: Pin(kind="gpu")}, apart={2: "r", 4: "r"}
    )
    cluster = Cluster((Executor("a", kind="gpu", memory_bytes=9), Executor("b", speed=0.5, memory_bytes=5)))
    limit = full(by_hand(graph, cluster, [0, 0, 0, 0, 1], [0, 1, 3, 6, 0]))
    assert limit is not None and limit.name == "saturated executor" and limit.us == 10 * S
    assert limit.words == (
        "Executor a is busy 100 % of the time, the other one is so for 20 %. Of that work 1 s (10 %) is pinned there; "
        "2 s (20 %) fits no other's memory; 3 s (30 %) stays apart from what runs on all others; "
        "4 s (40 %) may run elsewhere, where it would take 8 s."
    )


@pytest.mark.parametrize(
    ("source", "target", "slot", "start"),
    [
        ([0, 1], [1, 2], [0, 0, 0, 1], [0, 2, 4, 0]),  # the tasks wait for each other, and not for their slot
        ([], [], [0, 0, 1, 1], [0, 2, 0, 2]),  # and here the other executor is as full, up to its last task
    ],
)
def test_an_executor_is_not_called_full_where_nothing_critical_waits_for_it(
    source: list[int], target: list[int], slot: list[int], start: list[int]
) -> None:
    graph = Graph.from_arrays(work=[2, 2, 2, 1.7], source=source, target=target)
    assert full(by_hand(graph, Cluster.uniform(2), slot, start)) is None


def test_how_long_tasks_wait_for_memory() -> None:
    # a holds 6 of 9 for 2 s. b has a slot of its own and waits 2 s; c has to wait for the second slot till 3 s as well.
    graph = Graph.from_arrays(["a", "b", "c", "d"], work=[2, 2, 2, 1], memory=[6, 6, 6, 0])
    found = by_hand(graph, Cluster.uniform(1, 2, memory_bytes=9), [0, 1, 0, 1], [0, 2, 4, 0])
    assert (memory_waits(found) / S).tolist() == [0, 1, 2, 0]
    steps = for_memory(critical_steps(found), memory_waits(found))
    assert [step.reason for step in steps] == ["nothing", "memory", "memory"]
    limit = memory(found, steps, memory_waits(found))
    assert limit is not None and limit.us == 3 * S
    assert limit.words == "2 tasks wait for memory, 3 s in all; critical ones during 3 s (50 %)."


def test_tasks_in_one_slot_wait_for_memory_where_another_is_free() -> None:
    graph = Graph.from_arrays(work=[4, 4, 1, 1], memory=[6, 6, 0, 0])
    pair = Cluster(tuple(Executor(name, slots=2, memory_bytes=9) for name in "xy"))
    found = by_hand(graph, pair, [2, 2, 0, 0], [0, 4, 0, 1])
    limit = memory(found, for_memory(critical_steps(found), memory_waits(found)), memory_waits(found))
    assert limit is not None
    assert (
        limit.words == "1 task waits for memory, 4 s in all, most on executor y (4 s); critical ones during 4 s (50 %)."
    )
    assert full(by_hand(graph, pair, [2, 2, 0, 0], [0, 4, 0, 1])) is None


def test_tasks_wait_for_values_to_leave_and_for_room_for_their_own() -> None:
    # Till 1 starts at 3 s, the value of 0 holds 4 of 5: 2 has no room beside it, and 3 none for a value of its own.
    graph = Graph.from_arrays(
        work=[1, 1, 1, 1, 1], source=[0, 3], target=[1, 4], output=[4, 0, 0, 4, 0], memory=[0, 0, 3, 0, 0]
    )
    cluster = Cluster((Executor("a", slots=3, memory_bytes=5), Executor("b")))
    found = by_hand(graph, cluster, [0, 3, 1, 2, 3], [0, 3, 3, 2, 4])
    assert (memory_waits(found) / S).tolist() == [0, 0, 3, 2, 0]
    assert not memory_waits(by_hand(graph, Cluster.uniform(4), [0, 3, 1, 2, 3], [0, 3, 3, 2, 4])).any()


def test_the_value_that_a_task_is_the_last_to_take_is_not_in_its_way() -> None:
    graph = Graph.from_arrays(work=[1, 1], source=[0], target=[1], output=[4, 0], memory=[0, 3])
    found = by_hand(graph, Cluster.uniform(1, 2, memory_bytes=5), [0, 0], [0, 3])
    assert not memory_waits(found).any(), "it is late for no reason"


def test_where_memory_suffices_nobody_waits_for_it() -> None:
    graph = Graph.from_arrays(work=[2, 2, 2], memory=[4, 4, 4])
    for limit in (None, 8):
        found = by_hand(graph, Cluster.uniform(1, 2, memory_bytes=limit), [0, 1, 0], [0, 0, 2])
        assert not memory_waits(found).any()
        assert memory(found, critical_steps(found), memory_waits(found)) is None


def test_links_tell_how_long_is_waited_and_between_whom_most_travels() -> None:
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 0], target=[1, 2], edge_bytes=[2, 3])
    found = by_hand(graph, Cluster.uniform(3, network=Network(0, 1.0)), [0, 1, 2], [0, 3, 4])
    limit = links(found, critical_steps(found))
    assert limit is not None and limit.us == 3 * S
    assert limit.words == (
        "Critical tasks wait 3 s (60 %) for values on their way. "
        "Between executors 5 B travel, most from executor 0 to 2: 3 B."
    )


def test_where_executors_share_hosts_it_is_hosts_between_which_bytes_travel() -> None:
    graph = Graph.from_arrays(work=[1, 1, 1], source=[0, 0], target=[1, 2], edge_bytes=[9, 3])
    three = tuple(Executor(name, host=host) for name, host in (("a", "h"), ("b", "h"), ("c", "k")))
    found = by_hand(graph, Cluster(three, Network(0, 1.0, (Link(("h", "k"), 0, 0.5),))), [0, 1, 2], [0, 10, 7])
    assert busiest_pair(found, ["h", "h", "k"]) == ("h", "k", 3, 3)
    assert busiest_pair(found, ["a", "b", "c"]) == ("a", "b", 9, 12)
    limit = links(found, critical_steps(found))
    assert limit is not None and limit.words.endswith("Between hosts 3 B travel, most from host h to k: 3 B.")
    assert busiest_pair(by_hand(graph, Cluster.uniform(1), [0] * 3, [0, 1, 2]), ["a"]) is None


def test_values_that_no_critical_task_waits_for_limit_nothing() -> None:
    graph = Graph.from_arrays(work=[1, 1, 9], source=[0], target=[1], output=[1, 0, 0])
    found = by_hand(graph, Cluster.uniform(3, network=Network(0, 1.0)), [0, 1, 2], [0, 2, 0])
    assert links(found, critical_steps(found)) is None
