"""Work behind one task, or before one, that has to be sent to all executors but that task's own.

Wherever a task with many successors runs, the other executors wait for its value to be sent; wherever one with many
predecessors runs, the others have to be done before that, so that theirs can be sent. So the slots of one executor
have the whole time between the two for the work between them, and all other slots have less: the windows of Fernandez
& Bussell (doi:10.1109/TC.1973.5009153) with the heads and tails of all executors but one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from planner.bounds.communication import least_sending, pays
from planner.bounds.spans import Spans, least_allowed
from planner.bounds.windows import staggered_window
from planner.cost import Problem
from planner.model.arrays import Int64
from planner.model.compiled import compiled
from planner.model.plan import Bound
from planner.model.units import format_seconds

__all__ = ["forks_and_joins"]

_MOST_TRIED = 3
"""Tasks with the most successors, and with the most predecessors, that are looked at."""

_MOST_TASKS = 100_000

_APART = np.int64(-1)


def forks_and_joins(problem: Problem, spans: Spans) -> Iterator[Bound]:
    """Look between the tasks of most successors and those of most predecessors."""
    if not pays(problem) or problem.n > _MOST_TASKS:
        return
    load = least_allowed(problem, problem.time_us * problem.class_speed[None, :])
    speed = problem.class_speed[problem.executor_class[problem.slot_executor]]
    total, most = float(speed.sum()), float(np.bincount(problem.slot_executor, weights=speed).max())
    edge_us, everywhere = least_sending(problem), np.arange(len(problem.pred))
    forward = problem.order, problem.pred_ptr, problem.pred, everywhere
    backward = problem.order[::-1].copy(), problem.succ_ptr, problem.succ, problem.succ_edge
    behind = _sides(problem.succ_ptr, forward, edge_us, spans.head, spans.shortest)
    before = _sides(problem.pred_ptr, backward, edge_us, spans.tail, spans.shortest)
    for fork, head in behind:
        for join, tail in before:
            inside = (head >= 0) & (tail >= 0)
            if not inside.any() or (fork is None and join is None):
                continue
            begin = None if fork is None else int(spans.head[inside].min())
            end = None if join is None else int(spans.tail[inside].min())
            us = staggered_window(head[inside], tail[inside], load[inside], (total, most), (begin, end))
            yield Bound(us, _words(us, fork is not None, join is not None, problem.n_slots))


def _sides(
    degree_ptr: Int64, lists: tuple[Any, Any, Any, Any], edge_us: Int64, head: Int64, shortest: Int64
) -> list[tuple[int | None, Int64]]:
    """Give heads on all executors but that of one task, for several such tasks; and the plain ones, for no task."""
    degree = np.diff(degree_ptr)
    widest = np.argsort(-degree, kind="stable")[:_MOST_TRIED]
    named = [int(task) for task in widest if degree[task] > 1]
    return [(None, head), *((task, _elsewhere(*lists, edge_us, head, shortest, task)) for task in named)]


@compiled
def _elsewhere(order: Any, ptr: Any, before: Any, edge: Any, edge_us: Any, head: Any, shortest: Any, fork: Any) -> Any:
    """Give the earliest starts of tasks behind `fork` on other executors than its own; −1 for tasks not behind it."""
    start = np.full(len(order), _APART)
    for k in range(len(order)):
        task = order[k]
        for i in range(ptr[task], ptr[task + 1]):
            other = before[i]
            if other != fork and start[other] < 0:
                continue
            sent = head[other] + shortest[other] + edge_us[edge[i]]
            if other != fork:
                sent = min(sent, start[other] + shortest[other])  # it ran elsewhere, too
            start[task] = max(start[task], head[task], sent)
    return start


def _words(us: int, forked: bool, joined: bool, slots: int) -> str:
    sent, work = "one task's inputs have to be sent from all executors but its own", "before it"
    if forked:
        sent, work = "one task's value has to be sent to all executors but its own", "behind it"
        if joined:
            sent, work = f"{sent}, another's inputs from all but its own", "between them"
    return f"{sent}, and the work {work} fills {slots} slots until {format_seconds(us)}"
