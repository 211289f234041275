"""Tasks that depend on nothing, on equal slots: the packing methods as planning methods."""

from __future__ import annotations

import numpy as np

from planner import packing
from planner.cost import Problem
from planner.errors import InputError
from planner.model.arrays import Int64
from planner.model.plan import Schedule
from planner.schedulers.budget import Budget
from planner.schedulers.even import is_even

__all__ = ["karmarkar_karp", "lpt", "multifit", "refuses", "repartition", "scheduled"]


def refuses(problem: Problem) -> str | None:
    """Say why a problem is not one of independent tasks on equal slots; None, if it is."""
    if len(problem.pred):
        return "is for tasks without dependencies"
    return None if is_even(problem) else "is for equal slots that may take every task"


def lpt(problem: Problem, seed: int) -> Schedule:
    """Take independent tasks by falling time, each on the slot that is free first."""
    return scheduled(problem, packing.lpt(_times(problem), np.ones(problem.n_slots))[0])


def multifit(problem: Problem, seed: int) -> Schedule:
    """Pack independent tasks by first fit decreasing into bins of the smallest size that is found."""
    return scheduled(problem, packing.multifit(_times(problem), problem.n_slots))


def karmarkar_karp(problem: Problem, seed: int) -> Schedule:
    """Pack independent tasks by the largest differencing method."""
    return scheduled(problem, packing.karmarkar_karp(_times(problem), problem.n_slots))


def repartition(
    problem: Problem, seed: int, *, start: Schedule, enough_us: int, budget: Budget, chunk: int
) -> tuple[Schedule, int]:
    """Deal the tasks of a few slots out anew, the fullest among them, again and again; gives how often, too."""
    times, slot, tried = _times(problem), start.slot.astype(np.int64), 0
    best = start
    while best.makespan_us > enough_us and budget.used(tried) < 1 and (count := budget.left(tried, chunk)):
        slot, _ = packing.repartition(
            times, slot, problem.n_slots, enough=enough_us, seed=seed * 1_000_003 + tried, count=count
        )
        best, tried = scheduled(problem, slot), tried + count
    return best, tried


def scheduled(problem: Problem, slot: Int64) -> Schedule:
    """Start tasks one after another on their slots, in the order in which they stand."""
    times = _times(problem)
    order = np.lexsort((np.arange(problem.n), slot))
    ends = np.cumsum(times[order])
    first = np.searchsorted(slot[order], np.arange(problem.n_slots))
    before = np.concatenate([[0], ends])[first]
    finish = np.empty(problem.n, dtype=np.int64)
    finish[order] = ends - before[slot[order]]
    return Schedule(slot.astype(np.int32), finish - times, finish)


def _times(problem: Problem) -> Int64:
    """Give the time of every task.

    Raises
    ------
    InputError
        If the problem is another than one of independent tasks on equal slots.
    """
    if why := refuses(problem):
        raise InputError(f"this method {why}; expected another method, such as heft")
    return np.ascontiguousarray(problem.time_us[:, 0])
