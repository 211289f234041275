"""Pins, groups that stay apart, speeds per kind and what has begun: every method keeps every rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner import Cluster, Graph, InfeasibleError, Pin, Progress, plan, replan
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.schedulers import auto, get, methods
from planner.spills import spilled_bytes, worth
from planner.validate import validate

NAMES = [method.name for method in methods()]


@st.composite
def placed(draw: st.DrawFn) -> tuple[Graph, Cluster]:
    graph, cluster = draw(graphs(8)), draw(clusters())
    hosts = [e.host for e in cluster.executors]
    ids = [e.id for e in cluster.executors]
    pins = st.one_of(st.builds(Pin, host=st.sampled_from(hosts)), st.builds(Pin, executor=st.sampled_from(ids)))
    tasks = st.sampled_from(range(graph.n))
    kinds = draw(st.lists(st.sampled_from("abc"), min_size=graph.n, max_size=graph.n))
    names = tuple(dict.fromkeys(kinds))
    speeds = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.5, 2.0, 7.0]))
    return (
        replace(
            graph,
            kind=np.array([names.index(kind) for kind in kinds], dtype=np.int32),
            kinds=names,
            pins=dict(sorted(draw(st.dictionaries(tasks, pins, max_size=3)).items())),
            apart=dict(sorted(draw(st.dictionaries(tasks, st.sampled_from("xy"), max_size=4)).items())),
        ),
        replace(cluster, executors=tuple(replace(e, speeds=draw(speeds)) for e in cluster.executors)),
    )


@given(placed(), st.sampled_from(NAMES), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_every_method_keeps_pins_and_groups(given_: tuple[Graph, Cluster], name: str, seed: int) -> None:
    graph, cluster = given_
    try:
        problem = Problem.of(graph, cluster)
    except InfeasibleError:
        return
    if get(name).refuses(problem):
        return
    bound = lower_bound(problem)
    schedule = get(name).schedule(problem, seed)
    validate(graph, cluster, schedule)
    assert schedule.makespan_us >= bound.us
    found = auto(problem, bound, seed, schedules=60)
    validate(graph, cluster, found.schedule)
    assert bound.us <= found.bound.us <= found.schedule.makespan_us
    assert worth(problem, found.schedule) <= worth(problem, schedule)
    assert found.bound.us <= schedule.makespan_us or spilled_bytes(problem, schedule).any()


@given(placed(), st.sampled_from(NAMES), st.floats(0.1, 0.9), st.data())
@settings(max_examples=30, deadline=None)
def test_what_is_left_is_planned_around_what_has_begun(
    given_: tuple[Graph, Cluster], name: str, part: float, data: st.DataObject
) -> None:
    graph, cluster = given_
    try:
        if get(name).refuses(Problem.of(graph, cluster)):
            return
        planned = plan(graph, cluster, method=name)
    except InfeasibleError:
        return
    now = int(planned.makespan_us * part)
    begun = planned.schedule.start_us < now
    finish = np.where(begun, planned.schedule.finish_us + data.draw(st.sampled_from([0, 700_000])), 0)
    progress = Progress(
        now,
        np.where(begun, planned.schedule.slot, -1).astype(np.int32),
        np.where(begun, planned.schedule.start_us, 0),
        finish,
        closed=tuple(data.draw(st.sets(st.sampled_from([e.id for e in cluster.executors]), max_size=1))),
    )
    try:
        again = replan(planned, progress)
    except InfeasibleError:
        assert progress.closed
        return
    validate(graph, cluster, again.schedule, progress)
    assert again.makespan_us >= again.bound.us
    problem = Problem.of(graph, cluster, progress)
    if not progress.closed and (finish[begun] == planned.schedule.finish_us[begun]).all():
        assert worth(problem, again.schedule) <= worth(problem, planned.schedule)
    others = [auto(problem, again.bound, 0, schedules=30).schedule]
    if get(name).refuses(problem) is None:
        others.append(get(name).schedule(problem, 0))
    for other in others:
        validate(graph, cluster, other, progress)
        assert other.makespan_us >= again.bound.us
