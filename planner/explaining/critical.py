"""The critical chain of a plan: the tasks that fix its makespan, and what each of them waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from planner.explaining.holding import Holding
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
    start earlier, for a task on its executor that held memory until then, or for what let another task start that took
    a value which held memory.
    """
    schedule = found.schedule
    if not found.graph.n:
        return []
    sent, before, holding = sent_us(found), _before(found), Holding(found)
    steps: list[Step] = []
    seen: set[int] = set()  # tasks of no length, which start and end together, can wait for the memory of one another
    task = int(schedule.finish_us.argmax())
    while True:
        seen.add(task)
        start = int(schedule.start_us[task])
        reasons = _reasons(found, task, sent, before) if start > 0 else []
        if start > 0 and max(reasons, default=(0,))[0] < start:
            reasons += [(start, _SLOT, other, "memory", 0) for other in holding.ended(task)]
            for taker in holding.took(task):
                freed = [reason for reason in _reasons(found, taker, sent, before) if reason[0] == start]
                reasons += [(start, _SLOT, other, "memory", way) for _, _, other, _, way in freed]
        reasons = [reason for reason in reasons if reason[2] not in seen]
        if not reasons:
            steps.append(Step(task, "nothing"))
            return steps[::-1]
        _, _, other, reason, way = max(reasons)
        steps.append(Step(task, reason, way))
        task = other


def _reasons(found: Plan, task: int, sent: Int64, before: Int64) -> list[tuple[int, int, int, Reason, int]]:
    """Give what a task waits for: until when, what goes first of two at one moment, the task, why, and the way."""
    graph, finish = found.graph, found.schedule.finish_us
    reasons: list[tuple[int, int, int, Reason, int]] = []
    for edge in range(graph.pred_ptr[task], graph.pred_ptr[task + 1]):
        source, way = int(graph.pred[edge]), int(sent[edge])
        reasons.append((int(finish[source]) + way, _VALUE, source, "value", way))
    if before[task] >= 0:
        reasons.append((int(finish[before[task]]), _SLOT, int(before[task]), "slot", 0))
    return reasons


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
