"""Explanations of random plans: what is said of waiting is true, and no remedy that only allows more is worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner import Cluster, Graph, InfeasibleError, Pin, Plan, Progress, plan, replan
from planner.cost import Problem
from planner.explaining.critical import critical_steps
from planner.explaining.explain import explain
from planner.explaining.waiting import memory_waits
from planner.model import Schedule
from planner.spills import spilled_bytes


@st.composite
def placed(draw: st.DrawFn) -> tuple[Graph, Cluster]:
    """Draw tasks of which some are pinned and some stay apart."""
    graph, cluster = draw(graphs(8)), draw(clusters())
    tasks, ids = st.sampled_from(range(graph.n)), [executor.id for executor in cluster.executors]
    pins = draw(st.dictionaries(tasks, st.builds(Pin, executor=st.sampled_from(ids)), max_size=3))
    apart = draw(st.dictionaries(tasks, st.sampled_from("xy"), max_size=4))
    return replace(graph, pins=dict(sorted(pins.items())), apart=dict(sorted(apart.items()))), cluster


@given(placed(), st.sampled_from(["heft", "round_robin", "random"]), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_remedy_that_only_allows_more_is_never_worse(of: tuple[Graph, Cluster], method: str, seed: int) -> None:
    graph, cluster = of
    try:
        found = plan(graph, cluster, method=method, seed=seed)
    except InfeasibleError:
        return
    told = explain(found)
    saved = {remedy.what: remedy.saved_us for remedy in told.remedies}
    values_wait = len(Problem.of(graph, cluster).waiting_bytes)
    for what, us in saved.items():
        assert us >= 0 or ("splitting" in what and (cluster.overhead_us or values_wait)), what
    assert list(saved.values()) == sorted(saved.values(), reverse=True)
    for less, more in (
        ("a network twice as fast", "a network that costs nothing"),
        ("twice the memory on every executor", "memory without limit"),
    ):
        assert saved.get(less, 0) <= saved.get(more, 0)
    for limit in told.limits:
        assert 0 <= limit.us <= found.makespan_us
    assert str(told) and told.to_dict()


@given(placed(), st.sampled_from(["heft", "round_robin", "random"]), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_steps_of_a_chain_add_up_to_the_makespan(of: tuple[Graph, Cluster], method: str, seed: int) -> None:
    graph, cluster = of
    try:
        found = plan(graph, cluster, method=method, seed=seed)
    except InfeasibleError:
        return
    steps, schedule = critical_steps(found), found.schedule
    spans = (schedule.finish_us - schedule.start_us)[[step.task for step in steps]]
    if len(Problem.of(graph, cluster).waiting_bytes):
        return  # a task may wait until there is room for its value, which nothing has to end for when it starts
    # A list schedule starts nothing later than it has to, so the chain has no holes.
    assert int(spans.sum()) + sum(step.sent_us for step in steps) == found.makespan_us
    assert steps[0].reason == "nothing" and "nothing" not in [step.reason for step in steps[1:]]


@given(graphs(10), clusters(2), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_task_that_waits_for_memory_would_have_exceeded_it(graph: Graph, cluster: Cluster, seed: int) -> None:
    found = plan(graph, cluster, method="heft", seed=seed)
    problem, wait, schedule = Problem.of(graph, cluster), memory_waits(found), found.schedule
    owner = cluster.slot_executor[schedule.slot]
    for task in np.flatnonzero(wait).tolist():
        sooner = Schedule(schedule.slot, schedule.start_us.copy(), schedule.finish_us.copy())
        sooner.start_us[task] -= 1
        sooner.finish_us[task] -= 1
        running = (sooner.start_us < sooner.finish_us) & (owner == owner[task])
        together = running & (sooner.start_us <= sooner.start_us[task]) & (sooner.finish_us > sooner.start_us[task])
        limit = cluster.executors[owner[task]].memory_bytes
        assert limit is not None
        assert graph.memory_bytes[together].sum() > limit or spilled_bytes(problem, sooner)[owner[task]] > 0
        slots = np.unique(schedule.slot[together & (np.arange(graph.n) != task)])
        assert len(slots) < cluster.executors[owner[task]].slots, "no slot was free"


def test_what_is_left_of_a_plan_is_explained_around_what_has_begun() -> None:
    graph = Graph.from_arrays(["a", "b", "c", "d"], work=[4, 4, 4, 1], output=[8] * 4, source=[0], target=[3])
    planned = plan(graph, Cluster.uniform(2))
    now = 2_000_000
    begun = planned.schedule.start_us < now
    progress = Progress(
        now,
        np.where(begun, planned.schedule.slot, -1).astype(np.int32),
        np.where(begun, planned.schedule.start_us, 0),
        np.where(begun, planned.schedule.finish_us, 0),
    )
    found: Plan = replan(planned, progress)
    told = {remedy.what: remedy.makespan_us for remedy in explain(found).remedies}
    assert told == {"one more executor": 6_000_000}, "what has begun cannot be split, nor get other slots"
