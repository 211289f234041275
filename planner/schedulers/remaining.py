"""What is left of a plan: kept where it was, or listed anew."""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.critical_path import critical_path
from planner.schedulers.list_schedule import list_schedule

__all__ = ["as_foreseen", "keep", "list_anew"]


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


def list_anew(problem: Problem) -> Schedule:
    """Schedule what is left by falling upward rank, each task at the end of the slot where it ends first."""
    return critical_path(problem, 0)
