"""CPOP: critical path on a processor.

H. Topcuoglu, S. Hariri, M.-Y. Wu, Performance-effective and low-complexity task scheduling for heterogeneous
computing, IEEE TPDS 13(3), 2002, section 4.2, doi:10.1109/71.993206.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import downward_rank, ready_order, upward_rank

__all__ = ["cpop"]


def cpop(problem: Problem, seed: int) -> Schedule:
    """Keep the critical path on one slot, and take ready tasks by the length of the longest path through them."""
    up, down = upward_rank(problem), downward_rank(problem)
    priority = up + down
    path = _critical_path(problem, priority)
    slots = np.full(problem.n, -1, dtype=np.int32)
    slots[path] = _critical_slot(problem, path)
    return list_schedule(problem, ready_order(problem, priority), slots=slots, insertion=True)


def _critical_path(problem: Problem, priority: Float64) -> list[int]:
    """Walk from the entry task of highest priority along tasks whose priority is the critical path's length."""
    entries = np.flatnonzero(np.diff(problem.pred_ptr) == 0)
    if not len(entries):
        return []
    task = int(entries[priority[entries].argmax()])
    path = [task]
    while len(after := problem.succ[problem.succ_ptr[task] : problem.succ_ptr[task + 1]]):
        task = int(after[priority[after].argmax()])
        path.append(task)
    return path


def _critical_slot(problem: Problem, path: list[int]) -> int:
    """Find the slot on which the critical path takes least time, among those that may take all of it."""
    times = problem.time_us[path].sum(axis=0)[problem.executor_class].astype(np.float64)
    times[~problem.place[problem.place_row[path]].all(axis=0)] = np.inf
    if (problem.apart[path] >= 0).any():
        times[:] = np.inf  # they may not stand together
    best = int(times.argmin())
    return int(np.searchsorted(problem.slot_executor, best)) if np.isfinite(times[best]) else -1
