"""Plans of random graphs on random clusters: valid, bounded, repeatable; and a validator that misses nothing."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
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
from planner.schedulers.list_schedule import list_schedule
from planner.validate import validate


@given(graphs(), clusters(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=40, deadline=None)
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
    for order in itertools.permutations(range(problem.n)):
        if any(before[task] - set(order[:i]) for i, task in enumerate(order)):
            continue
        for choice in itertools.product(*allowed):
            chosen = np.array(choice, dtype=np.int32)
            yield list_schedule(problem, np.array(order, dtype=np.int32), slots=chosen).makespan_us


PROGRAM = """
import sys, hashlib
from tests.instances import CLUSTERS, GRAPHS
from planner import plan
found = plan(GRAPHS["wide"], CLUSTERS["four speeds, three hosts"], seed=3)
s = found.schedule
print(hashlib.sha256(s.slot.tobytes() + s.start_us.tobytes() + s.finish_us.tobytes()).hexdigest())
"""


def test_the_same_bytes_under_any_hash_seed() -> None:
    def digest(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([".", *sys.path])}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert digest("1") == digest("2") != ""
