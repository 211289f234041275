"""Round robin: slots in turn.

L. Kleinrock, Analysis of a time-shared processor, Naval Research Logistics Quarterly 11(1), 1964,
doi:10.1002/nav.3800110105, of whose rule this is the form for placing instead of time-sharing.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule

__all__ = ["round_robin"]


def round_robin(problem: Problem, seed: int) -> Schedule:
    """Deal tasks out to the slots in turn, in topological order; a slot that may not take a task is passed over."""
    slots = np.empty(problem.n, dtype=np.int32)
    slots[problem.order] = np.arange(problem.n) % problem.n_slots
    for tasks, allowed in problem.by_allowed_slots():
        slots[tasks] = allowed[np.searchsorted(allowed, slots[tasks]) % len(allowed)]
    slots[problem.apart >= 0] = -1  # where these may go depends on where the others of their group went
    return list_schedule(problem, problem.order, slots=slots)
