"""Re-partition: the tasks of a few slots, the fullest among them, are dealt out anew, again and again.

Two slots with many tasks are parted by differencing, a few slots with few tasks by bin completion; between failures,
tasks of slots that are not the fullest are exchanged. In the manner of the multi-exchange neighbourhoods of
A. Frangioni, E. Necciari, M. G. Scutellà, A multi-exchange neighborhood for minimum makespan parallel machine
scheduling problems, Journal of Combinatorial Optimization 8(2), 2004, doi:10.1023/B:JOCO.0000031420.05971.29.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.arrays import Int64
from planner.model.compiled import bare, compiled
from planner.packing.completion import bins, complete
from planner.packing.differencing import differences, in_two

__all__ = ["repartition"]

_MOST_SLOTS, _MOST_ITEMS = 10, 24
"""Slots that are dealt out at a time, and about how many tasks they may have together for it to be more than three."""

_FILLINGS = 600
"""Ways of filling bins that are tried before a few slots are given up."""

_EXCHANGES = 30
"""Exchanges between two slots that are tried after a failure."""


def repartition(times: Int64, slot: Int64, slots: int, *, enough: int, seed: int, count: int) -> tuple[Int64, int]:
    """Improve a packing on equal slots.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
    slot : ndarray of int64, shape (n,)
        Slot of each task.
    slots : int
    enough : int
        A makespan that is good enough to stop: the lower bound.
    seed : int
    count : int
        How often slots are dealt out anew.

    Returns
    -------
    slot : ndarray of int64, shape (n,)
        Never worse.
    tried : int

    Examples
    --------
    >>> times = np.array([3, 3, 2, 2, 2])
    >>> repartition(times, np.array([0, 1, 0, 1, 0]), 2, enough=6, seed=0, count=50)[0].tolist()
    [0, 0, 1, 1, 1]
    """
    order = np.argsort(-times, kind="stable")
    sorted_times, sorted_slot = np.ascontiguousarray(times[order]), np.ascontiguousarray(slot[order])
    load = np.bincount(slot, weights=times, minlength=slots).astype(np.int64)
    n, at_once = len(times), max(3, min(_MOST_SLOTS, _MOST_ITEMS * slots // max(1, len(times))))
    room = differences(n), bins(n, _MOST_SLOTS)
    tried = _deal(sorted_times, sorted_slot, load, enough, seed % 2**32, count, min(at_once, slots), *room)
    improved = np.empty_like(slot)
    improved[order] = sorted_slot
    return improved, int(tried)


@compiled
def _deal(
    times: Any, slot: Any, load: Any, enough: Any, seed: Any, count: Any, at_once: Any, halves: Any, filled: Any
) -> Any:  # fmt: skip
    np.random.seed(seed)
    n, slots = len(times), len(load)
    items, ids, bin_of = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    chosen, number = np.zeros(at_once + 1, np.int64), np.full(slots, -1, np.int64)
    many = 0.9 if n >= 12 * slots else 0.4 if n >= 6 * slots else 0.0
    for tried in range(count):
        fullest = _fullest(load)
        longest = load[fullest]
        if longest <= enough or slots < 2:
            return tried
        in_halves = np.random.random() < many
        few = 2 if in_halves else 2 + np.random.randint(max(1, at_once - 1))
        _choose(fullest, few, slots, chosen, number)
        held, total = 0, np.int64(0)
        for k in range(few):
            total += load[chosen[k]]
        for i in range(n):
            if number[slot[i]] >= 0:
                items[held], ids[held] = times[i], i
                held += 1
        for k in range(few):
            number[chosen[k]] = -1
        if in_halves:
            deviation = held - 2 - np.random.randint(min(held - 1, 12)) if np.random.random() < 0.7 and held > 2 else -1
            found = (total + in_two(items, held, deviation, halves, bin_of)) // 2 < longest
        else:
            found, size = False, max(enough, -(-total // few))
            while size < longest and not found:
                found = complete(items, held, few, size, _FILLINGS, filled, bin_of)
                size = max(size + 1, (size + longest) // 2)
        if found:
            for k in range(few):
                load[chosen[k]] = 0
            for i in range(held):
                slot[ids[i]] = chosen[bin_of[i]]
                load[slot[ids[i]]] += items[i]
        else:
            _exchange(times, slot, load, longest)
    return count


@bare
def _fullest(load: Any) -> Any:
    fullest, start = 0, np.random.randint(len(load))
    for k in range(len(load)):
        s = (k + start) % len(load)
        if load[s] > load[fullest]:
            fullest = s
    return fullest


@bare
def _choose(fullest: Any, few: Any, slots: Any, chosen: Any, number: Any) -> None:
    """Draw slots beside the fullest one; `number` marks them."""
    chosen[0], number[fullest], count = fullest, 0, 1
    while count < few:
        s = np.random.randint(slots)
        if number[s] < 0:
            chosen[count], number[s] = s, count
            count += 1


@bare
def _exchange(times: Any, slot: Any, load: Any, longest: Any) -> None:
    """Exchange tasks between slots, as long as none gets as full as the fullest."""
    for _ in range(_EXCHANGES):
        i, j = np.random.randint(len(times)), np.random.randint(len(times))
        a, b, more = slot[i], slot[j], times[i] - times[j]
        if a != b and load[a] - more < longest and load[b] + more < longest and max(load[a], load[b]) < longest:
            slot[i], slot[j] = b, a
            load[a] -= more
            load[b] += more
