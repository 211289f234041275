"""MULTIFIT: bins of a size that is halved towards the smallest into which first fit decreasing packs everything.

E. G. Coffman, M. R. Garey, D. S. Johnson, An application of bin-packing to multiprocessor scheduling, SIAM Journal on
Computing 7(1), 1978, doi:10.1137/0207001.
"""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import bare
from planner.packing.bounds import least_makespan
from planner.packing.lpt import heaviest_first, lpt

__all__ = ["multifit"]

_ROUNDS = 20


def multifit(times: Int64, slots: int) -> Int64:
    """Give the slot of each task.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
    slots : int

    Returns
    -------
    slot : ndarray of int64, shape (n,)
        Never worse than that of LPT.

    Examples
    --------
    >>> multifit(np.array([3, 3, 2, 2, 2]), 2).tolist()
    [0, 0, 1, 1, 1]
    """
    order = heaviest_first(times)
    best, load = lpt(times, np.ones(slots))
    low, high = least_makespan(times, slots), int(load.max(initial=0))
    slot, room = np.empty(len(times), dtype=np.int64), np.empty(slots, dtype=np.int64)
    for _ in range(_ROUNDS):
        if low >= high:
            break
        size = (low + high) // 2
        if _fits(times, order, size, slot, room):
            best, high = slot.copy(), size
        else:
            low = size + 1
    return best


@bare
def _fits(times: Int64, order: Int32, size: int, slot: Int64, room: Int64) -> bool:
    """First fit decreasing: each task into the first bin with room."""
    for s in range(len(room)):
        room[s] = size
    for k in range(len(order)):
        item, s = order[k], 0
        while s < len(room) and room[s] < times[item]:
            s += 1
        if s == len(room):
            return False
        slot[item] = s
        room[s] -= times[item]
    return True
