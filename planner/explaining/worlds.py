"""The worlds in which a plan is made again: more executors, a faster network, more memory, a task in two halves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from planner.cost import Problem
from planner.explaining.limits import executor_name, printed, task_name
from planner.explaining.waiting import busiest_pair
from planner.model.arrays import Int64
from planner.model.cluster import Cluster, Executor, Link, Network
from planner.model.graph import Graph
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_seconds
from planner.report.words import count

__all__ = ["World", "worlds"]

Changed: TypeAlias = tuple[str, Cluster, tuple[str, ...]]
"""What is other, the cluster, and the worlds whose plans can be had there too."""


@dataclass(frozen=True, eq=False)
class World:
    """A graph and a cluster, one thing of which is other than in the plan at hand.

    Attributes
    ----------
    what : str
        What is other.
    graph : Graph
    cluster : Cluster
    start_us : ndarray of int64, shape (n,)
        When each task starts in the plan at hand.
    relaxed : bool
        Whether it only allows more, so that the plan at hand can be had there too.
    over : tuple of str
        Other worlds, whose plans can be had there too.
    """

    what: str
    graph: Graph
    cluster: Cluster
    start_us: Int64
    relaxed: bool = True
    over: tuple[str, ...] = ()


def worlds(found: Plan, chain: Sequence[int]) -> Iterator[World]:
    """Give the worlds that make sense for a plan.

    Parameters
    ----------
    found : Plan
    chain : sequence of int
        The critical tasks. Where the heaviest task is none of them, the heaviest of them is split as well.
    """
    graph, cluster, start_us = found.graph, found.cluster, found.schedule.start_us
    for what, other, over in _clusters(found):
        yield World(what, graph, other, start_us, over=over)
    if graph.pins:
        yield World(f"without the pins of {count(len(graph.pins), 'task')}", replace(graph, pins={}), cluster, start_us)
    if graph.apart:
        groups = count(len(set(graph.apart.values())), "group")
        yield World(f"without keeping {groups} apart", replace(graph, apart={}), cluster, start_us)
    if found.progress is None:
        yield from _halves(found, chain)


def _clusters(found: Plan) -> Iterator[Changed]:
    """Give clusters that allow more; where work goes on, their first slots are those of the plan."""
    graph, cluster = found.graph, found.cluster
    problem = Problem.of(graph, cluster)
    yield from _larger(found)
    if graph.n > cluster.n_slots and problem.fits and found.progress is None:
        doubled = tuple(replace(executor, slots=2 * executor.slots) for executor in cluster.executors)
        yield "twice as many slots on every executor", replace(cluster, executors=doubled), ()
    if graph.n_edges and not problem.free_network and (graph.edge_bytes.any() or problem.latency_us.any()):
        yield from _networks(found)
    if not problem.fits:
        twice = "twice the memory on every executor"
        for what, factor, over in ((twice, 2, ()), ("memory without limit", None, (twice,))):
            roomier = tuple(_roomier(executor, factor) for executor in cluster.executors)
            yield what, replace(cluster, executors=roomier), over


def _larger(found: Plan) -> Iterator[Changed]:
    """Add one more executor: like the fastest, and like the one that is fullest."""
    cluster = found.cluster
    sorts = [replace(executor, id="", host="") for executor in cluster.executors]
    busy = np.bincount(cluster.slot_executor, weights=found.busy_us) / np.bincount(cluster.slot_executor)
    fastest, fullest = int(cluster.speed.argmax()), int(busy.argmax())
    taken = {executor.id for executor in cluster.executors}
    name = next(name for i in range(len(taken) + 1) if (name := f"extra{i}") not in taken)
    for like in dict.fromkeys((fastest, fullest)):
        if like != fastest and sorts[like] == sorts[fastest]:
            continue
        alike = all(sort == sorts[0] for sort in sorts)
        what = "one more executor" if alike else f"one more executor like {executor_name(found, like)}"
        yield what, replace(cluster, executors=(*cluster.executors, replace(cluster.executors[like], id=name))), ()


def _networks(found: Plan) -> Iterator[Changed]:
    cluster, network = found.cluster, found.cluster.network
    within: tuple[str, ...] = ()
    pair = busiest_pair(found, [executor.host for executor in cluster.executors]) if network.links else None
    if pair is not None:
        hosts = {*pair[:2]}
        known = next((link for link in network.links if {*link.hosts} == hosts), None)
        link = _faster(known or Link((pair[0], pair[1]), network.latency_us, network.bandwidth))
        links = (*(other for other in network.links if {*other.hosts} != hosts), link)
        within = (f"the link between hosts {printed(pair[0])} and {printed(pair[1])} twice as fast",)
        yield within[0], replace(cluster, network=replace(network, links=links)), ()
    twice = replace(network, links=tuple(_faster(link) for link in network.links))
    twice = replace(twice, latency_us=network.latency_us // 2, bandwidth=network.bandwidth * 2)
    yield "a network twice as fast", replace(cluster, network=twice), within
    within = (*within, "a network twice as fast")
    yield "a network that costs nothing", replace(cluster, network=Network()), within


def _faster(link: Link) -> Link:
    return replace(link, latency_us=link.latency_us // 2, bandwidth=link.bandwidth * 2)


def _roomier(executor: Executor, factor: int | None) -> Executor:
    memory = executor.memory_bytes
    return replace(executor, memory_bytes=None if memory is None or factor is None else factor * memory)


def _halves(found: Plan, chain: Sequence[int]) -> Iterator[World]:
    """Split the heaviest task, and the heaviest critical one; none kept apart, whose halves would have to part."""
    work = found.graph.work_us.copy()
    work[[*found.graph.apart, *found.graph.copy_of, *found.graph.copy_of.values()]] = 0
    if not len(work):
        return
    heaviest = int(work.argmax())
    critical = max(chain, key=lambda task: int(work[task]), default=heaviest)
    named = [("heaviest", heaviest)]
    if work[critical] < work[heaviest]:
        named.append(("heaviest critical", critical))
    for which, task in named:
        if work[task] > 1:
            what = f"splitting the {which} task ({task_name(found, task)}, {format_seconds(int(work[task]))}) in two"
            start_us = np.append(found.schedule.start_us, found.schedule.start_us[task])
            # Two halves may run one after the other, but each takes the overhead, and one value waits for the other.
            relaxed = not found.cluster.overhead_us and not len(Problem.of(found.graph, found.cluster).waiting_bytes)
            yield World(what, _halved(found.graph, task), found.cluster, start_us, relaxed)


def _halved(graph: Graph, task: int) -> Graph:
    """Replace one task by two halves that may run side by side."""
    source = graph.pred.astype(np.int64)
    target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    into, out = target == task, source == task
    work = np.append(graph.work_us, graph.work_us[task] // 2)
    work[task] -= work[-1]
    return Graph.from_arrays(
        work=work / MICROSECONDS,
        source=np.concatenate([source, source[into], np.full(out.sum(), graph.n)]),
        target=np.concatenate([target, np.full(into.sum(), graph.n), target[out]]),
        edge_bytes=np.concatenate([graph.edge_bytes, graph.edge_bytes[into], graph.edge_bytes[out]]),
        memory=np.append(graph.memory_bytes, graph.memory_bytes[task]),
        output=np.append(graph.output_bytes, graph.output_bytes[task]),
        kind=[graph.kinds[kind] for kind in [*graph.kind.tolist(), int(graph.kind[task])]],
        pins={**graph.pins, graph.n: graph.pins[task]} if task in graph.pins else graph.pins,
        apart=graph.apart,
        replicas=graph.replicas,
        copy_of=graph.copy_of,
    )
