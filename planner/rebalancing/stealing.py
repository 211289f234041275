"""Which slots will soon have nothing to run, and what that is ready elsewhere they take.

List scheduling of what is ready now, by rank, over the next moments. It foresees no more than that, and so it holds
where what is foreseen does not: while nobody knows how long tasks take, a slot is kept busy by tasks that may begin.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Float64, Int32, Int64
from planner.model.move import Move
from planner.model.progress import Progress

__all__ = ["GAIN_US", "SLOWER", "may_begin", "stolen"]

AHEAD_US = 300_000
"""Slots that are predicted to have nothing to run within so long take tasks of others."""

BEGUN_US = 60_000
"""A task that is predicted to begin where it is within so long will have begun before it can be taken."""

GAIN_US = 20_000
"""Least time by which a task has to end sooner, its price counted; twice as much each time that it goes once more."""

SLOWER = 1.05
"""Times by which an executor is slower from which on that is a reason."""


def may_begin(problem: Problem, progress: Progress, ended: Bool, order: Int32) -> Int32:
    """Give the tasks that have not begun and wait for none that has not `ended`, in `order`."""
    missing = np.repeat(np.arange(problem.n), np.diff(problem.pred_ptr))[~ended[problem.pred]]
    ready = progress.slot < 0
    ready[missing] = False
    return order[ready[order]]


def stolen(
    problem: Problem,
    progress: Progress,
    ready: Int32,
    slot: Int32,
    *,
    longer: Float64,
    slower: Float64,
    price_us: Int64,
    gain_us: Int64,
    stays: Bool,
) -> list[Move]:
    """Give what slots take that will soon have nothing to run.

    Parameters
    ----------
    problem : Problem
        As planned.
    progress : Progress
        What has begun, and when that is predicted to end.
    ready : ndarray of int32
        Tasks that may begin, what is most urgent first.
    slot : ndarray of int32, shape (n,)
        Where each task waits.
    longer : ndarray of float64, shape (n,)
        How many times longer than planned each task takes, wherever it runs.
    slower : ndarray of float64, shape (slots,)
        How many times longer tasks take on each slot.
    price_us : ndarray of int64, shape (n,)
        What it costs to move each.
    gain_us : ndarray of int64, shape (n,)
        By how much sooner each has to end, that price counted.
    stays : ndarray of bool, shape (n,)
        Tasks that nobody may take.
    """
    now, begun = progress.now_us, progress.slot >= 0
    free = np.full(problem.n_slots, now, dtype=np.float64)
    np.maximum.at(free, progress.slot[begun], progress.finish_us[begun])
    for each, at_us in (progress.slot_free_us or {}).items():
        free[each] = max(free[each], at_us)
    classes, moves = problem.executor_class[problem.slot_executor], list[Move]()
    for task in ready.tolist():
        if free.min() > now + AHEAD_US:
            break
        here, takes = int(slot[task]), problem.time_us[task, classes] * slower * longer[task]
        may = problem.place[problem.place_row[task], problem.slot_executor] & ~stays[task]
        ends = np.where(may, free + takes + price_us[task], np.inf)
        ends[here] = free[here] + takes[here]
        there = int(ends.argmin())
        sooner = ends[here] - ends[there]
        if sooner < gain_us[task] or free[here] < now + BEGUN_US or free[there] > now + AHEAD_US:
            there = here
        else:
            moves.append(
                Move(task, here, there, now, int(price_us[task]), round(sooner), _why(slower[here] / slower[there]))
            )
        free[there] = ends[there]
    return moves


def _why(slow: float) -> str:
    return f"its executor is {slow:.3g} × slower, and a slot runs dry" if slow > SLOWER else "a slot runs dry"
