"""Justification: a schedule pushed to the right as far as it goes, then to the left again.

V. Valls, F. Ballestín, S. Quintanilla, Justification and RCPSP: a technique that pays, European Journal of Operational
Research 165(2), 2005, section 2, doi:10.1016/j.ejor.2004.04.008.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank

__all__ = ["justify", "mirrored"]


def mirrored(problem: Problem) -> Problem:
    """Turn time around: every edge the other way, with the bytes it had."""
    back = np.empty(len(problem.pred), dtype=np.int64)
    back[problem.succ_edge] = np.arange(len(back))
    return replace(
        problem,
        pred_ptr=problem.succ_ptr,
        pred=problem.succ,
        edge_bytes=problem.edge_bytes[problem.succ_edge],
        succ_ptr=problem.pred_ptr,
        succ=problem.pred,
        succ_edge=back,
        order=problem.order[::-1].copy(),
    )


def justify(problem: Problem, mirror: Problem, schedule: Schedule) -> Schedule:
    """Place tasks as late as possible, the last to end first; then as early as possible, the first to start first.

    Parameters
    ----------
    problem, mirror : Problem
        A problem, and `mirrored` of it.
    schedule : Schedule
        A valid one.

    Returns
    -------
    Schedule
        A valid one. Never longer on equal slots that exchange values for nothing; else it may be.
    """
    late = list_schedule(mirror, _last_first(mirror, schedule.finish_us), insertion=True)
    return list_schedule(problem, _last_first(problem, late.finish_us), insertion=True)


def _last_first(problem: Problem, finish_us: Int64) -> Int32:
    return by_rank(problem, finish_us.astype(np.float64))
