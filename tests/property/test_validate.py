"""The validator against its rules, written down once more as they are said, task by task and moment by moment."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from strategies import clusters, graphs

from planner.errors import InvalidPlanError
from planner.model import Cluster, Graph, Pin, Progress, Schedule
from planner.validate import validate

S = 10**6


class Rules:
    """What a schedule has to keep, one method a rule."""

    def __init__(self, graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> None:
        self.graph, self.cluster, self.progress = graph, cluster, progress
        self.slot, self.start, self.finish = (
            column.tolist() for column in (schedule.slot, schedule.start_us, schedule.finish_us)
        )
        self.begun = [slot >= 0 for slot in progress.slot.tolist()]
        self.planned = [task for task in range(graph.n) if not self.begun[task]]
        self.on = [int(cluster.slot_executor[slot]) for slot in self.slot]

    def broken(self) -> list[str]:
        rules = (self.times, self.inputs, self.slots, self.memory, self.pins, self.apart, self.progress_stands)
        rules += (self.not_before_now, self.open)
        return [rule.__name__ for rule in rules if not rule()]

    def times(self) -> bool:
        return all(
            self.finish[t] - self.start[t] == duration(self.graph, self.cluster, t, self.on[t]) for t in self.planned
        )

    def inputs(self) -> bool:
        edges = [(t, e) for t in self.planned for e in range(self.graph.pred_ptr[t], self.graph.pred_ptr[t + 1])]
        return all(
            self.start[t]
            >= self.finish[p] + self.cluster.transfer_us(int(self.graph.edge_bytes[e]), self.on[p], self.on[t])
            for t, e in edges
            for p in [int(self.graph.pred[e])]
        )

    def slots(self) -> bool:
        return not any(
            self.slot[a] == self.slot[b] and self.start[a] < self.finish[b] and self.start[b] < self.finish[a]
            for a in self.planned
            for b in range(self.graph.n)
            if a != b
        )

    def memory(self) -> bool:
        for a in self.planned:
            limit, memory = self.cluster.executors[self.on[a]].memory_bytes, self.graph.memory_bytes.tolist()
            at = self.start[a]
            beside = [b for b in range(self.graph.n) if b == a or self.start[b] <= at < self.finish[b]]
            held = sum(memory[b] for b in beside if self.on[b] == self.on[a])
            long = self.finish[a] > at
            if limit is not None and memory[a] and (memory[a] > limit or (long and held > limit)):
                return False
        return True

    def pins(self) -> bool:
        return all(
            getattr(pin, of) in (None, getattr(self.cluster.executors[self.on[t]], name))
            for t, pin in self.graph.pins.items()
            for of, name in (("executor", "id"), ("host", "host"), ("kind", "kind"))
            if not self.begun[t]
        )

    def apart(self) -> bool:
        return not any(
            a != b and name == other and self.on[a] == self.on[b] and not (self.begun[a] and self.begun[b])
            for a, name in self.graph.apart.items()
            for b, other in self.graph.apart.items()
        )

    def progress_stands(self) -> bool:
        recorded = zip(self.progress.slot, self.progress.start_us, self.progress.finish_us, strict=True)
        found = zip(self.slot, self.start, self.finish, strict=True)
        return all(was[0] < 0 or was == now for was, now in zip(recorded, found, strict=True))

    def not_before_now(self) -> bool:
        free = self.progress.slot_free_us or {}
        return all(self.start[t] >= max(self.progress.now_us, free.get(self.slot[t], 0)) for t in self.planned)

    def open(self) -> bool:
        return all(self.cluster.executors[self.on[t]].id not in self.progress.closed for t in self.planned)


def duration(graph: Graph, cluster: Cluster, task: int, executor: int) -> int:
    speed = cluster.executors[executor].speed_for(graph.kinds[graph.kind[task]])
    return round(int(graph.work_us[task]) / speed) + cluster.overhead_us


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Graph, Cluster, Schedule, Progress]:
    """Draw a schedule, places that it mostly keeps, and a moment in it; then change a bit of it."""
    graph, cluster = draw(graphs(7)), draw(clusters(4))
    kinds = draw(st.lists(st.sampled_from([0, 1]), min_size=graph.n, max_size=graph.n))
    graph = replace(graph, kind=np.array(kinds, np.int32), kinds=("a", "b"))
    speeds = st.dictionaries(st.sampled_from("ab"), st.sampled_from([0.3, 2.0, 7.0]), max_size=1)
    cluster = replace(cluster, executors=tuple(replace(e, speeds=draw(speeds)) for e in cluster.executors))
    if draw(st.booleans()):
        cluster = replace(cluster, executors=tuple(replace(e, memory_bytes=None) for e in cluster.executors))
    slot, start, finish = (np.zeros(graph.n, dtype) for dtype in (np.int32, np.int64, np.int64))
    free = [0] * cluster.n_slots
    for task in graph.order.tolist():
        s = slot[task] = draw(st.integers(0, cluster.n_slots - 1))
        on = int(cluster.slot_executor[s])
        start[task] = free[s]
        for e in range(graph.pred_ptr[task], graph.pred_ptr[task + 1]):
            p = int(graph.pred[e])
            sent = cluster.transfer_us(int(graph.edge_bytes[e]), int(cluster.slot_executor[slot[p]]), on)
            start[task] = max(start[task], finish[p] + sent)
        start[task] += draw(st.sampled_from([0, 0, 0, S]))
        free[s] = finish[task] = start[task] + duration(graph, cluster, task, on)
    executors = [cluster.executors[i] for i in cluster.slot_executor[slot]]
    of = draw(st.lists(st.integers(0, graph.n - 1), max_size=2, unique=True))
    pins = {
        t: draw(st.sampled_from([Pin(executors[t].id), Pin(host=executors[t].host), Pin("0", kind="cpu")])) for t in of
    }
    apart = draw(st.dictionaries(st.integers(0, graph.n - 1), st.sampled_from("xy"), max_size=3))
    graph = replace(graph, pins=pins, apart=apart)
    schedule = Schedule(slot, start, finish)
    progress = draw(progresses(cluster, schedule))
    for column in (slot, start, finish):
        if draw(st.integers(0, 3)) == 0:
            task = draw(st.integers(0, graph.n - 1))
            column[task] = draw(st.integers(0, cluster.n_slots - 1)) if column is slot else column[task] + draw(NUDGES)
    np.maximum(start, 0, out=start)
    np.maximum(start, finish, out=finish)
    return graph, cluster, schedule, progress


NUDGES = st.sampled_from([-S, -1, 1, S])


@st.composite
def progresses(draw: st.DrawFn, cluster: Cluster, schedule: Schedule) -> Progress:
    n = len(schedule.slot)
    if draw(st.booleans()):
        return Progress.none(n)
    now = draw(st.integers(0, math.ceil(schedule.makespan_us / S))) * S
    begun = schedule.start_us < now
    slots = st.integers(0, cluster.n_slots - 1)
    closed = draw(st.sampled_from([(), (), (cluster.executors[-1].id,)]))
    free = draw(st.none() | st.dictionaries(slots, st.sampled_from([now + 1, now + S]), max_size=1))
    return Progress(
        now,
        np.where(begun, schedule.slot, -1).astype(np.int32),
        np.where(begun, schedule.start_us, 0),
        np.where(begun, schedule.finish_us, 0),
        closed,
        free,
    )


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_what_keeps_every_rule_passes_and_nothing_else(world: tuple[Graph, Cluster, Schedule, Progress]) -> None:
    broken = Rules(*world).broken()
    event(broken[0] if len(broken) == 1 else f"{min(len(broken), 2)} broken")
    try:
        validate(*world)
    except InvalidPlanError as error:
        assert broken, error
    else:
        assert not broken
