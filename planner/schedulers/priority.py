"""Priority scheduling: highest level first.

T. C. Hu, Parallel sequencing and assembly line problems, Operations Research 9(6), 1961, doi:10.1287/opre.9.6.841;
with times and communication in the level as T. L. Adam, K. M. Chandy, J. R. Dickson, A comparison of list schedules
for parallel processing systems, CACM 17(12), 1974, doi:10.1145/361604.361619.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["priority"]


def priority(problem: Problem, seed: int) -> Schedule:
    """Take tasks by falling level (longest path to the end), each on the slot where it starts first, at its end."""
    return list_schedule(problem, by_rank(problem, upward_rank(problem)), first="start")
