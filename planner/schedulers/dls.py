"""DLS: dynamic level scheduling.

G. C. Sih, E. A. Lee, A compile-time scheduling heuristic for interconnection-constrained heterogeneous processor
architectures, IEEE TPDS 4(2), 1993, sections III and IV, doi:10.1109/71.207593.
"""

from __future__ import annotations

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.ranks import static_level
from planner.schedulers.ready_list import EARLIEST, ready_list

__all__ = ["dls"]


def dls(problem: Problem, seed: int) -> Schedule:
    """Take the ready task and the slot of the greatest dynamic level: the static level less the start, plus the gain.

    The static level is the longest path to the end without communication; the gain is what the slot's executor is
    faster than the mean.
    """
    return ready_list(problem, EARLIEST, by_start=True, level=static_level(problem), mean_time=True)
