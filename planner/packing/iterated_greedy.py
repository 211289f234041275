"""Iterated greedy: a few tasks are taken off their slots and put back one by one, and tasks leave the longest slot.

L. Fanjul-Peyro, R. Ruiz, Iterated greedy local search methods for unrelated parallel machine scheduling, European
Journal of Operational Research 207(1), 2010, 55–69, doi:10.1016/j.ejor.2010.03.030.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.arrays import Bool, Int64
from planner.model.compiled import bare, compiled

__all__ = ["iterated_greedy"]

_TAKEN_OFF = 5
"""Tasks that are taken off at a time, half of them from the longest slot."""

_FAR = np.int64(2**61)


def iterated_greedy(
    times: Int64, allowed: Bool, ready: Int64, slot: Int64, *, enough: int, seed: int, count: int
) -> Int64:
    """Improve an assignment to slots that take times of their own.

    Parameters
    ----------
    times : ndarray of int64, shape (n, slots)
    allowed : ndarray of bool, shape (n, slots)
    ready : ndarray of int64, shape (slots,)
        When each slot is free.
    slot : ndarray of int64, shape (n,)
        Slot of each task.
    enough : int
        A makespan that is good enough to stop.
    seed : int
    count : int
        How often tasks are taken off and put back.

    Returns
    -------
    slot : ndarray of int64, shape (n,)
        Never worse.

    Examples
    --------
    >>> times = np.array([[4, 1], [2, 6], [3, 3]])
    >>> anywhere, now = np.ones((3, 2), dtype=bool), np.zeros(2, dtype=np.int64)
    >>> iterated_greedy(times, anywhere, now, np.array([1, 0, 0]), enough=0, seed=0, count=50).tolist()
    [1, 0, 1]
    """
    if not len(slot):
        return slot.copy()
    barred = np.where(allowed, times, _FAR)
    rules = enough, seed % 2**32, count
    improved: Int64 = _iterate(np.ascontiguousarray(barred), ready, slot.astype(np.int64), *rules)
    return improved


@compiled
def _iterate(times: Any, ready: Any, slot: Any, enough: Any, seed: Any, count: Any) -> Any:
    np.random.seed(seed)
    n, off = len(slot), np.zeros(min(_TAKEN_OFF, len(slot)), np.int64)
    load = ready.copy()
    for i in range(n):
        load[slot[i]] += times[i, slot[i]]
    _leave_longest(times, slot, load)
    best, best_slot, now, kept = load.max(), slot.copy(), load.max(), slot.copy()
    for _ in range(count):
        if best <= enough:
            break
        _take_off(times, slot, load, off)
        _put_back(times, slot, load, off)
        _leave_longest(times, slot, load)
        if load.max() <= now:
            now, kept[:] = load.max(), slot
            if now < best:
                best, best_slot[:] = now, slot
        else:
            slot[:], load[:] = kept, ready
            for i in range(n):
                load[slot[i]] += times[i, slot[i]]
    return best_slot


@bare
def _take_off(times: Any, slot: Any, load: Any, off: Any) -> None:
    """Take tasks off their slots, which become −1 − slot."""
    longest = np.argmax(load)
    for k in range(len(off)):
        task = np.random.randint(len(slot))
        for _ in range(20):  # half of them from the longest slot, if chance finds any there
            if slot[task] >= 0 and (k % 2 == 1 or slot[task] == longest):
                break
            task = np.random.randint(len(slot))
        while slot[task] < 0:
            task = (task + 1) % len(slot)
        load[slot[task]] -= times[task, slot[task]]
        off[k], slot[task] = task, -1 - slot[task]


@bare
def _put_back(times: Any, slot: Any, load: Any, off: Any) -> None:
    """Put each task where it is done first; back where it was only if nothing else may take it."""
    for k in range(len(off)):
        task, best = off[k], -1
        was = -1 - slot[task]
        for s in range(len(load)):
            sooner = best < 0 or load[s] + times[task, s] < load[best] + times[task, best]
            if sooner and s != was and times[task, s] < _FAR:
                best = s
        slot[task] = was if best < 0 else best
        load[slot[task]] += times[task, slot[task]]


@bare
def _leave_longest(times: Any, slot: Any, load: Any) -> None:
    """Let tasks of the longest slot go elsewhere, or change places, as long as that makes it shorter."""
    moved = True
    while moved:
        moved, a = False, np.argmax(load)
        longest = load[a]
        for i in range(len(slot)):
            if slot[i] != a:
                continue
            best, least = -1, longest
            for s in range(len(load)):
                if s != a and load[s] + times[i, s] < least:
                    best, least = s, load[s] + times[i, s]
            other = -1
            if best < 0 and times[i, a] > 0:
                other = _other(times, slot, load, i, a)
                best = slot[other] if other >= 0 else -1
            if best >= 0:
                load[a] -= times[i, a]
                load[best] += times[i, best]
                slot[i], moved = best, True
                if other >= 0:
                    load[best] -= times[other, best]
                    load[a] += times[other, a]
                    slot[other] = a
                break


@bare
def _other(times: Any, slot: Any, load: Any, i: Any, a: Any) -> Any:
    """Find a task to change places with, so that both slots are shorter than the longest was; −1: there is none."""
    for j in range(len(slot)):
        b = slot[j]
        if b != a and times[j, a] < times[i, a] and load[b] - times[j, b] + times[i, b] < load[a]:
            return j
    return -1
