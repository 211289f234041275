"""Bounds on a plan of which a part has begun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from planner.bounds.spans import least_allowed, shortest_times
from planner.cost import Problem
from planner.model.arrays import Bool, Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Bound
from planner.model.units import format_seconds

__all__ = ["remaining"]


def remaining(problem: Problem) -> Iterator[Bound]:
    """Give what has begun, the critical path of what is left, and its work over the slots as they become free."""
    left, shortest = problem.fixed_slot < 0, shortest_times(problem)
    ends = int(problem.fixed_finish_us.max(initial=0))
    yield Bound(ends, f"what has begun ends after {format_seconds(ends)}")
    if not left.any():
        return
    soonest = int(problem.slot_ready_us.min())
    rows = problem.order, problem.pred_ptr, problem.pred
    path = _longest_left(*rows, np.where(left, shortest, 0), np.where(left, soonest, problem.fixed_finish_us), left)
    yield Bound(path, f"the critical path of what is left takes until {format_seconds(path)} on the fastest executors")
    load = least_allowed(problem, problem.time_us * problem.class_speed[None, :])[left].sum()
    load *= 1 - len(shortest) * 2**-52
    order = np.argsort(problem.slot_ready_us)
    speed = problem.class_speed[problem.executor_class[problem.slot_executor]][order]
    ready = problem.slot_ready_us[order].astype(np.float64)
    # The first k slots fill up until they end together; with the right k that is before the next one is free.
    level = (load + np.cumsum(speed * ready)) / np.cumsum(speed)
    us = int(np.floor(level.min() * (1 - 2**-40)))
    yield Bound(us, f"the work that is left fills {problem.n_slots} slots until {format_seconds(us)}")


@compiled
def _longest_left(order: Int32, pred_ptr: Int64, pred: Int32, time: Int64, soonest: Int64, left: Bool) -> Any:
    end, longest = soonest.copy(), np.int64(0)
    for k in range(len(order)):
        task = order[k]
        if left[task]:
            for i in range(pred_ptr[task], pred_ptr[task + 1]):
                end[task] = max(end[task], end[pred[i]])
            end[task] += time[task]
            longest = max(longest, end[task])
    return longest
