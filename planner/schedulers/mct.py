"""MCT: minimum completion time, task by task as they stand. Also known as greedy.

M. Maheswaran, S. Ali, H. J. Siegel, D. Hensgen, R. F. Freund, Dynamic mapping of a class of independent tasks onto
heterogeneous computing systems, Journal of Parallel and Distributed Computing 59(2), 1999, section 3,
doi:10.1006/jpdc.1999.1581.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule

__all__ = ["mct"]


def mct(problem: Problem, seed: int) -> Schedule:
    """Take tasks in topological order, each on the slot where it ends first, behind the rest."""
    return list_schedule(problem, problem.order)
