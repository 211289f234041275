"""Sufferage: the task that would suffer most without its best slot, first.

M. Maheswaran, S. Ali, H. J. Siegel, D. Hensgen, R. F. Freund, Dynamic mapping of a class of independent tasks onto
heterogeneous computing systems, Journal of Parallel and Distributed Computing 59(2), 1999, section 4,
doi:10.1006/jpdc.1999.1581; over the tasks that are ready.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.ready_list import SUFFERAGE, ready_list

__all__ = ["sufferage"]


def sufferage(problem: Problem, seed: int) -> Schedule:
    """Of the ready tasks, take the one whose second best slot is furthest behind its best, to the best."""
    return ready_list(problem, SUFFERAGE)
