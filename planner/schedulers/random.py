"""Random: every task on a slot drawn evenly.

The yardstick of M. Mitzenmacher, The power of two choices in randomized load balancing, IEEE TPDS 12(10), 2001,
section 1, doi:10.1109/71.963420.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule

__all__ = ["random"]


def random(problem: Problem, seed: int) -> Schedule:
    """Draw a slot for every task, among those that may take it."""
    draw = np.random.default_rng(seed)
    slots = np.empty(problem.n, dtype=np.int32)
    for tasks, allowed in problem.by_allowed_slots():
        slots[tasks] = draw.choice(allowed, len(tasks))
    slots[problem.apart >= 0] = -1  # where these may go depends on where the others of their group went
    return list_schedule(problem, problem.order, slots=slots)
