"""Ranks of tasks, and the orders that follow from them."""

from __future__ import annotations

import heapq

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import compiled
from planner.model.ordering import rising

__all__ = [
    "by_rank",
    "downward_rank",
    "raised",
    "ready_order",
    "static_level",
    "topological",
    "upward_rank",
]

_MANY = 30_000


def by_rank(problem: Problem, rank: Float64) -> Int32:
    """Order tasks by falling rank; equal ranks in topological order, so that no task comes before one it waits for.

    Ranks are told apart to 2 ** 52 steps of few tasks, and to 2 ** 44 of very many, which takes one pass less to sort.
    """
    if problem.n == 0:
        return np.zeros(0, dtype=np.int32)
    low, high = float(rank.min()), float(rank.max())
    steps = float(2 ** (44 if problem.n > _MANY else min(52, 61 - problem.n.bit_length())))
    falling = (high - rank[problem.order]) * (steps / (high - low) if high > low else 0.0)
    ordered: Int32 = problem.order[rising(falling.astype(np.int64))]
    return ordered


def topological(problem: Problem, rank: Float64) -> Int32:
    """Order tasks by falling rank, each rank first raised to those of the tasks that wait for it."""
    rank = rank.copy()
    raised(problem.order, problem.succ_ptr, problem.succ, rank)
    return by_rank(problem, rank)


def upward_rank(problem: Problem) -> Float64:
    """Length of the longest path from each task to the end, itself included, in mean times (Topcuoglu 2002, eq. 8)."""
    return _upward(
        problem.order, problem.succ_ptr, problem.succ, problem.succ_edge, problem.mean_time_us, problem.mean_edge_us
    )


def downward_rank(problem: Problem) -> Float64:
    """Length of the longest path from the start to each task, without it, in mean times (Topcuoglu 2002, eq. 10)."""
    return _downward(problem.order, problem.pred_ptr, problem.pred, problem.mean_time_us, problem.mean_edge_us)


def static_level(problem: Problem) -> Float64:
    """Length of the longest path from each task to the end, itself included, in mean times without communication."""
    none = np.zeros(len(problem.pred))
    return _upward(problem.order, problem.succ_ptr, problem.succ, problem.succ_edge, problem.mean_time_us, none)


def ready_order(problem: Problem, priority: Float64) -> Int32:
    """Order in which ready tasks leave a queue, the highest priority first; of equals, the first one."""
    waiting = np.diff(problem.pred_ptr).tolist()
    urgency = (-priority).tolist()
    ready = [(urgency[task], task) for task in range(problem.n) if waiting[task] == 0]
    heapq.heapify(ready)
    ptr, succ = problem.succ_ptr.tolist(), problem.succ.tolist()
    order = []
    while ready:
        _, task = heapq.heappop(ready)
        order.append(task)
        for after in succ[ptr[task] : ptr[task + 1]]:
            waiting[after] -= 1
            if waiting[after] == 0:
                heapq.heappush(ready, (urgency[after], after))
    return np.array(order, dtype=np.int32)


@compiled
def _upward(order: Int32, succ_ptr: Int64, succ: Int32, succ_edge: Int64, time: Float64, edge: Float64) -> Float64:
    rank = np.zeros(len(order))
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        longest = 0.0
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            longest = max(longest, edge[succ_edge[i]] + rank[succ[i]])
        rank[task] = time[task] + longest
    return rank


@compiled
def raised(order: Int32, succ_ptr: Int64, succ: Int32, rank: Float64) -> None:
    """Raise each rank, in place, to those of the tasks that wait for it."""
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            rank[task] = max(rank[task], rank[succ[i]])


@compiled
def _downward(order: Int32, pred_ptr: Int64, pred: Int32, time: Float64, edge: Float64) -> Float64:
    rank = np.zeros(len(order))
    for k in range(len(order)):
        task = order[k]
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            rank[task] = max(rank[task], rank[pred[i]] + time[pred[i]] + edge[i])
    return rank
