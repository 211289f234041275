"""Critical path: b-level list scheduling.

T. L. Adam, K. M. Chandy, J. R. Dickson, A comparison of list schedules for parallel processing systems, CACM 17(12),
1974, doi:10.1145/361604.361619; with finish times instead of start times, for executors of different speeds. The one
for millions of tasks: HEFT without looking for gaps.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.frontier import schedule_at_frontier
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["critical_path"]

_MANY_SLOTS = 64
"""From so many slots on, a tournament finds the best one faster than looking at all."""


def critical_path(problem: Problem, seed: int) -> Schedule:
    """Take tasks by falling b-level (longest path to the end), each on the slot where it ends first, at its end."""
    order = by_rank(problem, upward_rank(problem))
    if problem.n_slots < _MANY_SLOTS:
        return list_schedule(problem, order)
    return schedule_at_frontier(problem, order)
