"""Lower bounds: makespans that no plan can be below, and why."""

from __future__ import annotations

from functools import reduce
from math import gcd
from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Bound
from planner.model.units import format_seconds

__all__ = ["lower_bound"]

_THRESHOLDS = 256


def lower_bound(problem: Problem) -> Bound:
    """Give the strongest of the cheap bounds.

    The critical path on the fastest executors; the work of all tasks over the capacity of all slots; and, between
    them, the tasks that lie at least `head` behind the beginning and at least `tail` before the end: those have to fit
    between, on all slots (Fernandez & Bussell 1973, doi:10.1109/TC.1973.5009153, over thresholds of heads and tails).
    Where nothing is sent and all times are multiples of one unit, a bound is rounded up to that unit.

    Examples
    --------
    >>> from planner.model import Cluster, Graph
    >>> graph = Graph.from_arrays(work=[1, 1, 1])
    >>> lower_bound(Problem.of(graph, Cluster.uniform(2)))
    Bound(us=2000000, reason='the work of all tasks fills 2 slots for 1.5 s; in steps of 1 s that is 2 s')
    """
    if problem.n == 0:
        return Bound(0, "there is nothing to do")
    shortest = problem.time_us.min(axis=1)
    args = (problem.order, problem.pred_ptr, problem.pred, problem.succ_ptr, problem.succ, shortest)
    end, tail = _heads_and_tails(*args)
    path = int((end + tail - shortest).max())
    bound = Bound(path, f"the critical path takes {format_seconds(path)} on the fastest executors")
    load = _load(problem)
    capacity = float(problem.class_speed[problem.executor_class[problem.slot_executor]].sum())
    us, head, rest = _window(end - shortest, tail - shortest, load, capacity)
    if us > bound.us:
        bound = Bound(us, _words(us, head, rest, problem.n_slots))
    return _rounded(problem, bound)


def _load(problem: Problem) -> Float64:
    """Work of each task in microseconds of speed 1: the least it can take from any slot's capacity."""
    least: Float64 = (problem.time_us * problem.class_speed[None, :]).min(axis=1)
    return least


@compiled
def _heads_and_tails(order: Int32, pred_ptr: Int64, pred: Int32, succ_ptr: Int64, succ: Int32, time: Int64) -> Any:
    head, tail = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    for k in range(len(order)):
        task = order[k]
        longest = np.int64(0)
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            longest = max(longest, head[pred[i]])
        head[task] = longest + time[task]  # earliest end
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        longest = np.int64(0)
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            longest = max(longest, tail[succ[i]])
        tail[task] = longest + time[task]
    return head, tail


def _window(heads: Int64, tails: Int64, load: Float64, capacity: float) -> tuple[int, int, int]:
    """Maximum over thresholds (h, t) of h + t + the load of tasks with head >= h and tail >= t, over the capacity."""
    h, t = _thresholds(heads), _thresholds(tails)
    cells = np.zeros((len(h), len(t)))
    row = np.searchsorted(h, heads, side="right") - 1
    column = np.searchsorted(t, tails, side="right") - 1
    np.add.at(cells, (row, column), load)
    inside = cells[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    bounds = np.where(inside > 0, h[:, None] + t[None, :] + np.ceil(inside / capacity - 1e-6), 0)
    i, j = np.unravel_index(int(bounds.argmax()), bounds.shape)
    return int(bounds[i, j]), int(h[i]), int(t[j])


def _thresholds(values: Int64) -> Int64:
    """0 and at most some hundred of the values, spread evenly over the tasks."""
    distinct = np.unique(values)
    if len(distinct) > _THRESHOLDS:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, _THRESHOLDS), method="lower"))
    return np.union1d(distinct, [0])


def _words(us: int, head: int, tail: int, slots: int) -> str:
    if head == 0 and tail == 0:
        return f"the work of all tasks fills {slots} slots for {format_seconds(us)}"
    between = format_seconds(us - head - tail)
    return (
        f"tasks that cannot start before {format_seconds(head)} and have {format_seconds(tail)} behind them "
        f"fill {slots} slots for {between}"
    )


def _rounded(problem: Problem, bound: Bound) -> Bound:
    if not problem.free_network:
        return bound
    unit = reduce(gcd, (int(time) for time in np.unique(problem.time_us)), 0)
    up = -(-bound.us // unit) * unit if unit > 1 else bound.us
    if up == bound.us:
        return bound
    return Bound(up, f"{bound.reason}; in steps of {format_seconds(unit)} that is {format_seconds(up)}")
