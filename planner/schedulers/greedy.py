"""Greedy: minimum completion time, task by task as they stand.

R. Armstrong, D. Hensgen, T. Kidd, The relative performance of various mapping algorithms is independent of sizable
variances in run-time predictions, HCW 1998, section 2, doi:10.1109/HCW.1998.666547.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule

__all__ = ["greedy"]


def greedy(problem: Problem, seed: int) -> Schedule:
    """Take tasks in topological order, each on the slot where it ends first, behind the rest."""
    return list_schedule(problem, problem.order)
