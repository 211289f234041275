"""Plans of random graphs on random clusters: valid, bounded, repeatable; and a validator that misses nothing."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.errors import InvalidPlanError
from planner.model import Bound, Cluster, Executor, Graph, Network, Plan, Schedule
from planner.pipeline.explain import critical_chain
from planner.replay import replay
from planner.schedulers import auto, methods
from planner.schedulers.kernel import list_schedule
from planner.validate import validate


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Graph:
    n = draw(st.integers(1, most))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * n)) if pairs else []
    numbers = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    return Graph.from_arrays(
        work=draw(numbers),
        source=[a for a, _ in edges],
        target=[b for _, b in edges],
        output=draw(numbers),
        memory=draw(numbers),
    )


@st.composite
def clusters(draw: st.DrawFn, most: int = 4) -> Cluster:
    speeds = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=most))
    memory = draw(st.sampled_from([None, 5, 8]))
    slots = draw(st.integers(1, 2)) if len(speeds) < 3 else 1
    executors = tuple(Executor(str(i), slots=slots, speed=s, memory_bytes=memory) for i, s in enumerate(speeds))
    return Cluster(executors, Network(draw(st.sampled_from([0, 500_000])), draw(st.sampled_from([np.inf, 2.0]))))


@given(graphs(), clusters(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_method_is_valid_and_replays_no_later(graph: Graph, cluster: Cluster, seed: int) -> None:
    problem = Problem.of(graph, cluster)
    bound = lower_bound(problem)
    for method in methods():
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
    problem = Problem.of(graph, cluster)
    best = min(_all_makespans(problem))
    bound = lower_bound(problem)
    assert bound.us <= best <= auto(problem, bound, 0, 5.0).schedule.makespan_us


def _all_makespans(problem: Problem) -> Iterator[int]:
    """Every order of the tasks on every choice of slots; one of them is optimal."""
    before = [set(problem.pred[problem.pred_ptr[t] : problem.pred_ptr[t + 1]].tolist()) for t in range(problem.n)]
    for order in itertools.permutations(range(problem.n)):
        if any(before[task] - set(order[:i]) for i, task in enumerate(order)):
            continue
        for slots in itertools.product(range(problem.n_slots), repeat=problem.n):
            chosen = np.array(slots, dtype=np.int32)
            yield list_schedule(problem, np.array(order, dtype=np.int32), slots=chosen).makespan_us


GRAPH = Graph.from_arrays(
    ["a", "b", "c"], work=[2, 1, 1], source=[0, 0], target=[1, 2], output=[10, 0, 0], memory=[3, 3, 3]
)
CLUSTER = Cluster((Executor("x", slots=2, memory_bytes=6), Executor("y", memory_bytes=6)), Network(1000, 10.0))
S = 10**6


@pytest.mark.parametrize(
    ("slot", "start", "length", "said"),
    [
        ([0, 0, 3], [0, 2, 4], [2, 1, 1], "expected 0 to 2"),
        ([0, 0, 1], [0, 2, -1], [2, 1, 1], "starts at -1000000 us"),
        ([0, 0, 1], [0, 2, 2], [2, 2, 1], "takes 2000000 us; expected 1000000 us"),
        ([0, 0, 1], [0, 1, 2], [2, 1, 1], "its input from tasks['a'] is there at 2000000 + 0 us"),
        ([0, 0, 2], [0, 2, 2], [2, 1, 1], "its input from tasks['a'] is there at 2000000 + 1001000 us"),
        ([0, 0, 0], [0, 2, 2], [2, 1, 1], "where tasks['b'] runs until 3000000 us"),
    ],
)
def test_the_validator_says_what_is_broken(slot: list[int], start: list[int], length: list[int], said: str) -> None:
    begins = np.array(start, dtype=np.int64) * S
    schedule = Schedule(np.array(slot, dtype=np.int32), begins, begins + np.array(length) * S)
    with pytest.raises(InvalidPlanError) as raised:
        validate(GRAPH, CLUSTER, schedule)
    assert said in str(raised.value)


def test_the_validator_counts_memory_of_tasks_that_run_together() -> None:
    graph = Graph.from_arrays(work=[1, 1], memory=[4, 4])
    together = Schedule(np.array([0, 1], dtype=np.int32), np.zeros(2, dtype=np.int64), np.full(2, S))
    with pytest.raises(InvalidPlanError, match="holds 8 bytes"):
        validate(graph, CLUSTER, together)
    apart = Schedule(np.array([0, 2], dtype=np.int32), np.zeros(2, dtype=np.int64), np.full(2, S))
    validate(graph, CLUSTER, apart)


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


def test_bound_words_name_what_binds() -> None:
    chain = Graph.from_arrays(work=[1, 1], source=[0], target=[1])
    assert lower_bound(Problem.of(chain, Cluster.uniform(2))) == Bound(
        2 * S, "the critical path takes 2 s on the fastest executors"
    )
    assert (
        "fills 2 slots for 3 s" in lower_bound(Problem.of(Graph.from_arrays(work=[2, 2, 2]), Cluster.uniform(2))).reason
    )
