"""The largest differencing method: the two partial partitions that differ most are laid against each other.

N. Karmarkar, R. M. Karp, The differencing method of set partitioning, UCB/CSD 82/113, University of California,
Berkeley, 1982; over more than two slots as in W. Michiels, J. Korst, E. Aarts, J. van Leeuwen, Performance ratios of
the differencing method applied to the balanced number partitioning problem, STACS 2003, doi:10.1007/3-540-36494-3_51.
"""

from __future__ import annotations

import heapq

import numpy as np

from planner.model.arrays import Int64

__all__ = ["karmarkar_karp"]


def karmarkar_karp(times: Int64, slots: int) -> Int64:
    """Pack tasks on equal slots.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
    slots : int

    Returns
    -------
    slot : ndarray of int64, shape (n,)

    Examples
    --------
    >>> karmarkar_karp(np.array([8, 7, 6, 5, 4]), 2).tolist()
    [1, 0, 1, 0, 0]
    """
    n, slot = len(times), np.zeros(len(times), dtype=np.int64)
    if n == 0:
        return slot
    # A partition is a row of loads, rising from 0, and of the last task in each part; -1 where a part is empty.
    # Parts are chains: each task knows the one before it in its part, and each last task the first of its chain.
    before, first = np.full(n, -1, dtype=np.int64), np.arange(n)
    heap: list[tuple[int, int]] = [(-int(time), task) for task, time in enumerate(times.tolist())]
    heapq.heapify(heap)
    partition: dict[int, tuple[Int64, Int64]] = {}
    while len(heap) > 1:
        (_, a), (_, b) = heapq.heappop(heap), heapq.heappop(heap)
        load_a, last_a = partition.pop(a) if a in partition else _alone(a, times, slots)
        load_b, last_b = partition.pop(b) if b in partition else _alone(b, times, slots)
        load, mine, other = load_a + load_b[::-1], last_a.copy(), last_b[::-1]
        both = (mine >= 0) & (other >= 0)
        before[first[other[both]]] = mine[both]
        first[other[both]] = first[mine[both]]
        last = np.where(other >= 0, other, mine)
        rising = np.argsort(load, kind="stable")
        load = load[rising] - load[rising[0]]
        partition[a] = load, last[rising]
        heapq.heappush(heap, (-int(load[-1]), a))
    _, last = partition.popitem()[1] if partition else _alone(0, times, slots)
    for number, task in enumerate(reversed(last.tolist())):
        while task >= 0:
            slot[task], task = number, int(before[task])
    return slot


def _alone(task: int, times: Int64, slots: int) -> tuple[Int64, Int64]:
    """Give the partition in which one part has one task."""
    load, last = np.zeros(slots, dtype=np.int64), np.full(slots, -1, dtype=np.int64)
    load[-1], last[-1] = times[task], task
    return load, last
