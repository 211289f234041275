"""HEFT: heterogeneous earliest finish time.

H. Topcuoglu, S. Hariri, M.-Y. Wu, Performance-effective and low-complexity task scheduling for heterogeneous
computing, IEEE TPDS 13(3), 2002, section 4.1, doi:10.1109/71.993206.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["heft"]


def heft(problem: Problem, seed: int) -> Schedule:
    """Take tasks by falling upward rank, each into the gap or onto the slot where it ends first."""
    return list_schedule(problem, by_rank(problem, upward_rank(problem)), insertion=True)
