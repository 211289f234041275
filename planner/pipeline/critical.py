"""The critical chain of a plan: the tasks that fix its makespan, and what each of them waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from planner.model.arrays import Int64
from planner.model.plan import Plan

__all__ = ["Step", "critical_chain", "critical_steps", "sent_us", "values_us"]

Reason = Literal["nothing", "value", "slot", "memory"]
_VALUE, _SLOT = 1, 0
"""Of two that end at one moment, a value goes before the slot: without the value, the slot would not have helped."""


@dataclass(frozen=True)
class Step:
    """A task of the chain.

    Attributes
    ----------
    task : int
    reason : {"nothing", "value", "slot", "memory"}
        What it waited for, of the task before it in the chain: its value, the slot it ran on, or the memory it held.
    sent_us : int
        How long that value was on its way.
    """

    task: int
    reason: Reason
    sent_us: int = 0


def critical_chain(found: Plan) -> list[int]:
    """Give the tasks that fix the makespan, as `critical_steps` does."""
    return [step.task for step in critical_steps(found)]


def critical_steps(found: Plan) -> list[Step]:
    """Give what fixes the makespan: from the last task to end, back over whatever each of them waited for.

    A task waits for the input that came last, or for the task before it on its slot; where neither is why it did not
    start earlier, for a task on its executor that held memory until then.
    """
    schedule, graph = found.schedule, found.graph
    if not graph.n:
        return []
    sent, before, ends = sent_us(found), _before(found), _Ends(found)
    steps: list[Step] = []
    task = int(schedule.finish_us.argmax())
    while True:
        start = int(schedule.start_us[task])
        reasons: list[tuple[int, int, int, Reason, int]] = []
        if start > 0:
            for edge in range(graph.pred_ptr[task], graph.pred_ptr[task + 1]):
                source, way = int(graph.pred[edge]), int(sent[edge])
                reasons.append((int(schedule.finish_us[source]) + way, _VALUE, source, "value", way))
            if before[task] >= 0:
                reasons.append((int(schedule.finish_us[before[task]]), _SLOT, int(before[task]), "slot", 0))
            if max(reasons, default=(0,))[0] < start:
                reasons += [(start, _SLOT, other, "memory", 0) for other in ends.holding(task)]
        if not reasons:
            steps.append(Step(task, "nothing"))
            return steps[::-1]
        _, _, other, reason, way = max(reasons)
        steps.append(Step(task, reason, way))
        task = other


def sent_us(found: Plan) -> Int64:
    """Give how long the value of each edge is on its way, as the plan places it; shape (m,)."""
    graph, cluster = found.graph, found.cluster
    executor = cluster.slot_executor[found.schedule.slot]
    there, here = executor[graph.pred], np.repeat(executor, np.diff(graph.pred_ptr))
    pair = cluster.network_class[there], cluster.network_class[here]
    exact = graph.edge_bytes * cluster.class_us_per_byte[pair]
    sent = cluster.class_latency_us[pair] + np.ceil(exact - 1e-6).astype(np.int64)
    return np.where(there == here, 0, sent)


def values_us(found: Plan) -> Int64:
    """Give when the last value that each task takes has arrived; 0 for none; shape (n,)."""
    graph = found.graph
    ready = np.zeros(graph.n, dtype=np.int64)
    target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    np.maximum.at(ready, target, found.schedule.finish_us[graph.pred] + sent_us(found))
    return ready


def _before(found: Plan) -> Int64:
    """Give the task before each one on its slot; −1 for the first."""
    schedule, n = found.schedule, found.graph.n
    position = np.empty(n, dtype=np.int64)
    position[found.graph.order] = np.arange(n)
    order = np.lexsort((position, schedule.finish_us, schedule.start_us, schedule.slot))
    before = np.full(n, -1, dtype=np.int64)
    same = schedule.slot[order[1:]] == schedule.slot[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    return before


class _Ends:
    """The tasks that hold memory, by their executor and then by when they end."""

    def __init__(self, found: Plan) -> None:
        schedule = found.schedule
        self.start = schedule.start_us
        self.executor = found.cluster.slot_executor[schedule.slot]
        holding = np.flatnonzero((schedule.start_us < schedule.finish_us) & (found.graph.memory_bytes > 0))
        order = np.lexsort((schedule.finish_us[holding], self.executor[holding]))
        self.tasks = holding[order]
        self.first = np.searchsorted(self.executor[self.tasks], np.arange(len(found.cluster.executors) + 1))
        self.finish = schedule.finish_us[self.tasks]

    def holding(self, task: int) -> list[int]:
        """Give the tasks on the same executor that held memory until a task started."""
        low, high = self.first[self.executor[task]], self.first[self.executor[task] + 1]
        ends, start = self.finish[low:high], self.start[task]
        left, right = low + np.searchsorted(ends, start), low + np.searchsorted(ends, start, side="right")
        found: list[int] = self.tasks[left:right].tolist()
        return found
