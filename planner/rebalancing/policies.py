"""Where what is left might go instead: suggestions, on which the arbiter decides.

Each policy is named as usual: ``planned`` lists what is left by critical path, ``least_loaded`` evens out what slots
have left, ``random`` lets slots that run dry take some task of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.plan import Schedule
from planner.schedulers import list_near
from planner.schedulers.list_schedule import list_schedule

__all__ = ["POLICIES", "Policy"]

Policy = Callable[[Problem, Int32, Schedule, Int64, Int32, Any], Schedule | None]
"""``policy(problem, slot, kept, price_us, order, draw)``: a schedule of what is left, or None where there is none.

`slot` is where each task is, `kept` what is predicted if all stays there, `order` that in which slots take tasks, and
`draw` a generator of random numbers.
"""

_DRY_US = 200_000
"""A slot runs dry that is predicted to end within so long."""


def _planned(problem: Problem, slot: Int32, kept: Schedule, price: Int64, order: Int32, draw: Any) -> Schedule | None:
    return list_near(problem, slot, price)


def _least_loaded(
    problem: Problem, slot: Int32, kept: Schedule, price: Int64, order: Int32, draw: Any
) -> Schedule | None:
    """Take tasks off the slot with most left, the last ones first, as long as another is better off with them."""
    target, time_us = slot.copy(), _times(problem)
    left = problem.fixed_slot < 0
    load = problem.slot_ready_us + np.bincount(
        slot[left], weights=time_us[left, slot[left]], minlength=problem.n_slots
    ).astype(np.int64)
    waiting = [[t for t in order.tolist() if left[t] and slot[t] == s] for s in range(problem.n_slots)]
    for _ in range(int(left.sum())):
        most, least = int(load.argmax()), int(load.argmin())
        if not waiting[most]:
            break
        task = waiting[most][-1]
        there = load[least] + time_us[task, least]
        if there + price[task] >= load[most] or not _may(problem, task, least):
            break
        waiting[most].pop()
        load[most] -= time_us[task, most]
        load[least], target[task] = there, least
    return _listed(problem, order, target)


def _random(problem: Problem, slot: Int32, kept: Schedule, price: Int64, order: Int32, draw: Any) -> Schedule | None:
    """Let every slot that runs dry take one task at random that waits somewhere else."""
    target = slot.copy()
    left = problem.fixed_slot < 0
    now = int(problem.slot_ready_us.min())
    ends = np.maximum(problem.slot_ready_us, 0)
    np.maximum.at(ends, kept.slot, kept.finish_us)
    for s in np.flatnonzero(ends <= now + _DRY_US).tolist():
        others = np.flatnonzero(left & (target != s) & (kept.start_us > ends[s]))
        others = others[[_may(problem, int(task), s) for task in others]] if len(others) else others
        if len(others):
            target[draw.choice(others)] = s
    return _listed(problem, order, target)


def _times(problem: Problem) -> Int64:
    """Give the time of each task on each slot."""
    return np.asarray(problem.time_us[:, problem.executor_class[problem.slot_executor]])


def _may(problem: Problem, task: int, slot: int) -> bool:
    free = problem.apart[task] < 0
    return bool(free and problem.place[problem.place_row[task], problem.slot_executor[slot]])


def _listed(problem: Problem, order: Int32, target: Int32) -> Schedule:
    return list_schedule(problem, order, slots=target, insertion=True)


POLICIES: dict[str, Policy] = {"planned": _planned, "least_loaded": _least_loaded, "random": _random}
"""By name; ``none`` is no policy."""
