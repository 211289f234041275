"""Annealing among the slots that a linear relaxation finds cheap, towards a makespan between bound and best.

At the prices of the relaxation, what an assignment costs above the bound is the reduced cost of its columns plus the
priced time in which slots wait. So tasks move and change places where that costs little, and time beyond a target
makespan costs its price several times over. Neighbours as in C. A. Glass, C. N. Potts, P. Shade, Unrelated parallel
machine scheduling using local search, Mathematical and Computer Modelling 20(2), 1994, 41–52,
doi:10.1016/0895-7177(94)90205-4; columns are left out as in L. Fanjul-Peyro, R. Ruiz, Size-reduction heuristics for the
unrelated parallel machines scheduling problem, Computers & Operations Research 38(1), 2011, 301–309.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Bool, Float64, Int32, Int64
from planner.model.compiled import bare
from planner.packing.lp_rounding import Relaxed

__all__ = ["Columns", "Held", "columns", "held", "walk"]

_PER_TASK = 4
"""Columns a task, on average, that a narrow round keeps."""

_DEAR = 2.0
"""How many times its price a unit of time costs beyond the target."""

_LEAST_PRICE = 0.2
"""No slot is cheaper than this part of the mean price: one that the relaxation leaves free can still be the last."""


class Columns(NamedTuple):
    """Slots that each task may move to, and what they cost.

    Attributes
    ----------
    times : ndarray of int64, shape (n, slots)
        Longer than anything where a slot may not take a task.
    reduced : ndarray of float64, shape (n, slots)
    dear : ndarray of float64, shape (slots,)
        What a unit of time beyond the target costs.
    first : ndarray of int64, shape (n + 1,)
    slot : ndarray of int64
        Slots of task ``i`` are ``slot[first[i]]`` up to ``slot[first[i + 1]]``.
    """

    times: Int64
    reduced: Float64
    dear: Float64
    first: Int64
    slot: Int64


def columns(times: Int64, allowed: Bool, relaxed: Relaxed, slot: Int64, best: int, *, wide: bool) -> Columns:
    """Choose columns: all that can be in a shorter assignment, or the cheapest ones of these.

    Parameters
    ----------
    times, allowed : ndarray, shape (n, slots)
    relaxed : Relaxed
    slot : ndarray of int64, shape (n,)
        Slots that tasks have now, which are kept.
    best : int
        The makespan to be beaten.
    wide : bool
        Whether to take all.
    """
    n, slots = times.shape
    kept: Bool = allowed & (times < best)
    if wide:
        kept &= relaxed.reduced <= best - relaxed.value
    elif slots > _PER_TASK:
        dearest = np.partition(relaxed.reduced, _PER_TASK * n, axis=None)[_PER_TASK * n]
        second = np.partition(relaxed.reduced, 1, axis=1)[:, 1:2]
        kept &= relaxed.reduced <= np.maximum(dearest, second)
    kept[np.arange(n), slot] = True
    first = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    dear = _DEAR * np.maximum(relaxed.price, _LEAST_PRICE / slots)
    barred = np.where(allowed, times, np.iinfo(np.int64).max // 4)
    return Columns(barred, relaxed.reduced, dear, first.astype(np.int64), np.nonzero(kept)[1].astype(np.int64))


class Held(NamedTuple):
    """The tasks of every slot, how many there are, and where each task stands among them."""

    member: Int32
    number: Int64
    at: Int64


def held(slot: Int64, slots: int) -> Held:
    """Give the tasks of every slot."""
    order, count = np.argsort(slot, kind="stable"), np.bincount(slot, minlength=slots)
    at = np.empty_like(slot)
    at[order] = np.arange(len(slot)) - np.repeat(np.cumsum(count) - count, count)
    member = np.empty((slots, len(slot)), dtype=np.int32)
    member[slot, at] = np.arange(len(slot))
    return Held(member, count, at)


@bare
def walk(
    c: Any, h: Any, slot: Any, load: Any, best_slot: Any, best: Any, enough: Any, target: Any, heat: Any, seed: Any,
    count: Any,
) -> Any:  # fmt: skip
    """Try neighbours at one temperature: a task moves, or changes places with one of the other slot.

    Parameters
    ----------
    c : Columns
    h : Held
        Changed in place, as are `slot` and `load`.
    slot : ndarray of int64, shape (n,)
    load : ndarray of int64, shape (slots,)
    best_slot : ndarray of int64, shape (n,)
        Replaced where a shorter assignment is found.
    best, enough : int
        The makespan of `best_slot`; the one at which to stop.
    target : float
        Time beyond it costs.
    heat : float
        Temperature, in units of reduced cost.
    seed, count : int

    Returns
    -------
    best : int
    """
    np.random.seed(seed)
    n, late = len(slot), _late(load, best)
    for _ in range(count):
        i = np.random.randint(n)
        a, width = slot[i], c.first[i + 1] - c.first[i]
        b = c.slot[c.first[i] + np.random.randint(width)]
        if b == a:
            continue
        in_a, in_b, more, j = load[a] - c.times[i, a], load[b] + c.times[i, b], c.reduced[i, b] - c.reduced[i, a], -1
        if h.number[b] > 0 and np.random.random() < 0.5:
            j = h.member[b, np.random.randint(h.number[b])]
            if c.times[j, a] >= best:
                continue
            in_a, in_b, more = in_a + c.times[j, a], in_b - c.times[j, b], more + c.reduced[j, a] - c.reduced[j, b]
        more += c.dear[a] * (max(0.0, in_a - target) - max(0.0, load[a] - target))
        more += c.dear[b] * (max(0.0, in_b - target) - max(0.0, load[b] - target))
        if more > 0 and np.random.random() >= np.exp(-more / heat):
            continue
        late += int(in_a >= best) + int(in_b >= best) - int(load[a] >= best) - int(load[b] >= best)
        slot[i], load[a], load[b], where = b, in_a, in_b, h.at[i]
        if j >= 0:
            slot[j], there = a, h.at[j]
            h.member[a, where], h.at[j] = j, where
            h.member[b, there], h.at[i] = i, there
        else:
            h.number[a] -= 1
            last = h.member[a, h.number[a]]
            h.member[a, where], h.at[last] = last, where
            h.member[b, h.number[b]], h.at[i] = i, h.number[b]
            h.number[b] += 1
        if late == 0:
            best = load[0]
            for s in range(len(load)):
                best = max(best, load[s])
            for k in range(n):
                best_slot[k] = slot[k]
            if best <= enough:
                return best
            late = _late(load, best)
    return best


@bare
def _late(load: Any, best: Any) -> Any:
    late = 0
    for s in range(len(load)):
        late += load[s] >= best
    return late
