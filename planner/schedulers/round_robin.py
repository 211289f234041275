"""Round robin: slots in turn.

L. Kleinrock, Analysis of a time-shared processor, Naval Research Logistics Quarterly 11(1), 1964,
doi:10.1002/nav.3800110105, of whose rule this is the form for placing instead of time-sharing.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32
from planner.model.plan import Schedule
from planner.schedulers.kernel import list_schedule

__all__ = ["allowed_slots", "round_robin"]


def round_robin(problem: Problem, seed: int) -> Schedule:
    """Deal tasks out to the slots in turn, in topological order; a slot whose memory is too small is passed over."""
    slots = np.empty(problem.n, dtype=np.int32)
    if problem.fits:
        slots[problem.order] = np.arange(problem.n) % problem.n_slots
    else:
        for turn, task in enumerate(problem.order.tolist()):
            allowed = allowed_slots(problem, task)
            slots[task] = allowed[np.searchsorted(allowed, turn % problem.n_slots) % len(allowed)]
    return list_schedule(problem, problem.order, slots=slots)


def allowed_slots(problem: Problem, task: int) -> Int32:
    """Give the slots whose executor's memory holds the task, ascending."""
    memory = problem.executor_memory[problem.slot_executor]
    return np.flatnonzero((memory < 0) | (memory >= problem.memory_bytes[task])).astype(np.int32)
