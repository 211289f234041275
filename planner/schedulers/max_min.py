"""Max-min: the task that ends last even where it ends first, first.

M. Maheswaran, S. Ali, H. J. Siegel, D. Hensgen, R. F. Freund, Dynamic mapping of a class of independent tasks onto
heterogeneous computing systems, Journal of Parallel and Distributed Computing 59(2), 1999, section 4,
doi:10.1006/jpdc.1999.1581; over the tasks that are ready.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.ready_list import LATEST, ready_list

__all__ = ["max_min"]


def max_min(problem: Problem, seed: int) -> Schedule:
    """Of the ready tasks, take the one whose earliest finish is the latest, to the slot where that is."""
    return ready_list(problem, LATEST)
