"""Replay: what a plan becomes in another world, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InputError
from planner.model import Cluster, Executor, Graph, Network, Schedule
from planner.replay import replay
from planner.validate import validate

S = 10**6
PAIR = Cluster((Executor("x"), Executor("y")), Network(0, 10.0))
GRAPH = Graph.from_arrays(["a", "b", "c"], work=[2, 1, 1], source=[0], target=[1], output=[10, 0, 0])


def schedule(slot: list[int], start: list[float], finish: list[float]) -> Schedule:
    return Schedule(
        np.array(slot, dtype=np.int32), (np.array(start) * S).astype(np.int64), (np.array(finish) * S).astype(np.int64)
    )


LATE = schedule([0, 1, 1], [1, 4.5, 6], [3, 5.5, 7])


def test_in_the_same_world_everything_starts_as_soon_as_it_can() -> None:
    again = replay(GRAPH, PAIR, LATE)
    assert again.slot.tolist() == [0, 1, 1]
    assert (again.start_us / S).tolist() == [0, 3, 4]
    assert (again.finish_us / S).tolist() == [2, 4, 5]


def test_a_slow_executor_delays_what_waits_for_it_and_nothing_else() -> None:
    assert (replay(GRAPH, PAIR, LATE, slow={"x": 3.0}).start_us / S).tolist() == [0, 7, 8]
    assert (replay(GRAPH, PAIR, LATE, slow={"y": 3.0}).start_us / S).tolist() == [0, 3, 6]
    assert (replay(GRAPH, PAIR, LATE, slow={"y": 0.5}).finish_us / S).tolist() == [2, 3.5, 4]


def test_noise_is_log_normal_around_the_planned_time_and_repeats_with_its_seed() -> None:
    graph = Graph.from_arrays(work=[1.0] * 4000)
    plan = schedule(list(range(4000)), [0] * 4000, [1] * 4000)
    cluster = Cluster.uniform(4000)
    times = replay(graph, cluster, plan, noise=0.5, seed=1).finish_us / S
    assert np.median(times) == pytest.approx(1.0, abs=0.05)
    assert np.log(times).std() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(times, replay(graph, cluster, plan, noise=0.5, seed=1).finish_us / S)
    assert not np.array_equal(times, replay(graph, cluster, plan, noise=0.5, seed=2).finish_us / S)


def test_memory_is_kept_in_the_other_world_too() -> None:
    """Planned one after the other for memory alone: when the first takes longer, the second still waits for it."""
    graph = Graph.from_arrays(work=[2, 2, 1], memory=[4, 4, 0])
    cluster = Cluster((Executor("x", slots=2, memory_bytes=6),))
    plan = schedule([0, 1, 0], [0, 2, 3], [2, 4, 4])
    validate(graph, cluster, plan)
    again = replay(graph, cluster, plan, slow={"x": 2.0})
    assert (again.start_us / S).tolist() == [0, 4, 4]


def test_memory_held_under_a_later_task_without_memory_is_not_forgotten() -> None:
    graph = Graph.from_arrays(work=[2, 1, 2, 1], memory=[4, 0, 4, 0], source=[3], target=[2])
    cluster = Cluster((Executor("x", slots=2, memory_bytes=6), Executor("y")))
    plan = schedule([0, 0, 1, 2], [0, 2, 3, 0], [2, 3, 5, 1])
    validate(graph, cluster, plan)
    assert (replay(graph, cluster, plan).start_us / S).tolist() == [0, 2, 2, 0]


def test_tasks_of_no_length_at_one_moment_keep_the_order_of_the_graph() -> None:
    graph = Graph.from_arrays(work=[0, 0, 1], source=[1, 0], target=[0, 2])
    plan = schedule([0, 0, 0], [5, 5, 5], [5, 5, 6])
    assert (replay(graph, Cluster.uniform(1), plan).start_us / S).tolist() == [0, 0, 0]
    slow = schedule([0, 1, 0], [3, 3, 3], [3, 3, 4])
    assert (replay(graph, Cluster.uniform(2, network=Network(2 * S)), slow).start_us / S).tolist() == [2, 0, 2]


def test_a_task_of_no_length_holds_memory_for_no_time() -> None:
    graph = Graph.from_arrays(work=[4, 1, 0], memory=[5, 0, 1])
    plan = schedule([0, 1, 1], [0, 0, 1], [4, 1, 1])
    cluster = Cluster.uniform(1, 2, memory_bytes=5)
    validate(graph, cluster, plan)
    assert replay(graph, cluster, plan).start_us.tolist() == plan.start_us.tolist()


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(InputError) as raised:
        replay(GRAPH, PAIR, LATE, noise=float("nan"), slow={"z": 2.0, "x": 0.0, "y": float("inf")})
    assert [fault.path for fault in raised.value.faults] == ["noise", "slow['z']", "slow['x']", "slow['y']"]


def test_nothing_replays_to_nothing() -> None:
    empty = Graph.from_arrays(work=[])
    assert replay(empty, PAIR, schedule([], [], []), noise=0.3).makespan_us == 0
