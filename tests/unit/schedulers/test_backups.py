"""Which slots stand by, worked out by hand."""

from __future__ import annotations

import numpy as np

from planner import Cluster, Executor, Graph, Pin, Progress, Replicas
from planner.cost import Problem
from planner.model import Schedule
from planner.schedulers import choose_backups

S = 10**6


def at(*slots: int, length: int = 1) -> Schedule:
    start = np.zeros(len(slots), dtype=np.int64)
    return Schedule(np.array(slots, dtype=np.int32), start, start + length * S)


def hosts(*names: str, **how: object) -> Cluster:
    return Cluster(tuple(Executor(str(i), host=name, **how) for i, name in enumerate(names)))  # type: ignore[arg-type]


def test_what_is_promised_counts_as_load() -> None:
    problem = Problem.of(Graph.from_arrays(work=[1] * 4), Cluster.uniform(3))
    chosen = choose_backups(problem, dict.fromkeys(range(4), Replicas(2)), at(0, 0, 0, 0))
    assert chosen == {0: (1,), 1: (2,), 2: (1,), 3: (2,)}


def test_the_longest_choose_first_and_of_equals_the_first_slot() -> None:
    problem = Problem.of(Graph.from_arrays(work=[1, 5, 1]), Cluster.uniform(3))
    assert choose_backups(problem, dict.fromkeys(range(3), Replicas(2)), at(0, 0, 0)) == {0: (2,), 1: (1,), 2: (2,)}


def test_fast_executors_take_more() -> None:
    cluster = Cluster((Executor("0"), Executor("1"), Executor("2", speed=4)))
    problem = Problem.of(Graph.from_arrays(work=[4] * 3), cluster)
    assert choose_backups(problem, dict.fromkeys(range(3), Replicas(2)), at(0, 0, 0)) == dict.fromkeys(range(3), (2,))


def test_other_hosts_go_before_idle_slots_and_no_executor_is_taken_twice() -> None:
    problem = Problem.of(Graph.from_arrays(work=[1, 9, 9]), hosts("a", "a", "b", "b", "c", slots=2))
    busy = at(0, 4, 8)  # executor 0 on a, 2 on b, 4 on c
    assert choose_backups(problem, {0: Replicas(3)}, busy) == {0: (5, 9)}
    assert choose_backups(problem, {0: Replicas(5)}, busy) == {0: (5, 9, 2, 6)}, "hosts first, then executors"


def test_pins_and_memory_are_kept() -> None:
    cluster = Cluster(tuple(Executor(str(i), kind="gpu" if i > 2 else "cpu", memory_bytes=10 * i) for i in range(1, 6)))
    graph = Graph.from_arrays(work=[1, 1], memory=[25, 0], pins={1: Pin(kind="cpu")})
    problem = Problem.of(graph, cluster)
    assert choose_backups(problem, {0: Replicas(3), 1: Replicas(2)}, at(2, 0)) == {0: (3, 4), 1: (1,)}


def test_active_replicas_have_no_backups() -> None:
    problem = Problem.of(Graph.from_arrays(work=[1]), Cluster.uniform(2))
    assert choose_backups(problem, {0: Replicas(2, "active")}, at(0)) == {}


def test_slots_that_stood_by_do_so_again_where_they_may() -> None:
    problem = Problem.of(Graph.from_arrays(work=[1] * 3), hosts("a", "b", "c", "d"))
    before = {0: (3,), 1: (0,), 2: (2, 1)}
    three = {0: Replicas(2), 1: Replicas(2), 2: Replicas(3)}
    assert choose_backups(problem, three, at(0, 0, 3), before) == {0: (3,), 1: (1,), 2: (2, 1)}


def test_what_is_closed_stands_by_no_more_and_too_few_are_no_error() -> None:
    graph = Graph.from_arrays(work=[1] * 2, replicas={0: Replicas(3), 1: Replicas(2)})
    progress = Progress.none(2)
    for closed, chosen in ((("2",), {0: (1,), 1: (0,)}), (("1", "2"), {0: (), 1: (0,)})):
        problem = Problem.of(graph, Cluster.uniform(3), Progress(0, progress.slot, *[progress.start_us] * 2, closed))
        assert choose_backups(problem, graph.replicas, at(0, 1)) == chosen
