"""Least loaded: every task on the slot with the least work so far.

R. L. Graham, Bounds on multiprocessing timing anomalies, SIAM Journal on Applied Mathematics 17(2), 1969,
doi:10.1137/0117039, for work that depends on nothing.
"""

from __future__ import annotations

import heapq

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule

__all__ = ["least_loaded"]


def least_loaded(problem: Problem, seed: int) -> Schedule:
    """Take tasks in topological order, each on the slot that has been given the least time so far."""
    executor = problem.slot_executor.tolist()
    kind = problem.executor_class.tolist()
    place, row = problem.place.tolist(), problem.place_row.tolist()
    times = problem.time_us.tolist()
    load = [(0, slot) for slot in range(problem.n_slots)]
    slots = np.empty(problem.n, dtype=np.int32)
    for task in problem.order[problem.fixed_slot[problem.order] < 0].tolist():
        passed_over = []
        while not place[row[task]][executor[load[0][1]]]:
            passed_over.append(heapq.heappop(load))
        had, slot = load[0]
        heapq.heapreplace(load, (had + times[task][kind[executor[slot]]], slot))
        for entry in passed_over:
            heapq.heappush(load, entry)
        slots[task] = slot
    slots[problem.apart >= 0] = -1  # where these may go depends on where the others of their group went
    return list_schedule(problem, problem.order, slots=slots)
