"""What is left of a plan: kept where it was, or listed anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.compiled import bare
from planner.model.plan import Schedule
from planner.schedulers.critical_path import critical_path
from planner.schedulers.kernel import arrays, clear, place_near, state
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank
from planner.schedulers.room import memory_rule

__all__ = ["as_foreseen", "keep", "list_anew", "list_near"]


def as_foreseen(problem: Problem, planned: Schedule) -> bool:
    """Say whether what has begun is where and when it was planned, and what is left can stay so."""
    begun, left = np.flatnonzero(problem.fixed_slot >= 0), np.flatnonzero(problem.fixed_slot < 0)
    slot = planned.slot[left]
    return bool(
        (problem.fixed_slot[begun] == planned.slot[begun]).all()
        and (problem.fixed_start_us[begun] == planned.start_us[begun]).all()
        and (problem.fixed_finish_us[begun] == planned.finish_us[begun]).all()
        and (planned.start_us[left] >= problem.slot_ready_us[slot]).all()
        and problem.place[problem.place_row[left], problem.slot_executor[slot]].all()
    )


def keep(problem: Problem, planned: Schedule) -> Schedule:
    """Leave tasks on their slots and in their order; those whose executor is closed go where they end first.

    Parameters
    ----------
    problem : Problem
        With what has begun.
    planned : Schedule
        Of the same tasks; its slots are the first ones of the problem.
    """
    position = np.empty(problem.n, dtype=np.int64)
    position[problem.order] = np.arange(problem.n)
    order = np.lexsort((position, planned.finish_us, planned.start_us)).astype(np.int32)
    open_there = problem.place[problem.place_row, problem.slot_executor[planned.slot]]
    slots = np.where(open_there & (problem.apart < 0), planned.slot, -1).astype(np.int32)
    return list_schedule(problem, order, slots=slots, insertion=True)


def list_near(problem: Problem, slot: Int32, price_us: Int64) -> Schedule | None:
    """Schedule what is left by falling upward rank, each task on its slot unless it ends sooner elsewhere by its price.

    Parameters
    ----------
    problem : Problem
        With what has begun.
    slot : ndarray of int32, shape (n,)
        Where each task is; −1 where it is nowhere.
    price_us : ndarray of int64, shape (n,)
        What it costs to move each.

    Returns
    -------
    Schedule or None
        None, where tasks that stay apart find no executor.
    """
    order, at = by_rank(problem, upward_rank(problem)), state(problem)
    home = np.ascontiguousarray(slot, dtype=np.int32)
    if _placed_near(arrays(problem), at, order, home, price_us, memory_rule(problem)):
        return Schedule(at.slot, at.start, at.finish)
    return None


@bare
def _placed_near(p: Any, at: Any, order: Any, home: Any, price: Any, memory: Any) -> bool:
    clear(p, at)
    for k in range(len(order)):
        task = order[k]
        if p.fixed_slot[task] < 0 and not place_near(p, at, task, home[task], price[task], memory):
            return False
    return True


def list_anew(problem: Problem) -> Schedule:
    """Schedule what is left by falling upward rank, each task at the end of the slot where it ends first."""
    return critical_path(problem, 0)
