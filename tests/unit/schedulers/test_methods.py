"""What tells the methods apart, on graphs small enough to work out by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.errors import InputError
from planner.model import Cluster, Executor, Graph, Network, Pin, Progress, Schedule
from planner.schedulers import auto, get, methods
from planner.schedulers.ranks import upward_rank

S = 10**6


def schedule(name: str, graph: Graph, cluster: Cluster, seed: int = 0) -> Schedule:
    return get(name).schedule(Problem.of(graph, cluster), seed)


def test_all_methods_are_named_described_and_sourced() -> None:
    names = [method.name for method in methods()]
    assert set(names) == {
        *("round_robin", "random", "least_loaded", "priority", "mct", "heft", "cpop", "peft", "dls", "etf"),
        *(
            "lpt",
            "multifit",
            "karmarkar_karp",
            "earliest_completion",
            "lp_rounding",
            "min_min",
            "max_min",
            "sufferage",
            "critical_path",
            "linear_clustering",
            *("fastest_executor", "exact", "genetic", "ant_colony", "iterated_greedy"),
        ),
    }
    assert len(set(names)) == len(names)
    for method in methods():
        assert get(method.name) is method and (not method.also or get(method.also) is method)
        assert method.summary and "\n" not in method.summary
        assert any(where in method.source for where in ("doi:10.", "arXiv:", "ICPP"))


def test_an_unknown_name_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(
        InputError, match=r"'ceop' is not known; did you mean cpop\? expected auto, heft, critical_path, "
    ):
        get("ceop")


@pytest.mark.parametrize("name", ["earliest_completion", "lp_rounding", "iterated_greedy", "auto"])
def test_independent_tasks_are_assigned_where_they_may_run_and_behind_what_runs(name: str) -> None:
    kinds = [str(task) for task in range(9)]
    draw = np.random.default_rng(5)
    executors = tuple(Executor(f"e{e}", speeds={kind: draw.uniform(0.3, 3) for kind in kinds}) for e in range(3))
    graph = Graph.from_arrays(work=[1] * 9, kind=kinds, pins={0: Pin(executor="e2")})
    begun = Progress.none(9)
    begun.slot[1], begun.start_us[1], begun.finish_us[1] = 0, 0, 9 * S
    problem = Problem.of(graph, Cluster(executors), replace(begun, now_us=S))
    bound = lower_bound(problem)
    found = auto(problem, bound, 0, schedules=50).schedule if name == "auto" else get(name).schedule(problem, 0)
    assert found.slot[0] == 2 and (found.slot[1], found.start_us[1], found.finish_us[1]) == (0, 0, 9 * S)
    rest = [task for task in range(9) if task != 1]
    assert all(found.start_us[task] >= (9 * S if found.slot[task] == 0 else S) for task in rest)
    for slot in range(3):
        of_slot = sorted((found.start_us[task], found.finish_us[task]) for task in range(9) if found.slot[task] == slot)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(of_slot))
    assert found.makespan_us >= bound.us


def test_round_robin_deals_tasks_out_in_turn() -> None:
    assert schedule("round_robin", Graph.from_arrays(work=[9, 1, 1, 1, 1]), Cluster.uniform(3)).slot.tolist() == [
        0, 1, 2, 0, 1,
    ]  # fmt: skip


def test_round_robin_passes_over_slots_that_are_too_small() -> None:
    cluster = Cluster((Executor("small", slots=2, memory_bytes=5), Executor("large", memory_bytes=9)))
    graph = Graph.from_arrays(work=[1] * 4, memory=[1, 9, 9, 1])
    assert schedule("round_robin", graph, cluster).slot.tolist() == [0, 2, 2, 0]


def test_least_loaded_goes_by_the_time_given_so_far() -> None:
    graph = Graph.from_arrays(work=[5, 1, 1, 1, 1])
    assert schedule("least_loaded", graph, Cluster.uniform(2)).slot.tolist() == [0, 1, 1, 1, 1]
    faster = Cluster((Executor("a", speed=10.0), Executor("b")))
    assert schedule("least_loaded", graph, faster).slot.tolist() == [0, 1, 0, 0, 0]


def test_least_loaded_passes_over_slots_that_are_too_small_and_comes_back_to_them() -> None:
    cluster = Cluster((Executor("small", memory_bytes=5), Executor("large", memory_bytes=9)))
    graph = Graph.from_arrays(work=[3, 3, 1], memory=[9, 9, 1])
    assert schedule("least_loaded", graph, cluster).slot.tolist() == [1, 1, 0]


def test_random_draws_evenly_and_again_for_its_seed() -> None:
    graph = Graph.from_arrays(work=[1] * 6000, memory=[0, 9] * 3000)
    cluster = Cluster((Executor("small", slots=2, memory_bytes=5), Executor("large", slots=2)))
    slots = schedule("random", graph, cluster, seed=4).slot
    assert np.bincount(slots[::2]) == pytest.approx([750] * 4, rel=0.15)
    assert np.bincount(slots[1::2]) == pytest.approx([0, 0, 1500, 1500], rel=0.1)
    assert np.array_equal(slots, schedule("random", graph, cluster, seed=4).slot)
    assert not np.array_equal(slots, schedule("random", graph, cluster, seed=5).slot)


def test_mct_takes_tasks_as_they_stand_and_priority_the_longest_path_first() -> None:
    # Two short tasks stand before the head of a chain: mct fills both slots with them, priority starts the chain.
    graph = Graph.from_arrays(work=[2, 2, 2, 4], source=[2], target=[3])
    assert schedule("mct", graph, Cluster.uniform(2)).makespan_us == 8 * S
    assert schedule("priority", graph, Cluster.uniform(2)).makespan_us == 6 * S


def test_priority_starts_soonest_where_mct_ends_soonest() -> None:
    cluster = Cluster((Executor("slow"), Executor("fast", speed=4.0)))
    graph = Graph.from_arrays(work=[4, 4])
    assert schedule("mct", graph, cluster).slot.tolist() == [1, 1]
    assert sorted(schedule("priority", graph, cluster).slot.tolist()) == [0, 1]


def test_heft_puts_a_task_into_a_gap_and_priority_does_not() -> None:
    # One task, then two side by side: the second slot is free until then, but its end is not.
    graph = Graph.from_arrays(work=[4, 4, 4, 2], source=[0, 0], target=[1, 2])
    heft, priority = (schedule(name, graph, Cluster.uniform(2)) for name in ("heft", "priority"))
    assert (heft.start_us / S).tolist() == [0, 4, 4, 0]
    assert (priority.start_us / S).tolist() == [0, 4, 4, 8]


def test_heft_ranks_by_mean_times_and_mean_transfers() -> None:
    # Mean times 1.5, 1.5, 3, 1.5 s, a transfer 1 s: ranks 7, 3, 4.5, 1.5. Task 1 ends at 4 s on either executor, and
    # takes the one where it starts sooner.
    cluster = Cluster((Executor("slow"), Executor("fast", speed=2.0)), Network(0, 10.0**6))
    graph = Graph.from_arrays(work=[2, 2, 4, 2], source=[0, 0, 1, 2], target=[1, 2, 3, 3], output=[10**6, 0, 0, 0])
    assert upward_rank(Problem.of(graph, cluster)).tolist() == [7 * S, 3 * S, 4.5 * S, 1.5 * S]
    found = schedule("heft", graph, cluster)
    assert found.slot.tolist() == [1, 0, 1, 1]
    assert (found.finish_us / S).tolist() == [1, 4, 3, 5]


def test_cpop_keeps_the_critical_path_on_one_slot_of_the_fastest_executor() -> None:
    cluster = Cluster((Executor("slow", slots=2), Executor("fast", slots=2, speed=2.0)), Network(100_000))
    graph = Graph.from_arrays(work=[2, 6, 1, 2], source=[0, 0, 1, 2], target=[1, 2, 3, 3])
    found = schedule("cpop", graph, cluster)
    assert len(set(found.slot[[0, 1, 3]].tolist())) == 1
    assert found.slot[0] == 2
    assert found.makespan_us == 5 * S


def test_cpop_starts_from_the_entry_of_highest_priority() -> None:
    # Task 0 is an entry too, but not that of the longest path, whose tasks need the large executor.
    cluster = Cluster((Executor("fast", speed=3.0, memory_bytes=5), Executor("large", memory_bytes=9)))
    graph = Graph.from_arrays(work=[1, 5, 5], source=[1], target=[2], memory=[0, 9, 0])
    assert schedule("cpop", graph, cluster).slot.tolist() == [0, 1, 1]


def test_cpop_keeps_the_path_where_memory_holds_all_of_it() -> None:
    cluster = Cluster((Executor("slow", memory_bytes=9), Executor("fast", speed=2.0, memory_bytes=5)))
    chain = Graph.from_arrays(work=[1, 1], source=[0], target=[1], memory=[9, 5])
    assert schedule("cpop", chain, cluster).slot.tolist() == [0, 0]


def test_fastest_executor_sends_nothing() -> None:
    cluster = Cluster((Executor("a"), Executor("b", slots=2, speed=2.0), Executor("c", slots=5)), Network(10 * S))
    graph = Graph.from_arrays(work=[2] * 4, source=[0] * 3, target=[1, 2, 3])
    found = schedule("fastest_executor", graph, cluster)
    assert {1, 2} >= set(found.slot.tolist())
    assert found.makespan_us == 3 * S


def test_fastest_executor_prefers_capacity_where_there_is_work_for_it() -> None:
    cluster = Cluster((Executor("single", speed=2.0), Executor("many", slots=8)))
    wide = Graph.from_arrays(work=[1] * 16)
    assert schedule("fastest_executor", wide, cluster).makespan_us == 2 * S
    chain = Graph.from_arrays(work=[1, 1], source=[0], target=[1])
    assert schedule("fastest_executor", chain, cluster).makespan_us == 1 * S


def test_min_min_takes_the_shortest_and_max_min_the_longest_first() -> None:
    graph = Graph.from_arrays(work=[2, 5, 1])
    assert schedule("min_min", graph, Cluster.uniform(1)).start_us.tolist() == [1 * S, 3 * S, 0]
    assert schedule("max_min", graph, Cluster.uniform(1)).start_us.tolist() == [5 * S, 0, 7 * S]


def test_sufferage_gives_the_fast_executor_to_the_task_that_would_suffer_most() -> None:
    kinds = ["a", "b"]
    cluster = Cluster((Executor("0", speeds={"a": 2.0, "b": 10.0}), Executor("1")))
    graph = Graph.from_arrays(work=[10, 10], kind=kinds)  # a: 5 s or 10 s; b: 1 s or 10 s
    found = schedule("sufferage", graph, cluster)
    assert found.slot.tolist() == [0, 0] and found.start_us.tolist() == [1 * S, 0]


def test_etf_starts_what_can_start_first_and_breaks_ties_by_level() -> None:
    """Both sources can start at once: the one with the longer path behind it goes first."""
    graph = Graph.from_arrays(work=[1, 1, 9], source=[1], target=[2])
    assert schedule("etf", graph, Cluster.uniform(1)).start_us.tolist() == [10 * S, 0, 1 * S]


def test_dls_prefers_the_executor_that_is_faster_than_the_mean() -> None:
    """Both are free at once; on the faster one the level is greater by what it saves."""
    cluster = Cluster((Executor("slow"), Executor("fast", speed=4.0)))
    assert schedule("dls", Graph.from_arrays(work=[8]), cluster).slot.tolist() == [1]
    assert schedule("etf", Graph.from_arrays(work=[8]), cluster).slot.tolist() == [0]


def test_peft_looks_ahead_where_heft_does_not() -> None:
    """The first task ends sooner on executor 0, but all that follows is slow there, and moving its value takes long."""
    cluster = Cluster((Executor("0", speeds={"first": 2.0}), Executor("1", speeds={"then": 10.0})), Network(0, 10**6))
    graph = Graph.from_arrays(work=[4, 20], source=[0], target=[1], output=[10 * 10**6, 0], kind=["first", "then"])
    heft, peft = (schedule(name, graph, cluster) for name in ("heft", "peft"))
    assert heft.slot.tolist()[0] == 0 and peft.slot.tolist() == [1, 1]
    assert (heft.makespan_us, peft.makespan_us) == (14 * S, 6 * S)


def test_linear_clustering_keeps_critical_paths_together() -> None:
    """Two chains of which the values are costly to move, and a cheap edge between them."""
    graph = Graph.from_arrays(
        work=[1, 1, 1, 1, 1, 1],
        source=[0, 1, 3, 4, 0],
        target=[1, 2, 4, 5, 4],
        edge_bytes=[9 * 10**6, 9 * 10**6, 8 * 10**6, 8 * 10**6, 0],
    )
    slot = schedule("linear_clustering", graph, Cluster.uniform(2, network=Network(0, 10**6))).slot.tolist()
    assert slot[:3] == [slot[0]] * 3 and slot[3:] == [slot[3]] * 3 and slot[0] != slot[3]


def test_critical_path_agrees_with_the_tournament_of_slots() -> None:
    """With many slots the best one is found without looking at all: no task could have ended sooner elsewhere."""
    draw = np.random.default_rng(0)
    target = np.repeat(np.arange(20, 400), 3)
    source = draw.integers(0, 20, len(target)) + (target // 20 - 1) * 20
    graph = Graph.from_arrays(work=draw.lognormal(0, 1, 400), source=source, target=target, output=[10**5] * 400)
    cluster = Cluster(tuple(Executor(str(i), slots=1 + i % 3, speed=1.0 + i % 4) for i in range(60)), Network(10, 1e8))
    problem = Problem.of(graph, cluster)
    found = get("critical_path").schedule(problem, 0)
    free = np.zeros(problem.n_slots, np.int64)
    for task in np.lexsort((np.arange(400), -upward_rank(problem))).tolist():
        ends = []
        for slot in range(problem.n_slots):
            here = int(problem.slot_executor[slot])
            edges = range(graph.pred_ptr[task], graph.pred_ptr[task + 1])
            arrives = [
                int(found.finish_us[graph.pred[e]])
                + cluster.transfer_us(
                    int(graph.edge_bytes[e]), int(problem.slot_executor[found.slot[graph.pred[e]]]), here
                )
                for e in edges
            ]
            ends.append(max([int(free[slot]), *arrives]) + int(problem.time_us[task, problem.executor_class[here]]))
        assert found.finish_us[task] == min(ends)
        free[found.slot[task]] = found.finish_us[task]
