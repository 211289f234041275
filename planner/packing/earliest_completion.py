"""ECT: tasks by falling shortest time, each to the slot that completes it earliest.

O. H. Ibarra and C. E. Kim, Heuristic algorithms for scheduling independent tasks on nonidentical processors, Journal of
the ACM 24(2), 1977, 280–289, doi:10.1145/322003.322011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.arrays import Int64
from planner.model.compiled import bare

__all__ = ["earliest_completion"]


def earliest_completion(times: Int64, allowed: Any, ready: Int64) -> tuple[Int64, Int64]:
    """Assign tasks that take a time of their own on every slot.

    Parameters
    ----------
    times : ndarray of int64, shape (n, slots)
    allowed : ndarray of bool, shape (n, slots)
        At least one slot for every task.
    ready : ndarray of int64, shape (slots,)
        When each slot is free.

    Returns
    -------
    slot : ndarray of int64, shape (n,)
    free : ndarray of int64, shape (slots,)
        When each slot has done all its tasks.

    Examples
    --------
    >>> times = np.array([[4, 1], [2, 6], [3, 3]])
    >>> slot, free = earliest_completion(times, times > 0, np.zeros(2, dtype=np.int64))
    >>> slot.tolist(), free.tolist()
    ([1, 0, 0], [5, 1])
    """
    slot, free = np.zeros(len(times), dtype=np.int64), ready.copy()
    shortest = np.where(allowed, times, np.iinfo(np.int64).max).min(axis=1, initial=np.iinfo(np.int64).max)
    _assign(np.argsort(-shortest, kind="stable"), times, allowed, slot, free)
    return slot, free


@bare
def _assign(order: Any, times: Any, allowed: Any, slot: Any, free: Any) -> None:
    for k in range(len(order)):
        task, best = order[k], -1
        for s in range(len(free)):
            if allowed[task, s] and (best < 0 or free[s] + times[task, s] < free[best] + times[task, best]):
                best = s
        slot[task] = best
        free[best] += times[task, best]
