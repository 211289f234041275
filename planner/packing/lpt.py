"""LPT: the longest processing time first, each to the slot that would finish it first.

Sources: R. L. Graham, Bounds on multiprocessing timing anomalies, SIAM Journal on Applied Mathematics 17(2), 1969,
416–429, doi:10.1137/0117039 (equal slots: at most 4/3 of the optimum); T. Gonzalez, O. H. Ibarra and S. Sahni, Bounds
for LPT schedules on uniform processors, SIAM Journal on Computing 6(1), 1977, 155–166, doi:10.1137/0206013 (slots of
different speeds).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import bare
from planner.model.ordering import rising

__all__ = ["heaviest_first", "lpt"]


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
    work, speed = np.asarray(weights), np.asarray(speeds, dtype=np.float64)
    slot, finish = np.zeros(len(work), dtype=np.int64), np.zeros(len(speed))
    order = heaviest_first(work)
    equal = len(speed) > 0 and bool((speed == speed[0]).all())
    if equal and speed[0] == 1 and work.dtype.kind in "iu" and _packs(work, len(speed)):
        load = np.zeros(len(speed), dtype=np.int64)
        _on_equal_whole(work.astype(np.int64), order, slot, load, np.arange(len(speed), dtype=np.int64))
        finish = load.astype(np.float64)
    elif equal:
        free = np.arange(len(speed), dtype=np.int32)
        _on_equal(work.astype(np.float64), order, float(speed[0]), slot, finish, free)
    else:
        _on_uniform(work.astype(np.float64), order, 1 / speed, slot, finish)
    return slot, finish


def heaviest_first(weights: Any) -> Int32:
    """Order items by falling weight; equal ones as they stand."""
    work = np.asarray(weights)
    if work.dtype.kind in "iu" and len(work) and work.min() >= 0:
        return rising(np.subtract(int(work.max()), work, dtype=np.int64))
    return np.argsort(-work, kind="stable").astype(np.int32)


def _packs(work: Any, slots: int) -> bool:
    """Tell whether all loads fit into 63 bits together with the number of a slot."""
    return len(work) == 0 or float(work.sum(dtype=np.float64)) * 2 * slots < 2**62


@bare
def _on_equal_whole(work: Any, order: Any, slot: Any, load: Any, loser: Any) -> None:
    """Keep the slots in a tournament of losers, by load and then by number, both in one integer.

    After a slot has grown, it plays the losers on its way up again, one match a round.
    """
    slots, bits = len(load), 0
    while 1 << bits < slots:
        bits += 1
    winner: Any = np.int64(0)
    for node in range(slots):
        loser[node] = -1
    for s in range(slots):  # all are empty: each plays until it comes to a match that nobody has played yet
        player, node = np.int64(s), (s + slots) >> 1
        while node >= 1:
            if loser[node] < 0:
                loser[node], player = player, np.int64(-1)
                break
            player, loser[node] = min(player, loser[node]), max(player, loser[node])
            node >>= 1
        winner = player if player >= 0 else winner
    for k in range(len(order)):
        item = order[k]
        s = winner & ((1 << bits) - 1)
        slot[item] = s
        load[s] += work[item]
        winner += work[item] << bits
        node = (s + slots) >> 1
        while node >= 1:
            other = loser[node]
            loser[node], winner = max(winner, other), min(winner, other)
            node >>= 1


@bare
def _on_equal(work: Float64, order: Int32, speed: float, slot: Int64, finish: Float64, free: Int32) -> None:
    """Keep the slots in a heap, the one that is free first on top; of equals, the lowest."""
    slots = len(free)
    for k in range(len(order)):
        item = order[k]
        first = free[0]
        slot[item] = first
        finish[first] += work[item] / speed
        ends, i = finish[first], 0
        while True:
            child = 2 * i + 1
            if child >= slots:
                break
            other = child + 1
            if other < slots:
                a, b = finish[free[child]], finish[free[other]]
                if b < a or (b == a and free[other] < free[child]):
                    child = other
            sooner = finish[free[child]]
            if sooner > ends or (sooner == ends and free[child] > first):
                break
            free[i] = free[child]
            i = child
        free[i] = first


@bare
def _on_uniform(work: Float64, order: Int32, per_work: Float64, slot: Int64, finish: Float64) -> None:
    for k in range(len(order)):
        item, best, soonest = order[k], 0, np.inf
        for s in range(len(per_work)):
            ends = finish[s] + work[item] * per_work[s]
            if ends < soonest:
                best, soonest = s, ends
        slot[item] = best
        finish[best] = soonest
