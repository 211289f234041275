"""Random: every task on a slot drawn evenly.

The yardstick of M. Mitzenmacher, The power of two choices in randomized load balancing, IEEE TPDS 12(10), 2001,
section 1, doi:10.1109/71.963420.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.kernel import list_schedule
from planner.schedulers.round_robin import allowed_slots

__all__ = ["random"]


def random(problem: Problem, seed: int) -> Schedule:
    """Draw a slot for every task, among those whose memory holds it."""
    draw = np.random.default_rng(seed)
    if problem.fits:
        slots = draw.integers(0, problem.n_slots, problem.n, dtype=np.int32)
    else:
        slots = np.array([draw.choice(allowed_slots(problem, task)) for task in range(problem.n)], dtype=np.int32)
    return list_schedule(problem, problem.order, slots=slots)
