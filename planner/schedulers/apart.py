"""Executors set aside for tasks that have to be apart, for when placing them one by one has run out of executors."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Float64, Int32

__all__ = ["Places", "reserved"]


class Places(TypedDict):
    """The fields of a `Problem` that say which executors may take a task."""

    place: Bool
    place_row: Int32


def reserved(problem: Problem) -> Places:
    """Give every task of a group that is kept apart an executor of its own, so that their times add up to the least.

    Returns
    -------
    Places
        As those of the problem, with one executor for each of these tasks.
    """
    from scipy.optimize import linear_sum_assignment  # takes longer to import than most plans take

    place_row = problem.place_row.copy()
    rows = np.eye(problem.n_executors, dtype=bool)
    for group in range(len(problem.apart_ptr) - 1):
        members = problem.apart_member[problem.apart_ptr[group] : problem.apart_ptr[group + 1]]
        begun = problem.fixed_slot[members] >= 0
        taken = problem.slot_executor[problem.fixed_slot[members[begun]]]
        tasks = members[~begun]
        free = problem.place[problem.place_row[tasks]]
        free[:, taken] = False
        times = np.where(free, problem.time_us[tasks][:, problem.executor_class].astype(np.float64), np.inf)
        if problem.apart_host[group]:
            times[:, np.isin(problem.host, problem.host[taken])] = np.inf
            times = _fastest_of_each_host(problem, times)
        chosen, executors = linear_sum_assignment(times)
        place_row[tasks[chosen]] = len(problem.place) + executors
    return {"place": np.concatenate([problem.place, rows]), "place_row": place_row.astype(np.int32)}


def _fastest_of_each_host(problem: Problem, times: Float64) -> Float64:
    """Leave each task one executor of each host; tasks of a group that minds hosts are copies, alike in all of it."""
    left = np.full_like(times, np.inf)
    for host in range(int(problem.host.max()) + 1):
        executors = np.flatnonzero(problem.host == host)
        first = executors[times[:, executors].argmin(axis=1)]
        rows = np.arange(len(times))
        left[rows, first] = times[rows, first]
    return left
