"""Several stages on an executor: the largest first, then the best way to deal them out, by branch and bound."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import compiled, interpreted

__all__ = ["Folded", "fold"]

_ROUNDS = 1000
"""Exchanges after which the search for better ones ends."""
_STEPS = 20_000_000
"""Stages that are put on an executor in thought, at most: less than a second."""
_FEW = 50_000
"""Ways to deal stages out up to which loops run as they are written."""


class Folded(NamedTuple):
    """The executor of each stage, None where none was found, and whether there is nothing better for these stages."""

    executor: Int32 | None
    proved: bool


def fold(load_ns: Int64, memory_bytes: Int64, executors: int, room_bytes: int | None) -> Folded:
    """Put stages on executors.

    Longest processing time first (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17(2),
    1969, doi:10.1137/0117039), by memory where that fails; then stages move or change places while that makes the
    fullest executor less full. Then all ways are gone through, without those that cannot be better.

    Parameters
    ----------
    load_ns, memory_bytes : ndarray of int64, shape (stages,)
    executors : int
    room_bytes : int or None
        Memory of each executor, for all its stages together.

    Returns
    -------
    Folded

    Examples
    --------
    >>> fold(np.array([4, 3, 3, 2]), np.zeros(4, np.int64), 2, None)
    Folded(executor=array([0, 1, 1, 0], dtype=int32), proved=True)
    """
    load, memory = load_ns.astype(np.int64), memory_bytes.astype(np.int64)
    room = int(memory.sum()) if room_bytes is None else room_bytes
    placed = None
    for weight in (load, memory):
        if placed is None:
            placed = _largest_first(load, memory, weight, executors, room)
    if placed is not None:
        placed = _improved(load, memory, placed, executors, room)
    return _dealt(load, memory, placed, executors, room)


def _dealt(load: Int64, memory: Int64, placed: Int32 | None, executors: int, room: int) -> Folded:
    """Go through all ways, from what is known, while steps last."""
    known = int(load.sum()) + 1 if placed is None else int(np.bincount(placed, weights=load).max(initial=0))
    least = max(int(load.max(initial=0)), -int(-load.sum() // executors))
    if known <= least:
        return Folded(placed, True)
    order = np.lexsort((-memory, -load))
    best = np.full(len(load), -1, np.int32)
    # Executors are alike, and so the first stage goes on the first one, the second on one of two, and so on.
    few = len(load) * math.log(executors) <= math.log(_FEW)
    with interpreted() if few else nullcontext():
        limits = np.array([executors, room, known, least, _STEPS], np.int64)
        proved = bool(_deal(load[order], memory[order], limits, best))
    if (best < 0).any():
        return Folded(placed, proved)
    found = np.empty(len(load), np.int32)
    found[order] = best
    return Folded(found, proved)


@compiled
def _deal(load: Int64, memory: Int64, limits: Int64, best: Int32) -> bool:
    """Put stages on executors, one after the other, and note the best way; False, if the steps did not suffice."""
    executors, room, known, least, steps = limits[0], limits[1], limits[2], limits[3], limits[4]
    n = len(load)
    busy, held = np.zeros(executors, np.int64), np.zeros(executors, np.int64)
    choice = np.full(n, -1, np.int32)
    used = np.zeros(n + 1, np.int64)  # executors that hold something, at each depth
    rest_load, rest_memory = load.sum(), memory.sum()
    depth = 0
    while depth >= 0:
        if choice[depth] >= 0:  # take the stage away again
            at = choice[depth]
            busy[at] -= load[depth]
            held[at] -= memory[depth]
            rest_load += load[depth]
            rest_memory += memory[depth]
        at = choice[depth] + 1
        while at < min(used[depth] + 1, executors):
            fits = busy[at] + load[depth] < known and held[at] + memory[depth] <= room
            for other in range(at):  # one that is as full was tried already
                fits = fits and not (busy[other] == busy[at] and held[other] == held[at])
            if fits:
                break
            at += 1
        if at >= min(used[depth] + 1, executors):
            choice[depth] = -1
            depth -= 1
            continue
        steps -= 1
        if steps < 0:
            return False
        choice[depth] = at
        busy[at] += load[depth]
        held[at] += memory[depth]
        rest_load -= load[depth]
        rest_memory -= memory[depth]
        used[depth + 1] = max(used[depth], at + 1)
        if depth + 1 == n:
            best[:] = choice
            known = busy.max()
            if known <= least:
                return True
            continue
        idle, empty = 0, 0
        for each in range(executors):
            idle += max(known - 1 - busy[each], 0)
            empty += room - held[each]
        if rest_load <= idle and rest_memory <= empty:
            depth += 1
    return True


def _largest_first(load: Int64, memory: Int64, weight: Int64, executors: int, room: int) -> Int32 | None:
    busy, held = np.zeros(executors, np.int64), np.zeros(executors, np.int64)
    placed = np.empty(len(load), np.int32)
    for s in np.argsort(-weight, kind="stable"):
        fits = np.flatnonzero(held + memory[s] <= room)
        if not len(fits):
            return None
        to = fits[np.argmin(busy[fits])]
        placed[s] = to
        busy[to] += load[s]
        held[to] += memory[s]
    return placed


def _improved(load: Int64, memory: Int64, placed: Int32, executors: int, room: int) -> Int32:
    for _ in range(_ROUNDS):
        change = _better(load, memory, placed, executors, room)
        if change is None:
            break
        for stage, to in change:
            placed[stage] = to
    return placed


def _better(load: Int64, memory: Int64, placed: Int32, executors: int, room: int) -> list[tuple[int, int]] | None:
    """Find a stage of the fullest executor that moves, or two that change places, so that both are less full."""
    busy, held = (np.bincount(placed, weights=column, minlength=executors) for column in (load, memory))
    full = int(np.argmax(busy))
    for s in np.flatnonzero(placed == full).tolist():
        for to in np.argsort(busy, kind="stable").tolist():
            if to == full:
                continue
            if busy[to] + load[s] < busy[full] and held[to] + memory[s] <= room:
                return [(s, to)]
            for other in np.flatnonzero(placed == to).tolist():
                gain, more = load[s] - load[other], memory[s] - memory[other]
                fits = held[to] + more <= room and held[full] - more <= room
                if gain > 0 and busy[to] + gain < busy[full] and fits:
                    return [(s, to), (other, full)]
    return None
