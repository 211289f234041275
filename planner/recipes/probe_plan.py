"""A run that measures its cluster: its graph, each task on the slot that it is to measure.

One thing is measured after another, so that nothing disturbs what is measured: how processes start (one by one on
each host), each slot alone, all slots at once, the fixed cost of a task, and one link after another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from planner.model.builder import GraphBuilder, Handle
from planner.model.cluster import Cluster
from planner.model.plan import Bound, Plan, Schedule
from planner.model.units import MICROSECONDS

T = TypeVar("T")

__all__ = ["LARGE_BYTES", "Probes", "probes", "sampled_pairs"]

LARGE_BYTES = 8_000_000
"""Size of a large value: 6 ms on 10 Gbit/s, so that latency is little of it, and 0.6 s on 100 Mbit/s."""

TRIPS = (*[0] * 9, *[LARGE_BYTES] * 5)
"""Bytes of the values that travel to and fro on each link; the first of each size warms up."""

MOST_PAIRS = 24
"""So many links are measured within hosts, and as many across hosts."""

_TOGETHER_S = 2.0
_ALONE_S, _ALONE_HOST_S = 0.6, 6.0
"""Seconds for which a slot works alone, and for which all slots of a host do at most, if that leaves a window each."""

_WINDOW_S = 0.2
_TICKS, _TICKING = 40, 4
"""Tasks that do nothing, and executors on which there are so many."""

_LOOK_S, _SHORT_S = 1.0, 0.001
"""About what other tasks take; only the progress bar asks."""


@dataclass(frozen=True, eq=False)
class Probes:
    """A plan that measures, and which of the collected values says what.

    Attributes
    ----------
    plan : Plan
        Its last task gives a list of values.
    executors : list of int
        The executor of each of the first values, which are `planner.recipes.probes.Facts`.
    alone, together : list of int
        The slot of each of the values after that: pieces of work a second.
    ticking : int
        So many values follow, each a list of times.
    pairs : list of (int, int)
        The executors of each of the last values, which are trips.
    """

    plan: Plan
    executors: list[int]
    alone: list[int]
    together: list[int]
    ticking: int
    pairs: list[tuple[int, int]]


def probes(cluster: Cluster) -> Probes:
    """Plan what measures a cluster.

    Parameters
    ----------
    cluster : Cluster
        What a session has; its speeds and its network are not asked.
    """
    first = np.searchsorted(cluster.slot_executor, np.arange(len(cluster.executors))).tolist()
    hosts = _hosts(cluster)
    laid = _Laid(cluster)
    rounds = laid.add("calibrate", 0, _SHORT_S)
    looks, alone = {}, {}
    for executors in hosts.values():
        before: Sequence[Handle] = ()
        for executor in executors:
            looks[executor] = laid.add("look", first[executor], _LOOK_S, after=before)
            before = [looks[executor]]
        slots = np.flatnonzero(np.isin(cluster.slot_executor, executors)).tolist()
        seconds = max(_WINDOW_S, min(_ALONE_S, _ALONE_HOST_S / len(slots)))
        for slot in slots:
            alone[slot] = laid.add("work", slot, seconds, rounds, seconds, after=before)
            before = [alone[slot]]
    start = laid.add("gate", 0, _SHORT_S, rounds, after=[*looks.values(), *alone.values()])
    together = {slot: laid.add("work", slot, _TOGETHER_S, start, _TOGETHER_S) for slot in range(cluster.n_slots)}
    before, ticks = list(together.values()), []
    for executor in _evenly(range(len(first)), _TICKING):
        ticks.append(_ticking(laid, first[executor], before))
        before = [ticks[-1]]
    pairs, trips = sampled_pairs(cluster), []
    for a, b in pairs:
        trips.append(_to_and_fro(laid, first[a], first[b], before))
        before = [trips[-1]]
    measured = [*looks.values(), *alone.values(), *together.values(), *ticks, *trips]
    laid.add("collect", 0, _SHORT_S, *measured)
    return Probes(laid.plan(), list(looks), list(alone), list(together), len(ticks), pairs)


def sampled_pairs(cluster: Cluster, most: int = MOST_PAIRS) -> list[tuple[int, int]]:
    """Give the pairs of executors whose links are measured: all of them, or an even sample of hosts and pairs of hosts.

    Parameters
    ----------
    cluster : Cluster
    most : int
        So many within hosts, and so many across hosts.

    Examples
    --------
    >>> sampled_pairs(Cluster.uniform(3))
    [(0, 1), (0, 2), (1, 2)]
    >>> len(sampled_pairs(Cluster.uniform(200)))
    24
    """
    hosts = list(_hosts(cluster).values())
    within = [list(itertools.combinations(executors[:64], 2)) for executors in hosts]
    if sum(map(len, within)) > most:  # as many of each host, and at least one of each host that is asked
        asked = _evenly([pairs for pairs in within if pairs], most)
        within = [_evenly(pairs, max(1, most // len(asked))) for pairs in asked]
    apart = [
        (a, b) for one, other in itertools.combinations(hosts, 2) for a, b in itertools.product(one[:4], other[:4])
    ]
    if len(apart) > most:
        between = _evenly(list(itertools.combinations(hosts, 2)), most)
        apart = [(one[0], other[0]) for one, other in between]
    return [*itertools.chain(*within), *apart]


def _hosts(cluster: Cluster) -> dict[str, list[int]]:
    hosts: dict[str, list[int]] = {}
    for position, executor in enumerate(cluster.executors):
        hosts.setdefault(executor.host, []).append(position)
    return hosts


def _evenly(items: Sequence[T], most: int) -> list[T]:
    return list(items[:: math.ceil(len(items) / most)]) if items else []


def _ticking(laid: _Laid, slot: int, after: Sequence[Handle]) -> Handle:
    ticks = laid.add("tick", slot, _SHORT_S, after=after)
    for _ in range(_TICKS):
        ticks = laid.add("tick", slot, _SHORT_S, ticks)
    return ticks


def _to_and_fro(laid: _Laid, here: int, there: int, after: Sequence[Handle]) -> Handle:
    sent = laid.add("depart", here, _SHORT_S, TRIPS[0], after=after)
    for size in (*TRIPS[1:], -1):
        sent = laid.add("return_trip", here, _SHORT_S, laid.add("turn_back", there, _SHORT_S, sent), size)
    return sent


@dataclass
class _Laid:
    """A graph that grows in order, each task on a slot of its own choice, as early as what it waits for has ended."""

    cluster: Cluster
    graph: GraphBuilder = field(default_factory=GraphBuilder)
    slots: list[int] = field(default_factory=list)
    spans_us: list[tuple[int, int]] = field(default_factory=list)
    free_us: dict[int, int] = field(default_factory=dict)

    def add(self, run: str, slot: int, seconds: float, *args: object, after: Sequence[Handle] = ()) -> Handle:
        """Add a task of `planner.recipes.probes` on a slot."""
        before = [*after, *(given for given in args if isinstance(given, Handle))]
        start = max([self.free_us.get(slot, 0), *(self.spans_us[each.position][1] for each in before)])
        self.free_us[slot] = start + round(seconds * MICROSECONDS)
        self.spans_us.append((start, self.free_us[slot]))
        self.slots.append(slot)
        name, kind = f"{run}-{len(self.slots)}", run
        return self.graph.add(f"planner.recipes.probes:{run}", *args, id=name, after=after, work=seconds, kind=kind)

    def plan(self) -> Plan:
        """Give it as a plan."""
        start, finish = np.array(self.spans_us, dtype=np.int64).T
        schedule = Schedule(np.array(self.slots, dtype=np.int32), start, finish)
        bound = Bound(schedule.makespan_us, "one thing is measured after another")
        return Plan(self.graph.build(), self.cluster, schedule, bound, "one after another")
