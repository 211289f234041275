"""``list_schedule(...)``: tasks one by one, in a given order, each on the slot where it ends or starts first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32
from planner.model.compiled import bare
from planner.model.plan import Schedule
from planner.schedulers.apart import reserved
from planner.schedulers.kernel import UNBIASED, arrays, clear, place_all, place_task, state
from planner.schedulers.room import NEVER, STRICT, WAITING, memory_rule

__all__ = ["list_schedule"]

_LOOKED_AHEAD = 64
"""Tasks that may go before one that finds no room."""


def list_schedule(
    problem: Problem,
    order: Int32,
    *,
    slots: Int32 | None = None,
    first: Literal["finish", "start"] = "finish",
    insertion: bool = False,
    executors: Int32 | None = None,
    executor: int | None = None,
) -> Schedule:
    """Schedule tasks in `order`, each as early as possible.

    Parameters
    ----------
    problem : Problem
    order : ndarray of int32, shape (n,)
        A topological order.
    slots : ndarray of int32, shape (n,), optional
        The slot of each task, −1 where it may choose. Its executor has to be one that may take the task.
    first : {"finish", "start"}
        Whether a task chooses the slot where it ends first or where it starts first; ties go to the lower slot.
    insertion : bool
        Whether a task may go into a gap between two others.
    executors : ndarray of int32, shape (n,), optional
        The executor of each task, any slot of it.
    executor : int, optional
        The only executor to use, for the tasks that may run there.

    Returns
    -------
    Schedule
        Memory is kept: a task waits until those beside it, and the values that wait there, leave enough; but for values
        that would wait for ever. Tasks that have begun stand as they are.
    """
    forced = np.full(problem.n, -1, dtype=np.int32)
    if slots is not None:
        forced = np.where(problem.fixed_slot < 0, slots, -1).astype(np.int32)
    if slots is not None and not _hold(problem, forced):
        raise ValueError("a task is sent to an executor that may not take it")
    if executors is not None:
        forced = (-2 - executors).astype(np.int32)
    if executor is not None:
        forced = np.where(problem.place[problem.place_row, executor], -2 - executor, forced).astype(np.int32)
    order = np.ascontiguousarray(order, dtype=np.int32)
    for given in (problem, None):
        whole = problem if given is not None else replace(problem, **reserved(problem))
        forced = forced if given is not None else np.where(problem.apart < 0, forced, -1).astype(np.int32)
        if (found := _listed(whole, order, forced, first == "start", insertion)) is not None:
            return found
    raise ValueError("tasks that are to be apart find no executor")


def _hold(problem: Problem, slots: Int32) -> bool:
    sent = np.flatnonzero(slots >= 0)
    return bool(problem.place[problem.place_row[sent], problem.slot_executor[slots[sent]]].all())


def _listed(problem: Problem, order: Int32, forced: Int32, by_start: bool, insertion: bool) -> Schedule | None:
    p, at = arrays(problem), state(problem)
    rule = memory_rule(problem)
    if rule == WAITING:
        left = np.empty(problem.n, dtype=np.int64)
        done = _place_around(p, at, order, forced, by_start, insertion, left)
    else:
        done = place_all(p, at, order, forced, by_start, insertion, rule, np.zeros(0, dtype=np.int64), NEVER)
    return Schedule(at.slot, at.start, at.finish) if done else None


@bare
def _place_around(p: Any, at: Any, order: Any, forced: Any, by_start: bool, insertion: bool, left: Any) -> bool:
    """Place all tasks; one that no executor has room for lets those behind it go first, which may make room.

    J. Herrmann, L. Marchal, Y. Robert, Memory-aware list scheduling for hybrid platforms, IPDPS Workshops 2014,
    689–698, section 5. Where none finds room, the first one is placed as if what waits could go.
    """
    clear(p, at)
    count = 0
    for k in range(len(order)):
        if p.fixed_slot[order[k]] < 0:
            left[count] = order[k]
            count += 1
    first = 0
    while first < count:
        chosen = -1
        for k in range(first, min(count, first + _LOOKED_AHEAD)):
            task = left[k]
            if _ready(p, at, task) and place_task(p, at, task, forced[task], by_start, insertion, STRICT, UNBIASED):
                chosen = k
                break
        if chosen < 0:
            chosen, task = first, left[first]
            if not place_task(p, at, task, forced[task], by_start, insertion, WAITING, UNBIASED):
                return False
        for k in range(chosen, first, -1):
            left[k] = left[k - 1]
        first += 1
    return True


@bare
def _ready(p: Any, at: Any, task: Any) -> bool:
    without = 0
    for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
        without += at.slot[p.pred[i]] < 0
    return without == 0
