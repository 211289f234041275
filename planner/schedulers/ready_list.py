"""Dynamic list scheduling: of all tasks that are ready, a rule chooses the next one anew every time.

A task's best slot changes only when something is placed on it, so that most of what was computed once stays true.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64
from planner.model.compiled import bare
from planner.model.plan import Schedule
from planner.schedulers.apart import reserved
from planner.schedulers.kernel import BEHIND, UNBIASED, arrays, clear, place_task, state
from planner.schedulers.room import memory_rule
from planner.schedulers.slots import alone, arrival, arrivals

__all__ = ["EARLIEST", "LATEST", "SUFFERAGE", "ready_list"]

EARLIEST, LATEST, SUFFERAGE = 0, 1, 2
"""Which task is next: the one whose best value is least; greatest; furthest below its second best."""

_FAR = np.int64(2**61)


def ready_list(
    problem: Problem, rule: int, *, by_start: bool = False, level: Float64 | None = None, mean_time: bool = False
) -> Schedule:
    """Schedule ready tasks one after another, each at the end of the slot that is best for it.

    Parameters
    ----------
    problem : Problem
    rule : {EARLIEST, LATEST, SUFFERAGE}
    by_start : bool
        A slot's value for a task is when it starts there; else when it ends there.
    level : ndarray of float64, shape (n,), optional
        Subtracted from the values; and what breaks ties.
    mean_time : bool
        Values are lowered by what the task's mean time is longer than its time on that executor (Sih & Lee 1993).

    Returns
    -------
    Schedule
    """
    ranks = np.zeros(problem.n) if level is None else level
    lowered = np.rint(problem.mean_time_us).astype(np.int64) if mean_time else np.zeros(0, np.int64)
    subtracted = np.rint(ranks).astype(np.int64) if mean_time else np.zeros(problem.n, np.int64)
    at, n = state(problem), problem.n
    for whole in (problem, None):
        given = problem if whole is not None else replace(problem, **reserved(problem))
        room = np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32)
        free, waiting = given.slot_ready_us.copy(), np.empty(n, np.int64)
        how: Any = rule, by_start, ranks, subtracted, lowered, memory_rule(problem)
        if _run(arrays(given), at, problem.succ_ptr, problem.succ, free, waiting, *room, *how):
            return Schedule(at.slot, at.start, at.finish)
    raise ValueError("tasks that are to be apart find no executor")


@bare
def _run(
    p: Any, at: Any, succ_ptr: Any, succ: Any, free: Any, waiting: Any, slot: Any, value: Any, second: Any, ready: Any,
    rule: Any, by_start: bool, ranks: Any, subtracted: Any, lowered: Any, memory: Any,
) -> bool:  # fmt: skip
    clear(p, at)
    count = 0
    for task in range(len(waiting)):
        waiting[task] = 0
        for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
            waiting[task] += p.fixed_slot[p.pred[i]] < 0
        slot[task] = -1
        if waiting[task] == 0 and p.fixed_slot[task] < 0:
            ready[count] = task
            count += 1
    while count > 0:
        chosen = -1
        for k in range(count):
            task = ready[k]
            if slot[task] < 0:
                slot[task], value[task], second[task] = _best(p, at, task, free, by_start, subtracted, lowered)
                if slot[task] < 0:
                    return False
            if chosen < 0 or _before(task, ready[chosen], rule, ranks, value, second):
                chosen = k
        task = ready[chosen]
        count -= 1
        ready[chosen] = ready[count]
        if not place_task(p, at, task, slot[task], by_start, BEHIND, memory, UNBIASED):
            return False
        free[slot[task]] = at.finish[task]
        for k in range(count):
            other = ready[k]
            # Its best slot is busier now, or its second best may be; and tasks that stay apart may not follow.
            if slot[other] == slot[task] or rule == SUFFERAGE or p.apart[other] >= 0:
                slot[other] = -1
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            waiting[succ[i]] -= 1
            if waiting[succ[i]] == 0 and p.fixed_slot[succ[i]] < 0:
                ready[count] = succ[i]
                count += 1
    return True


@bare
def _before(task: Any, other: Any, rule: Any, ranks: Any, value: Any, second: Any) -> bool:
    """Tell whether a task goes before another; ties are broken by rank, and then by number."""
    a, b = value[task], value[other]
    if rule == LATEST:
        a, b = -a, -b
    elif rule == SUFFERAGE:
        a, b = a - second[task], b - second[other]
    if a != b:
        return bool(a < b)
    return bool(ranks[task] > ranks[other] or (ranks[task] == ranks[other] and task < other))


@bare
def _best(p: Any, at: Any, task: Any, free: Any, by_start: bool, subtracted: Any, lowered: Any) -> Any:
    """Give the slot whose value for a task is least, that value, and the least of all other slots."""
    arrivals(p, at, task)
    best, value, second = np.int32(-1), _FAR, _FAR
    row, group, executor, allowed = p.place_row[task], p.apart[task], -1, False
    inputs, length = np.int64(0), np.int64(0)
    for s in range(len(p.slot_executor)):
        if p.slot_executor[s] != executor:
            executor = p.slot_executor[s]
            allowed = p.place[row, executor] and (group < 0 or alone(p, at, task, executor))
            inputs, length = arrival(p, at, executor), p.time_us[task, p.executor_class[executor]]
        if allowed:
            start = max(inputs, free[s])
            worth = (start if by_start else start + length) - subtracted[task]
            if len(lowered):
                worth -= lowered[task] - length
            if worth < value:
                best, value, second = np.int32(s), worth, value
            elif worth < second:
                second = worth
    return best, value, second
