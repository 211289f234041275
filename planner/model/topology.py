"""Compressed sparse rows of a dependency graph, its topological order, and the cycle when there is none."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import compiled

__all__ = ["Ends", "edges_to_csr", "find_cycle", "find_cycles", "topological_order", "transpose"]


Ends: TypeAlias = Int64 | Int32

_FEW = 5000
"""Up to so many edges and tasks, nothing is compiled or loaded: numpy groups them, and a loop is soon done."""


def edges_to_csr(n: int, source: Ends, target: Ends, edge_bytes: Int64) -> tuple[Int64, Int32, Int64]:
    """Group edges by target, merging parallel ones.

    Parameters
    ----------
    n : int
        Number of tasks.
    source, target : ndarray of int64 or int32, shape (edges,)
    edge_bytes : ndarray of int64, shape (edges,)
        Edges as given; of parallel edges the largest size counts.

    Returns
    -------
    pred_ptr : ndarray of int64, shape (n + 1,)
    pred : ndarray of int32, shape (m,)
        Predecessors of task ``i`` are ``pred[pred_ptr[i]:pred_ptr[i + 1]]``, ascending.
    edge_bytes : ndarray of int64, shape (m,)
    """
    sources = np.require(source, np.int32, ["C", "W"])
    order = _grouped(n, sources, np.empty(0, dtype=np.int32))[1]
    ptr, order = _grouped(n, np.require(target, np.int32, ["C", "W"]), order)
    pred = sources[order]
    del sources
    sizes = edge_bytes[order]
    del order
    first = np.ones(len(pred), dtype=bool)
    first[1:] = pred[1:] != pred[:-1]
    first[ptr[:-1][ptr[:-1] < ptr[1:]]] = True
    if not first.all():
        sizes = np.maximum.reduceat(sizes, np.flatnonzero(first))
        pred, ptr = pred[first], np.concatenate([[0], np.cumsum(first)])[ptr]
    return ptr, pred, sizes


def transpose(n: int, pred_ptr: Int64, pred: Int32) -> tuple[Int64, Int32, Int64]:
    """Turn predecessor rows into successor rows.

    Returns
    -------
    succ_ptr : ndarray of int64, shape (n + 1,)
    succ : ndarray of int32, shape (m,)
    succ_edge : ndarray of int64, shape (m,)
        Position of each edge in the predecessor rows.
    """
    succ_ptr, succ_edge = _grouped(n, pred, np.empty(0, dtype=np.int32))
    succ = np.repeat(np.arange(n, dtype=np.int32), np.diff(pred_ptr))[succ_edge]
    return succ_ptr, succ, succ_edge.astype(np.int64)


def _grouped(n: int, key: Int32, before: Int32) -> tuple[Int64, Int32]:
    """Order by a key below `n`, keeping the order of `before` (of positions when empty) inside each group."""
    if len(key) > _FEW:
        return _counted(n, key, before)
    order = before[np.argsort(key[before], kind="stable")] if len(before) else np.argsort(key, kind="stable")
    return np.searchsorted(key[order], np.arange(n + 1)), order.astype(np.int32)


@compiled
def _counted(n: int, key: Int32, before: Int32) -> tuple[Int64, Int32]:
    """Group by counting: two passes and 4 bytes an edge, where sorting keys of 64 bits takes six times as much."""
    m = len(key)
    ptr = np.zeros(n + 1, dtype=np.int64)
    for e in range(m):
        ptr[key[e] + 1] += 1
    for group in range(n):
        ptr[group + 1] += ptr[group]
    place = ptr[:-1].copy()
    order = np.empty(m, dtype=np.int32)
    for i in range(m):
        e = before[i] if len(before) else i
        order[place[key[e]]] = e
        place[key[e]] += 1
    return ptr, order


def topological_order(pred_ptr: Int64, succ_ptr: Int64, succ: Int32) -> Int32:
    """Kahn's order, first in first out; shorter than the graph when there is a cycle.

    Source: A. B. Kahn, Topological sorting of large networks, CACM 5(11), 1962, doi:10.1145/368996.369025.
    """
    kahn = _kahn if len(pred_ptr) + len(succ) <= _FEW else _kahn_of_many
    return kahn(pred_ptr, succ_ptr, succ)


def _kahn(pred_ptr: Int64, succ_ptr: Int64, succ: Int32) -> Int32:
    n = len(pred_ptr) - 1
    waiting = np.empty(n, dtype=np.int64)
    order = np.empty(n, dtype=np.int32)
    tail = 0
    for task in range(n):
        waiting[task] = pred_ptr[task + 1] - pred_ptr[task]
        if waiting[task] == 0:
            order[tail] = task
            tail += 1
    head = 0
    while head < tail:
        task = order[head]
        head += 1
        for e in range(succ_ptr[task], succ_ptr[task + 1]):
            after = succ[e]
            waiting[after] -= 1
            if waiting[after] == 0:
                order[tail] = after
                tail += 1
    return order[:tail]


_kahn_of_many = compiled(_kahn)


def find_cycle(pred_ptr: Int64, pred: Int32, order: Int32) -> list[int]:
    """Find one cycle among the tasks that a topological order left out.

    Walking from any left-out task to left-out predecessors must come back to a task already seen.

    Returns
    -------
    list of int
        Tasks of the cycle in the direction of its edges, the first one repeated at the end.
    """
    left = np.ones(len(pred_ptr) - 1, dtype=bool)
    left[order] = False
    task = int(np.flatnonzero(left)[0])
    seen: dict[int, int] = {}
    path: list[int] = []
    while task not in seen:
        seen[task] = len(path)
        path.append(task)
        before = pred[pred_ptr[task] : pred_ptr[task + 1]]
        task = int(before[left[before]][0])
    cycle = path[seen[task] :][::-1]
    smallest = cycle.index(min(cycle))
    cycle = cycle[smallest:] + cycle[:smallest]
    return [*cycle, cycle[0]]


def find_cycles(n: int, source: Ends, target: Ends, most: int) -> list[list[int]]:
    """Find cycles that share no task, until none is left or there are `most`.

    Parameters
    ----------
    n : int
        Number of tasks.
    source, target : ndarray of int64 or int32, shape (edges,)
    most : int

    Returns
    -------
    list of list of int
        Each as `find_cycle` gives it.

    Examples
    --------
    >>> find_cycles(4, np.array([0, 1, 2, 3]), np.array([1, 0, 2, 3]), most=2)
    [[0, 1, 0], [2, 2]]
    """
    cycles: list[list[int]] = []
    while len(cycles) < most:
        ptr, pred, _ = edges_to_csr(n, source, target, np.zeros(len(source), dtype=np.int64))
        order = topological_order(ptr, *transpose(n, ptr, pred)[:2])
        if len(order) == n:
            break
        cycles.append(find_cycle(ptr, pred, order))
        inside = np.zeros(n, dtype=bool)
        inside[cycles[-1]] = True
        kept = ~(inside[source] | inside[target])
        source, target = source[kept], target[kept]
    return cycles
