"""Plans of random graphs on random clusters: valid and bounded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.explaining.critical import critical_chain
from planner.model import Cluster, Graph, Plan
from planner.replay import replay
from planner.schedulers import auto, suiting
from planner.schedulers.kernel import BEHIND, BY_END, arrays, place_all, state
from planner.schedulers.room import NEVER, RUNNING
from planner.validate import validate


@given(graphs(), clusters(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_every_method_is_valid_and_replays_no_later(graph: Graph, cluster: Cluster, seed: int) -> None:
    problem = Problem.of(graph, cluster)
    bound = lower_bound(problem)
    for method in suiting(problem):
        schedule = method.schedule(problem, seed)
        validate(graph, cluster, schedule)
        assert schedule.makespan_us >= bound.us
        assert (replay(graph, cluster, schedule).finish_us <= schedule.finish_us).all()
        chain = critical_chain(Plan(graph, cluster, schedule, bound, method.name))
        assert schedule.finish_us[chain[-1]] == schedule.makespan_us
        assert (np.diff(schedule.start_us[chain]) >= 0).all()


@given(graphs(most=5), clusters(most=2))
@settings(max_examples=20, deadline=None)
def test_the_bound_is_below_the_optimum_and_auto_is_not(graph: Graph, cluster: Cluster) -> None:
    problem = Problem.of(replace(graph, output_bytes=np.zeros(graph.n, dtype=np.int64)), cluster)
    best = min(_all_makespans(problem))
    bound = lower_bound(problem)
    found = auto(problem, bound, 0, schedules=300)
    assert bound.us <= found.bound.us <= best <= found.schedule.makespan_us
    if found.bound.us > bound.us:  # a proof, and not only what was known before
        assert found.schedule.makespan_us == best


def _all_makespans(problem: Problem) -> Iterator[int]:
    """Every order of the tasks on every choice of slots; one of them is optimal."""
    allowed: list[list[int]] = [[]] * problem.n
    for tasks, slots in problem.by_allowed_slots():
        for task in tasks.tolist():
            allowed[task] = slots.tolist()
    before = [set(problem.pred[problem.pred_ptr[t] : problem.pred_ptr[t + 1]].tolist()) for t in range(problem.n)]
    p, at, nothing = arrays(problem), state(problem), np.zeros(0, dtype=np.int64)
    for order in itertools.permutations(range(problem.n)):
        if any(before[task] - set(order[:i]) for i, task in enumerate(order)):
            continue
        for choice in itertools.product(*allowed):
            chosen = np.array(choice, dtype=np.int32)
            place_all(p, at, np.array(order, dtype=np.int32), chosen, BY_END, BEHIND, RUNNING, nothing, NEVER)
            yield int(at.finish.max())
