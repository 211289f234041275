"""Tasks that depend on nothing, on slots that take times of their own for them: the methods of assigning as methods."""

from __future__ import annotations

import numpy as np

from planner import packing
from planner.cost import Problem
from planner.errors import InputError
from planner.model.arrays import Bool, Int64
from planner.model.plan import Schedule
from planner.schedulers.budget import Budget

__all__ = ["assign", "earliest_completion", "iterated_greedy", "lp_rounding", "refuses_dependent"]

_MOST_ROUNDS, _STEPS = 100_000, 300_000_000
"""Rounds of iterated greedy, and rounds times tasks times slots, that take about a second."""


def refuses_dependent(problem: Problem) -> str | None:
    """Say why a problem is not one of independent tasks; None, if it is."""
    if len(problem.pred):
        return "is for tasks without dependencies"
    if not problem.fits:
        return "is for executors whose memory holds whatever runs together"
    return "is for tasks of which none stay apart" if (problem.apart >= 0).any() else None


def earliest_completion(problem: Problem, seed: int) -> Schedule:
    """Take independent tasks by falling shortest time, each on the slot that completes it earliest."""
    return _scheduled(problem, packing.earliest_completion(*_columns(problem))[0])


def lp_rounding(problem: Problem, seed: int) -> Schedule:
    """Give each independent task to the slot that has most of it in the linear relaxation."""
    times, allowed, ready = _columns(problem)
    slot, free = packing.earliest_completion(times, allowed, ready)
    if not len(slot):
        return _scheduled(problem, slot)
    relaxed = packing.lp_rounding(times, allowed & (times < max(1, int(free.max()))) | _held(slot, allowed), ready)
    return _scheduled(problem, slot if relaxed is None else relaxed.slot)


def iterated_greedy(problem: Problem, seed: int) -> Schedule:
    """Take a few independent tasks off their slots and put them back, again and again, from earliest completion on."""
    times, allowed, ready = _columns(problem)
    slot, _ = packing.earliest_completion(times, allowed, ready)
    count = min(_MOST_ROUNDS, _STEPS // max(1, times.size))
    return _scheduled(problem, packing.iterated_greedy(times, allowed, ready, slot, enough=0, seed=seed, count=count))


def assign(problem: Problem, seed: int, *, start: Schedule, budget: Budget, moves: int) -> tuple[Schedule, str, int]:
    """Improve on a schedule at the prices of the linear relaxation.

    Parameters
    ----------
    problem : Problem
    seed : int
    start : Schedule
    budget : Budget
    moves : int
        What is tried for a budget that counts schedules.

    Returns
    -------
    schedule : Schedule
    note : str
        What was done.
    bound_us : int
        No schedule is shorter.
    """
    times, allowed, ready = _columns(problem)
    assigned = packing.assign(
        times,
        allowed=allowed,
        ready=ready,
        start=start.slot[problem.fixed_slot < 0].astype(np.int64),
        seed=seed,
        iterations=moves,
        used=None if budget.seconds is None else lambda: budget.used(0),
    )
    note = f"{assigned.tried} moves among the slots that are cheap at the prices of the linear relaxation"
    begun_us = int(problem.fixed_finish_us.max(initial=0))
    return _scheduled(problem, assigned.slot), note, max(assigned.lower_bound, begun_us)


def _columns(problem: Problem) -> tuple[Int64, Bool, Int64]:
    """Give times, allowed slots, and when slots are free, for the tasks that have not begun.

    Raises
    ------
    InputError
        If the problem is another than one of independent tasks.
    """
    if why := refuses_dependent(problem):
        raise InputError(f"this method {why}; expected another method, such as heft")
    left = problem.fixed_slot < 0
    times = problem.time_us[left][:, problem.executor_class[problem.slot_executor]]
    allowed = problem.place[problem.place_row[left]][:, problem.slot_executor]
    return np.ascontiguousarray(times), np.ascontiguousarray(allowed), problem.slot_ready_us


def _held(slot: Int64, allowed: Bool) -> Bool:
    """Mark the slot of each task, so that every task keeps a column."""
    held = np.zeros_like(allowed)
    held[np.arange(len(slot)), slot] = True
    return held


def _scheduled(problem: Problem, slot: Int64) -> Schedule:
    """Start the tasks that have not begun one after another on their slots, in the order in which they stand."""
    left = np.flatnonzero(problem.fixed_slot < 0)
    slots = np.where(problem.fixed_slot < 0, 0, problem.fixed_slot).astype(np.int32)
    start, finish = problem.fixed_start_us.copy(), problem.fixed_finish_us.copy()
    slots[left] = slot
    order = left[np.argsort(slot, kind="stable")]
    takes = problem.time_us[order, problem.executor_class[problem.slot_executor[slots[order]]]]
    ends, first = np.cumsum(takes), np.searchsorted(slots[order], np.arange(problem.n_slots))
    before = np.concatenate([[0], ends])[first]
    finish[order] = ends - before[slots[order]] + problem.slot_ready_us[slots[order]]
    start[order] = finish[order] - takes
    return Schedule(slots, start, finish)
