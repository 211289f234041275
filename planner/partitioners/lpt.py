"""LPT: the longest processing time first, each to the slot that would finish it first.

Sources: R. L. Graham, Bounds on multiprocessing timing anomalies, SIAM Journal on Applied Mathematics 17(2), 1969,
416–429, doi:10.1137/0117039 (equal slots: at most 4/3 of the optimum); T. Gonzalez, O. H. Ibarra and S. Sahni, Bounds
for LPT schedules on uniform processors, SIAM Journal on Computing 6(1), 1977, 155–166, doi:10.1137/0206013 (slots of
different speeds).
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Float64, Int64

__all__ = ["lpt"]


def lpt(weights: ArrayLike, speeds: ArrayLike) -> tuple[Int64, Float64]:
    """Pack items by weight: the heaviest first, each to the slot that would finish it first.

    Parameters
    ----------
    weights : array_like of float, shape (n,)
        Work of each item.
    speeds : array_like of float, shape (slots,)
        Speed of each slot, above 0.

    Returns
    -------
    slot : ndarray of int64, shape (n,)
        Slot of each item. The items of one slot, read in their given order, stay in that order.
    finish : ndarray of float64, shape (slots,)
        When each slot has done all its items.

    Examples
    --------
    >>> slot, finish = lpt([3, 3, 2, 2, 2], [1, 1])
    >>> slot.tolist(), finish.tolist()
    ([0, 1, 0, 1, 0], [7.0, 5.0])
    """
    work, speed = np.asarray(weights, dtype=np.float64), np.asarray(speeds, dtype=np.float64)
    slot = np.zeros(len(work), dtype=np.int64)
    finish = np.zeros(len(speed))
    heaviest_first = np.argsort(-work, kind="stable").tolist()
    if len(speed) and (speed == speed[0]).all():
        free = [(0.0, position) for position in range(len(speed))]
        for item in heaviest_first:
            at, earliest = free[0]
            slot[item] = earliest
            finish[earliest] = at + work[item] / speed[earliest]
            heapq.heapreplace(free, (float(finish[earliest]), earliest))
        return slot, finish
    per_work = 1 / speed
    for item in heaviest_first:
        then = finish + work[item] * per_work
        earliest = int(np.argmin(then))
        slot[item] = earliest
        finish[earliest] = then[earliest]
    return slot, finish
