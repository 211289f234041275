"""Values that wait: what is spilled, counted moment by moment; and plans against every start and every executor."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Cluster, Executor, Graph, Network, Schedule
from planner.schedulers import auto, suiting
from planner.spills import spilled_bytes

S = 10**6


@given(graphs(8), clusters())
@settings(max_examples=40, deadline=None)
def test_what_is_spilled_is_what_is_held_beyond_memory_at_the_worst_moment(graph: Graph, cluster: Cluster) -> None:
    problem = Problem.of(graph, cluster)
    for method in suiting(problem):
        schedule = method.schedule(problem, 0)
        spilled = spilled_bytes(problem, schedule).tolist()
        assert spilled == [_beyond(graph, cluster, schedule, executor) for executor in range(len(cluster.executors))]


def _beyond(graph: Graph, cluster: Cluster, schedule: Schedule, executor: int) -> int:
    limit = cluster.executors[executor].memory_bytes
    if limit is None:
        return 0
    start, finish = schedule.start_us, schedule.finish_us
    tasks = [t for t in range(graph.n) if cluster.slot_executor[schedule.slot[t]] == executor]
    most = 0
    for moment in {*start.tolist(), *finish.tolist()}:
        held = sum(int(graph.memory_bytes[t]) for t in tasks if start[t] <= moment < finish[t])
        for t in tasks:
            takers = graph.successors(t)
            if len(takers) and finish[t] <= moment < start[takers].max():
                held += int(graph.output_bytes[t])
        most = max(most, held - limit)
    return most


@st.composite
def crowded(draw: st.DrawFn) -> tuple[Graph, Cluster]:
    """Draw up to four tasks of 1 or 2 s with large values, on executors that hold little."""
    n = draw(st.integers(2, 4))
    edges = draw(st.lists(st.sampled_from(list(itertools.combinations(range(n), 2))), unique=True, min_size=1))
    graph = Graph.from_arrays(
        work=draw(st.lists(st.integers(1, 2), min_size=n, max_size=n)),
        source=[a for a, _ in edges],
        target=[b for _, b in edges],
        output=draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
        memory=draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)),
    )
    memory = [draw(st.integers(3, 5)) for _ in range(draw(st.integers(1, 2)))]
    slots = 1 if len(memory) > 1 else 2
    executors = tuple(Executor(str(i), slots=slots, memory_bytes=limit) for i, limit in enumerate(memory))
    return graph, Cluster(executors, Network(draw(st.sampled_from([0, S]))))


@given(crowded())
@settings(max_examples=30, deadline=None)
def test_nothing_is_spilled_where_that_is_possible_and_no_plan_without_is_shorter(
    given_: tuple[Graph, Cluster],
) -> None:
    graph, cluster = given_
    problem = Problem.of(graph, cluster)
    found = auto(problem, lower_bound(problem), 0, schedules=200)
    longest = int(graph.work_us.sum() // S) + (graph.n_edges if cluster.network.latency_us else 0)
    if spilled_bytes(problem, found.schedule).any():
        assert not _ends_by(graph, cluster, longest, {})
    else:
        seconds = found.schedule.makespan_us // S
        assert _ends_by(graph, cluster, seconds, {}) and not _ends_by(graph, cluster, seconds - 1, {})
        assert found.bound.us <= found.schedule.makespan_us


def _ends_by(graph: Graph, cluster: Cluster, limit: int, placed: dict[int, tuple[int, int, int]]) -> bool:
    """Try every start, at full seconds, on every executor; tasks are numbered in a topological order."""
    task = len(placed)
    if task == graph.n:
        return all(_holds(graph, cluster, executor, placed) for executor in range(len(cluster.executors)))
    takes, latency = int(graph.work_us[task] // S), cluster.network.latency_us // S
    for executor, each in enumerate(cluster.executors):
        inputs = [placed[source] for source in graph.predecessors(task).tolist()]
        ready = max((end + latency * (on != executor) for on, _, end in inputs), default=0)
        for start in range(ready, limit - takes + 1):
            beside = [(a, b) for on, a, b in placed.values() if on == executor and a < start + takes and start < b]
            free = all(sum(a <= m < b for a, b in beside) < each.slots for m in range(start, start + takes))
            if free and _ends_by(graph, cluster, limit, {**placed, task: (executor, start, start + takes)}):
                return True
    return False


def _holds(graph: Graph, cluster: Cluster, executor: int, placed: dict[int, tuple[int, int, int]]) -> bool:
    there = [(task, start, end) for task, (on, start, end) in placed.items() if on == executor]
    for moment in range(max(end for _, _, end in placed.values())):
        held = sum(int(graph.memory_bytes[task]) for task, start, end in there if start <= moment < end)
        for task, _, end in there:
            until = max((placed[taker][1] for taker in graph.successors(task).tolist()), default=end)
            held += int(graph.output_bytes[task]) if end <= moment < until else 0
        if held > (cluster.executors[executor].memory_bytes or 0):
            return False
    return True
