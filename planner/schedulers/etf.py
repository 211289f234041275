"""ETF: earliest task first.

J.-J. Hwang, Y.-C. Chow, F. D. Anger, C.-Y. Lee, Scheduling precedence graphs in systems with interprocessor
communication times, SIAM Journal on Computing 18(2), 1989, section 3, doi:10.1137/0218016.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.ranks import upward_rank
from planner.schedulers.ready_list import EARLIEST, ready_list

__all__ = ["etf"]


def etf(problem: Problem, seed: int) -> Schedule:
    """Of the ready tasks, take the one that can start first; of equals, the one with the longest path to the end."""
    return ready_list(problem, EARLIEST, by_start=True, level=upward_rank(problem))
