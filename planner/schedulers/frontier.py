"""List scheduling for very many slots: every task behind all others of its slot, found without looking at all slots.

Slots of one class of executors differ only in when they are free, so that the best of them is the one that is free
first: the winner of a tournament, which one match a round brings up to date. The executor that the latest input comes
from is the only one where a task may start before that input could be anywhere else, and is looked at by itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.compiled import bare
from planner.model.plan import Schedule
from planner.schedulers.kernel import Arrays, arrays
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.slots import arrival, arrivals

__all__ = ["schedule_at_frontier", "suits"]


class _Field(NamedTuple):
    """A tournament per class of executors, and what was placed.

    The players of class ``c`` are the slots ``player[first[c]:first[c + 1]]``; its matches are
    ``winner[2 * first[c]:2 * first[c + 1]]`` as a heap, whose leaves are the players.
    """

    player: Int32
    seat: Int32
    first: Int64
    winner: Int32
    free: Int64
    slot: Int32
    start: Int64
    finish: Int64
    latest: Int64
    second: Int64
    own: Int64
    source: Int32


def suits(problem: Problem) -> bool:
    """Tell whether tasks may run anywhere, with room for all, and all links are alike."""
    return len(problem.latency_us) == 1 and problem.fits and problem.anywhere


def schedule_at_frontier(problem: Problem, order: Int32) -> Schedule:
    """Schedule tasks in `order`, each on the slot where it ends first, behind all others there.

    Parameters
    ----------
    problem : Problem
        One that it `suits`.
    order : ndarray of int32, shape (n,)
        A topological order.
    """
    if not suits(problem):
        return list_schedule(problem, order)
    slot_class = problem.executor_class[problem.slot_executor]
    player = np.argsort(slot_class, kind="stable").astype(np.int32)
    seat = np.empty_like(player)
    seat[player] = np.arange(len(player))
    first = np.searchsorted(slot_class[player], np.arange(problem.time_us.shape[1] + 1))
    field = _Field(
        player=player,
        seat=seat,
        first=first,
        winner=np.zeros(2 * len(player), np.int32),
        free=problem.slot_ready_us.copy(),
        slot=problem.fixed_slot.copy(),
        start=problem.fixed_start_us.copy(),
        finish=problem.fixed_finish_us.copy(),
        latest=np.zeros(1, np.int64),
        second=np.zeros(1, np.int64),
        own=np.zeros(1, np.int64),
        source=np.zeros(1, np.int32),
    )
    _place_all(arrays(problem), field, np.ascontiguousarray(order, dtype=np.int32))
    return Schedule(field.slot, field.start, field.finish)


@bare
def _place_all(p: Arrays, at: Any, order: Any) -> None:
    for c in range(len(at.first) - 1):
        base, count = at.first[c], at.first[c + 1] - at.first[c]
        for i in range(count):
            at.winner[2 * base + count + i] = at.player[base + i]
        for i in range(count - 1, 0, -1):
            _play(at, base, i)
    for k in range(len(order)):
        task = order[k]
        if p.fixed_slot[task] >= 0:
            continue
        arrivals(p, at, task)
        best, begins, ends = _best_of_classes(p, at, task)
        if at.source[0] >= 0:
            best, begins, ends = _at_source(p, at, task, best, begins, ends)
        at.slot[task], at.start[task], at.finish[task] = best, begins, ends
        at.free[best] = ends
        c = p.executor_class[p.slot_executor[best]]
        base, count = at.first[c], at.first[c + 1] - at.first[c]
        i = (at.seat[best] - base + count) >> 1
        while i > 0:
            _play(at, base, i)
            i >>= 1


@bare
def _play(at: Any, base: Any, i: Any) -> None:
    left, right = at.winner[2 * base + 2 * i], at.winner[2 * base + 2 * i + 1]
    sooner = at.free[right] < at.free[left] or (at.free[right] == at.free[left] and right < left)
    at.winner[2 * base + i] = right if sooner else left


@bare
def _best_of_classes(p: Any, at: Any, task: Any) -> Any:
    best, begins, ends = np.int32(-1), np.int64(0), np.int64(0)
    for c in range(len(at.first) - 1):
        base, count = at.first[c], at.first[c + 1] - at.first[c]
        s = at.winner[2 * base + 1] if count > 1 else at.player[base]
        start = max(at.latest[0], at.free[s])
        end = start + p.time_us[task, c]
        if best < 0 or end < ends or (end == ends and (start < begins or (start == begins and s < best))):
            best, begins, ends = s, start, end
    return best, begins, ends


@bare
def _at_source(p: Any, at: Any, task: Any, best: Any, begins: Any, ends: Any) -> Any:
    """Look at the slots of the executor that the latest input comes from."""
    executor = at.source[0]
    ready, takes = arrival(p, at, executor), p.time_us[task, p.executor_class[executor]]
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        start = max(ready, at.free[s])
        if start + takes < ends or (start + takes == ends and (start < begins or (start == begins and s < best))):
            best, begins, ends = np.int32(s), start, start + takes
    return best, begins, ends
