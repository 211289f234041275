"""Several stages on an executor: the largest first, each where there is most time left and memory for it."""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int32, Int64

__all__ = ["fold"]

_ROUNDS = 1000
"""Exchanges after which the search for better ones ends."""


def fold(load_ns: Int64, memory_bytes: Int64, executors: int, room_bytes: int | None) -> Int32 | None:
    """Put stages on executors.

    Longest processing time first (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17(2),
    1969, doi:10.1137/0117039), by memory where that fails; then stages move or change places while that makes the
    fullest executor less full.

    Parameters
    ----------
    load_ns, memory_bytes : ndarray of int64, shape (stages,)
    executors : int
    room_bytes : int or None
        Memory of each executor.

    Returns
    -------
    ndarray of int32, shape (stages,), or None
        The executor of each stage; None, where no way was found to fit them in.

    Examples
    --------
    >>> fold(np.array([4, 3, 3, 2]), np.zeros(4, np.int64), 2, None).tolist()
    [0, 1, 1, 0]
    """
    room = int(memory_bytes.sum()) if room_bytes is None else room_bytes
    for weight in (load_ns, memory_bytes):
        placed = _largest_first(load_ns, memory_bytes, weight, executors, room)
        if placed is not None:
            return _improved(load_ns, memory_bytes, placed, executors, room)
    return None


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
