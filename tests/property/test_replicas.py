"""Replicas: every method keeps copies apart, backups stand by where they may, and a plan survives what it says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import asking, clusters, graphs

from planner import (
    Cluster,
    Executor,
    Graph,
    InfeasibleError,
    InputError,
    Pin,
    Progress,
    Replicas,
    plan,
    replan,
    simulate,
)
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.errors import InvalidPlanError
from planner.model import Schedule
from planner.partitioners import decompose
from planner.report import Redundancy
from planner.schedulers import choose_backups, get, methods
from planner.validate import validate

NAMES = [method.name for method in methods()]


@st.composite
def redundant(draw: st.DrawFn) -> tuple[Graph, Cluster]:
    """Draw a graph some of whose tasks have replicas, and up to five executors on up to three hosts."""
    graph, cluster = draw(graphs(6)), draw(clusters(5))
    hosts = draw(st.lists(st.sampled_from(["h0", "h1", "h2"]), min_size=5, max_size=5))
    if not cluster.network.links:
        executors = zip(cluster.executors, hosts, strict=False)
        cluster = replace(cluster, executors=tuple(replace(e, host=host) for e, host in executors))
    there = [e.host for e in cluster.executors]
    pins = draw(st.dictionaries(st.integers(0, graph.n - 1), st.builds(Pin, host=st.sampled_from(there)), max_size=1))
    asks = draw(asking(graph.n, most=3))
    return replace(graph, pins=pins, replicas=dict(sorted(asks["replicas"].items()))), cluster


def able(graph: Graph, cluster: Cluster, task: int) -> list[int]:
    pin = graph.pins.get(task, Pin())
    return [
        i
        for i, e in enumerate(cluster.executors)
        if pin.host in (None, e.host) and (e.memory_bytes is None or graph.memory_bytes[task] <= e.memory_bytes)
    ]


def replicas_on(
    graph: Graph, cluster: Cluster, found: Schedule, backups: dict[int, tuple[int, ...]]
) -> dict[int, list]:
    """Give the executor of every replica of each task that has some, task by task."""
    slots = {task: [int(found.slot[task]), *backups.get(task, ())] for task in graph.replicas}
    for copy, task in graph.copy_of.items():
        slots[task].append(int(found.slot[copy]))
    return {task: [int(cluster.slot_executor[slot]) for slot in there] for task, there in slots.items()}


def judge(graph: Graph, cluster: Cluster, found: Schedule, backups: dict[int, tuple[int, ...]]) -> None:
    """Hold a plan to what was asked for, as it is said: by counting."""
    for task, there in replicas_on(graph, cluster, found, backups).items():
        count, may = graph.replicas[task].count, able(graph, cluster, task)
        hosts = [cluster.executors[e].host for e in there]
        assert len(there) == len({*there}) == count
        assert {*there} <= {*may}
        if len({cluster.executors[e].host for e in may}) >= count:
            assert len({*hosts}) == count


@given(redundant(), st.sampled_from(NAMES), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_every_method_keeps_replicas_apart(given_: tuple[Graph, Cluster], name: str, seed: int) -> None:
    graph, cluster = given_
    try:
        whole = decompose(graph, cluster).graph
        problem = Problem.of(whole, cluster)
    except InfeasibleError:
        wanted = {task: 1 for task in range(graph.n)} | {t: asked.count for t, asked in graph.replicas.items()}
        assert any(len(able(graph, cluster, task)) < count for task, count in wanted.items())
        return
    if get(name).refuses(problem):
        return
    schedule = get(name).schedule(problem, seed)
    backups = choose_backups(problem, whole.replicas, schedule)
    validate(whole, cluster, schedule, backups=backups)
    judge(whole, cluster, schedule, backups)
    assert schedule.makespan_us >= lower_bound(problem).us


@given(redundant())
@settings(max_examples=25, deadline=None)
def test_a_plan_survives_what_it_says_and_no_more(given_: tuple[Graph, Cluster]) -> None:
    graph, cluster = given_
    try:
        found = plan(graph, cluster, iterations=20)
    except InfeasibleError:
        return
    told = Redundancy.of(found)
    assert (told is None) == (not graph.replicas)
    if told is None:
        return
    on = replicas_on(found.graph, cluster, found.schedule, dict(found.backups))
    judge(found.graph, cluster, found.schedule, dict(found.backups))

    def lost(executors: set[int]) -> bool:
        return any({*there} <= executors for there in on.values())

    everywhere = range(len(cluster.executors))
    assert not any(lost({*gone}) for gone in itertools.combinations(everywhere, told.executors))
    assert any(lost({*gone}) for gone in itertools.combinations(everywhere, told.executors + 1))
    hosts: dict[str, set[int]] = {}
    for i, executor in enumerate(cluster.executors):
        hosts.setdefault(executor.host, set()).add(i)
    assert not any(lost(set().union(*gone)) for gone in itertools.combinations(hosts.values(), told.hosts))
    assert any(lost(set().union(*gone)) for gone in itertools.combinations(hosts.values(), told.hosts + 1))
    assert told.standby + told.active + told.other + len(found.graph.copy_of) == found.graph.n


@given(redundant(), st.floats(0, 0.9), st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_left_is_planned_on_what_is_left(
    given_: tuple[Graph, Cluster], part: float, data: st.DataObject
) -> None:
    """Lost executors may leave too few for all replicas; that is no reason to stop."""
    graph, cluster = given_
    try:
        planned = plan(graph, cluster, method=data.draw(st.sampled_from(["heft", "round_robin", "min_min"])))
    except InfeasibleError:
        return
    now = int(planned.makespan_us * part)
    begun = planned.schedule.start_us < now
    ids = [e.id for e in cluster.executors]
    closed = tuple(data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=len(ids) - 1)))
    progress = Progress(
        now,
        np.where(begun, planned.schedule.slot, -1).astype(np.int32),
        np.where(begun, planned.schedule.start_us, 0),
        np.where(begun, planned.schedule.finish_us, 0),
        closed=closed,
    )
    try:
        again = replan(planned, progress)
    except InfeasibleError:
        open_ = {i for i, name in enumerate(ids) if name not in closed}
        left = np.flatnonzero(~begun).tolist()
        assert any(not open_.intersection(able(planned.graph, cluster, task)) for task in left)
        return
    validate(again.graph, cluster, again.schedule, progress, again.backups)
    assert str(Redundancy.of(again))
    for task, slots in again.backups.items():
        if not closed and (again.schedule.slot == planned.schedule.slot).all():
            assert {*slots} == {*planned.backups[task]}, "values are sent where none stood by before"


@given(redundant(), st.sampled_from(["none", "planned"]))
@settings(max_examples=12, deadline=None)
def test_plans_with_copies_are_replayed_and_rebalanced(given_: tuple[Graph, Cluster], policy: str) -> None:
    graph, cluster = given_
    try:
        found = plan(graph, cluster, method="heft")
    except InfeasibleError:
        return
    try:
        lived = simulate(found, noise=0.5, slow={cluster.executors[0].id: 3}, rebalance=policy)
    except InputError as error:
        assert "where memory may stand in the way" in str(error)
    else:
        assert (lived.schedule.finish_us >= 0).all()


def apart(names: list[int] | list[str]) -> bool:
    return len({*names}) == len(names)


class Asked:
    """What replicas have to keep, as it is said: better places are looked for among all that there are."""

    def __init__(self, cluster: Cluster, progress: Progress) -> None:
        self.ids = [e.id for e in cluster.executors]
        self.hosts = [e.host for e in cluster.executors]
        self.closed = bool(progress.closed)
        self.open = [i for i, name in enumerate(self.ids) if name not in progress.closed]

    def can_be_apart(self, begun: list[int], left: int, of: list[str]) -> bool:
        there = itertools.product(self.open, repeat=left)
        return any(apart([of[i] for i in (*begun, *chosen)]) for chosen in there)

    def copies(self, begun: list[int], left: list[int]) -> bool:
        """Tell whether copies are where they may; those that have begun may be anywhere."""
        choices = itertools.product(self.open, repeat=len(left))
        if self.closed and not any(apart([*chosen]) and not {*chosen} & {*begun} for chosen in choices):
            return True
        if not apart([self.ids[i] for i in left]) or {*begun} & {*left}:
            return False
        return not self.can_be_apart(begun, len(left), self.hosts) or apart([self.hosts[i] for i in (*begun, *left)])

    def backups(self, home: int, on: list[int], count: int) -> bool:
        others = [i for i in self.open if i != home]
        wanted = min(count, len(others)) if self.closed else count
        if len(on) != wanted or not {*on} <= {*others} or not apart([self.ids[i] for i in on]):
            return False
        return not self.can_be_apart([home], count, self.hosts) or apart([self.hosts[i] for i in (home, *on)])


@given(st.data(), st.lists(st.sampled_from(["x", "y", "z"]), min_size=2, max_size=4), st.integers(2, 3))
@settings(max_examples=100, deadline=None)
def test_the_validator_takes_what_keeps_the_rules_and_nothing_else(
    data: st.DataObject, hosts: list[str], count: int
) -> None:
    """Tasks take no time and no memory here, so that nothing but replicas can be wrong."""
    cluster = Cluster(tuple(Executor(str(i), host=host) for i, host in enumerate(hosts)))
    mode = data.draw(st.sampled_from(["active", "standby"]))
    copies = range(1, count) if mode == "active" else ()
    graph = Graph.from_arrays(
        work=[0] * (1 + len(copies)), replicas={0: Replicas(count, mode)}, copy_of=dict.fromkeys(copies, 0)
    )
    executors = st.sampled_from(range(len(hosts)))
    closed = data.draw(st.lists(executors, unique=True, max_size=len(hosts) - 1))
    now = data.draw(st.booleans())
    begun = [now and data.draw(st.booleans()) for _ in range(graph.n)]
    free = executors.filter(lambda i: i not in closed)
    slot = np.array([data.draw(executors if already else free) for already in begun], np.int32)
    nothing = np.zeros(graph.n, np.int64)
    progress = Progress(0, np.where(begun, slot, -1).astype(np.int32), nothing, nothing, tuple(map(str, closed)))
    asked, schedule, on = Asked(cluster, progress), Schedule(slot, nothing, nothing), []
    if mode == "active":
        sides = [[int(s) for s, already in zip(slot, begun, strict=True) if already == side] for side in (True, False)]
        fine = asked.copies(*sides)
    else:
        some = st.permutations(range(len(hosts))).map(lambda order: order[: count - 1])
        on = data.draw(some | st.lists(executors, min_size=count - 2, max_size=count))
        fine = asked.backups(int(slot[0]), on, count - 1)
    event(f"{mode} {fine}")
    try:
        validate(graph, cluster, schedule, progress, {0: tuple(on)} if mode == "standby" else {})
    except InvalidPlanError as error:
        assert not fine, error
    else:
        assert fine
