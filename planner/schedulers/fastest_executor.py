"""Fastest executor: everything on the one executor that does all of it soonest, so that nothing is sent.

The guard against instances on which list schedulers spread out and pay for it: J. Coleman, B. Krishnamachari,
Comparing task graph scheduling algorithms: an adversarial approach, 2024, arXiv:2403.07120, section 4.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["fastest_executor"]


def fastest_executor(problem: Problem, seed: int) -> Schedule:
    """Keep all tasks that it may take on the executor with the most speed, in all its slots or in one."""
    speed = problem.class_speed[problem.executor_class]
    capacity = speed * np.bincount(problem.slot_executor)
    most = np.bincount(problem.place_row, minlength=len(problem.place)) @ problem.place
    takes = most == most.max()
    order = by_rank(problem, upward_rank(problem))
    candidates = {int(np.where(takes, key, -1.0).argmax()) for key in (capacity, speed)}
    schedules = [_on(problem, executor, order) for executor in sorted(candidates)]
    return min(schedules, key=lambda schedule: schedule.makespan_us)


def _on(problem: Problem, executor: int, order: Int32) -> Schedule:
    return list_schedule(problem, order, insertion=True, executor=executor)
