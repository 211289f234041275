"""What the searches that are asked for by name begin with, and how much they try."""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32
from planner.model.plan import Schedule
from planner.schedulers.budget import steps_of
from planner.schedulers.cpop import cpop
from planner.schedulers.critical_path import critical_path
from planner.schedulers.heft import heft
from planner.schedulers.peft import peft
from planner.schedulers.ready_list import EARLIEST, ready_list

__all__ = ["order_of", "schedules_in", "starts"]

_LARGEST, _LARGEST_DYNAMIC = 2 * 10**7, 10**6
"""Tasks times slots up to which static, and dynamic, list scheduling takes no longer than a second or so."""


def starts(problem: Problem, seed: int) -> list[Schedule]:
    """Give the schedules of quick methods of different kinds, the best one first."""
    found, size = [critical_path(problem, seed)], problem.n * problem.n_slots
    if size <= _LARGEST:
        found += [method(problem, seed) for method in (heft, cpop, peft)]
    if size <= _LARGEST_DYNAMIC:
        found.append(ready_list(problem, EARLIEST))
    return sorted(found, key=lambda schedule: schedule.makespan_us)


def schedules_in(problem: Problem, steps: int) -> int:
    """Estimate how many schedules the kernel makes in so many steps; some hundred million are a second."""
    return steps // steps_of(problem)


def order_of(problem: Problem, schedule: Schedule) -> Int32:
    """Give tasks by when they start, as a topological order."""
    position = np.empty(problem.n, dtype=np.int64)
    position[problem.order] = np.arange(problem.n)
    return np.lexsort((position, schedule.finish_us, schedule.start_us)).astype(np.int32)
