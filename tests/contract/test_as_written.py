"""Loops as they are written and compiled loops: the same schedules, with and without a compiler."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from planner import Progress, packing, plan, replan, simulate
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import Cluster, Graph
from planner.model.compiled import interpreted
from planner.schedulers import auto, get, suiting
from planner.validate import validate
from tests.instances import CLUSTERS, GRAPHS


def both(work: Callable[[], Any]) -> tuple[Any, Any]:
    """Do the same with compiled loops and with loops as they are written."""
    with interpreted():
        written = work()
    return work(), written


def lists(schedule: Any) -> tuple[list[int], list[int], list[int]]:
    return schedule.slot.tolist(), schedule.start_us.tolist(), schedule.finish_us.tolist()


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_method_finds_the_same_schedule(graph: str, cluster: str) -> None:
    problem = Problem.of(GRAPHS[graph], CLUSTERS[cluster])
    bounds = both(lambda: lower_bound(problem))
    assert bounds[0] == bounds[1]
    for method in suiting(problem):
        compiled, written = both(lambda: method.schedule(problem, 0))  # noqa: B023 - it is called at once
        assert lists(compiled) == lists(written), method.name


@pytest.mark.parametrize("graph", [name for name, graph in GRAPHS.items() if 4 < graph.n < 100])
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_search_is_as_valid_and_never_behind(graph: str, cluster: str) -> None:
    """What it draws at random differs, so that it need not find the same."""
    tasks, executors = GRAPHS[graph], CLUSTERS[cluster]
    problem = Problem.of(tasks, executors)
    with interpreted():
        bound = lower_bound(problem)
        found = auto(problem, bound, 0, schedules=10)
        quick = min(method.schedule(problem, 0).makespan_us for method in suiting(problem))
    validate(tasks, executors, found.schedule)
    assert bound.us <= found.schedule.makespan_us <= quick


@pytest.mark.parametrize("search", ["genetic", "ant_colony"])
def test_searches_by_name_as_they_are_written(search: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[f"planner.schedulers.{search}"], "_STEPS", 300_000)
    tasks, executors = GRAPHS["fork and join"], CLUSTERS["four speeds, three hosts"]
    problem = Problem.of(tasks, executors)
    with interpreted():
        schedule = get(search).schedule(problem, 0)
    validate(tasks, executors, schedule)


def test_what_is_left_and_what_is_replayed_are_the_same() -> None:
    planned = plan(GRAPHS["layered"], CLUSTERS["two of four slots, little memory"], method="heft")
    now = int(np.median(planned.schedule.start_us))
    begun = planned.schedule.start_us < now
    slot = np.where(begun, planned.schedule.slot, -1).astype(np.int32)
    start, finish = (np.where(begun, each, 0) for each in (planned.schedule.start_us, planned.schedule.finish_us))
    compiled, written = both(lambda: replan(planned, Progress(now, slot, start, finish)))
    assert lists(compiled.schedule) == lists(written.schedule) and compiled.bound == written.bound
    compiled, written = both(lambda: simulate(planned, noise=0.3, slow={"1": 2.0}))
    assert lists(compiled.schedule) == lists(written.schedule)


def test_packings_are_the_same() -> None:
    times = np.random.default_rng(0).integers(1, 50, 40)
    for work in (
        lambda: packing.lpt(times, np.ones(3))[0],
        lambda: packing.lpt(times / 2, np.ones(3))[0],
        lambda: packing.lpt(times, [1.0, 2.0, 3.0])[0],
        lambda: packing.multifit(times, 3),
        lambda: packing.earliest_completion(times.reshape(10, 4), np.ones((10, 4), bool), np.zeros(4, np.int64))[0],
    ):
        compiled, written = both(work)
        assert compiled.tolist() == written.tolist()
    with interpreted():
        packed = packing.pack(times, 7, iterations=20)
        assigned = packing.assign(times.reshape(10, 4), iterations=50)
    assert packed.makespan >= packed.lower_bound and assigned.makespan >= assigned.lower_bound


def test_a_large_graph_is_ordered_the_same() -> None:
    n = 4000
    source, target = np.arange(n - 2), np.arange(n - 2) + 2
    graphs = both(lambda: Graph.from_arrays(work=np.ones(n), source=[*source, 0], target=[*target, n - 1]))
    assert graphs[0].order.tolist() == graphs[1].order.tolist()
    many = Cluster.uniform(80)
    schedules = both(lambda: get("critical_path").schedule(Problem.of(graphs[0], many), 0))
    assert lists(schedules[0]) == lists(schedules[1])
