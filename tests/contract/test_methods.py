"""Every method on every instance, through the one validator."""

from __future__ import annotations

import sys

import pytest

from planner import Cluster, Executor, Graph, InfeasibleError, InputError, Network, plan
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.schedulers import get, methods, suiting
from planner.validate import validate
from tests.instances import CLUSTERS, GRAPHS

SEARCHES = [method for method in methods() if method.search]


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_method_keeps_every_rule_and_auto_is_never_behind(
    graph: str, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for search in SEARCHES:  # a tenth of what they try, and of what a proof may take
        monkeypatch.setattr(sys.modules[search.schedule.__module__], "_STEPS", 20_000_000)
    monkeypatch.setattr(sys.modules["planner.schedulers.auto"], "_PROOF_EFFORT", 0.005)
    tasks, executors = GRAPHS[graph], CLUSTERS[cluster]
    problem = Problem.of(tasks, executors)
    bound = lower_bound(problem)
    makespans = {}
    searches = [method for method in SEARCHES if not method.refuses(problem)]
    for name in [method.name for method in (*suiting(problem), *searches)]:
        schedule = get(name).schedule(problem, 0)
        validate(tasks, executors, schedule)
        assert schedule.makespan_us >= bound.us, name
        makespans[name] = schedule.makespan_us
    found = plan(tasks, executors, iterations=100)
    quick = [makespans[method.name] for method in suiting(problem)]
    assert found.makespan_us <= min(quick), makespans
    assert found.makespan_us >= found.bound.us >= bound.us


@pytest.mark.parametrize(
    ("graph", "cluster", "makespan"),
    [
        (GRAPHS["chain"], Cluster.uniform(3), 10.0),
        (GRAPHS["fork and join"], Cluster.uniform(2), 9.0),
        (GRAPHS["independent"], Cluster.uniform(2), 6.0),
        (GRAPHS["costly to part"], CLUSTERS["three equal"], 6.0),
        (GRAPHS["memory"], Cluster.uniform(1, 4, memory_bytes=1200 * 10**6), 4.0),
        (Graph.from_arrays(work=[4, 2]), Cluster((Executor("slow"), Executor("fast", speed=2.0))), 2.0),
        # The second half goes over: 1 s, then 0.5 s on its way, then 1 s beside the first half.
        (
            Graph.from_arrays(work=[1, 1, 1], source=[0, 0], target=[1, 2], output=[50 * 10**6, 0, 0]),
            Cluster.uniform(2, network=Network(0, 100 * 10**6)),
            2.5,
        ),
    ],
)
def test_optimal_makespans_found_by_hand(graph: Graph, cluster: Cluster, makespan: float) -> None:
    assert plan(graph, cluster).makespan == makespan


def test_a_task_that_fits_no_executor_is_named() -> None:
    with pytest.raises(InfeasibleError, match=r"tasks\['big'\].memory: is 2 GB; the largest executor has 1 GB"):
        plan(Graph.from_arrays(["big"], work=[1], memory=[2 * 10**9]), Cluster.uniform(1, memory_bytes=10**9))


def test_an_unknown_method_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        InputError, match="'hef' is not known; did you mean heft\\? expected auto, heft, critical_path, peft"
    ):
        plan(GRAPHS["chain"], Cluster.uniform(1), method="hef")


def test_all_bad_settings_are_told_at_once() -> None:
    with pytest.raises(InputError) as raised:
        plan(GRAPHS["chain"], Cluster.uniform(1), budget=-1, seed=-1, objective="beauty")
    assert [fault.path for fault in raised.value.faults] == ["budget", "seed", "objective"]
