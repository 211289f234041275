"""The constraint programme: it proves, it never gets worse, and it keeps every rule."""

from __future__ import annotations

import numpy as np
import pytest

from planner import Cluster, Executor, Graph, InputError, Network, Pin, Progress, plan
from planner.cost import Problem
from planner.schedulers import get
from planner.schedulers.exact import solve
from planner.validate import validate
from tests.instances import CLUSTERS, GRAPHS


@pytest.mark.parametrize("cluster", ["three equal", "two of four slots, little memory"])
@pytest.mark.parametrize("graph", ["fork and join", "costly to part", "independent", "memory"])
def test_small_plans_are_proved_optimal(graph: str, cluster: str) -> None:
    found = plan(GRAPHS[graph], CLUSTERS[cluster], method="exact")
    assert found.status == "optimal" and found.method == "exact"
    assert found.makespan_us <= plan(GRAPHS[graph], CLUSTERS[cluster], iterations=300).makespan_us


def test_a_start_is_kept_where_no_time_is_left_and_the_bound_still_holds() -> None:
    problem = Problem.of(GRAPHS["layered"], CLUSTERS["four speeds, three hosts"])
    start = get("random").schedule(problem, 0)
    proved = solve(problem, start=start, bound_us=7, seed=0, seconds=0.0)
    assert proved.schedule.makespan_us <= start.makespan_us
    assert 7 <= proved.bound_us <= proved.schedule.makespan_us


def test_pins_groups_speeds_and_what_has_begun_are_part_of_the_programme() -> None:
    cluster = Cluster(
        (Executor("0", kind="gpu", speeds={"train": 4.0}), Executor("1", slots=2), Executor("2", slots=2)),
        Network(100_000, 10**6),
    )
    graph = Graph.from_arrays(
        work=[4, 4, 3, 3, 2, 1],
        source=[0, 1, 2],
        target=[2, 3, 5],
        output=[10**6, 0, 10**5, 0, 0, 0],
        kind=["train", "train", "task", "task", "task", "task"],
        pins={4: Pin(kind="gpu")},
        apart={2: "copies", 3: "copies"},
    )
    progress = Progress(
        500_000, np.array([0, -1, -1, -1, -1, -1], np.int32), np.zeros(6, np.int64), np.array([10**6, 0, 0, 0, 0, 0])
    )
    for begun in (None, progress):
        problem = Problem.of(graph, cluster, begun)
        start = get("heft").schedule(problem, 0)
        proved = solve(problem, start=start, bound_us=0, seed=0)
        validate(graph, cluster, proved.schedule, begun)
        assert proved.bound_us == proved.schedule.makespan_us <= start.makespan_us


def test_a_problem_that_is_too_large_is_refused_in_words() -> None:
    graph = Graph.from_arrays(work=[1.0] * 30_000)
    with pytest.raises(InputError, match="method: exact is for up to 20000 tasks times executors; expected another"):
        plan(graph, Cluster.uniform(2, network=Network(10)), method="exact")


@pytest.mark.parametrize(
    ("work", "edges", "output", "memory"),
    [
        ([0, 0, 0, 4, 0, 0], [(2, 4), (4, 5)], [3, 1, 2, 3, 3, 0], [4, 1, 0, 3, 3, 3]),
        ([0, 2, 0, 0, 4, 4], [(0, 3), (1, 3), (1, 4), (2, 4), (4, 5)], [2, 1, 1, 2, 1, 1], [3, 2, 4, 2, 3, 1]),
    ],
)
def test_a_task_of_no_length_may_be_inside_another_in_the_programme_but_in_no_schedule(
    work: list[int], edges: list[tuple[int, int]], output: list[int], memory: list[int]
) -> None:
    source, target = zip(*edges, strict=True)
    graph = Graph.from_arrays(work=work, source=source, target=target, output=output, memory=memory)
    cluster = Cluster((Executor("0", memory_bytes=8), Executor("1", speed=0.5)), Network(500_000))
    problem = Problem.of(graph, cluster)
    proved = solve(problem, start=get("heft").schedule(problem, 0), bound_us=0, seed=0)
    validate(graph, cluster, proved.schedule)
    assert proved.bound_us == proved.schedule.makespan_us
