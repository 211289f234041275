"""Equal slots that exchange values for nothing: schedules as start times under a capacity.

Where at no moment more tasks run than there are slots, slots can be found for all of them afterwards. So a task's slot
needs no thought, and a task fits into every hole that the others leave.

Schedules are made by the serial schedule generation scheme (R. Kolisch, Serial and parallel resource-constrained
project scheduling methods revisited, European Journal of Operational Research 90(2), 1996, section 2.1,
doi:10.1016/0377-2217(95)00357-6) and improved by justification (V. Valls, F. Ballestín, S. Quintanilla, Justification
and RCPSP: a technique that pays, European Journal of Operational Research 165(2), 2005, section 2,
doi:10.1016/j.ejor.2004.04.008) for as long as that makes them shorter.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import bare, compiled
from planner.model.plan import Schedule
from planner.schedulers.ranks import raised

__all__ = ["Even", "Walk", "even", "in_slots", "is_even", "vary", "walk_from"]


_PARTIAL = 0.75
"""Part of the variations that are of a part of the ranks."""

_FEWEST = 3.0
"""Ranks that such a variation is of, on average, at least."""


class Even(NamedTuple):
    """A problem of equal slots; times in the largest unit that divides all of them."""

    slots: int
    unit_us: int
    time: Int64
    order: Int32
    pred_ptr: Int64
    pred: Int32
    succ_ptr: Int64
    succ: Int32


class Walk(NamedTuple):
    """Where a search stands: its ranks, its best schedule, how long that is, and how much of it is late."""

    rank: Float64
    start: Int64
    length: Int64
    beyond: Int64


def walk_from(rank: Float64) -> Walk:
    """Begin a walk, with no schedule yet."""
    longest = np.full(1, np.iinfo(np.int64).max // 4)
    return Walk(rank.copy(), np.zeros(len(rank), np.int64), longest, longest.copy())


def is_even(problem: Problem) -> bool:
    """Tell whether slots are equal, values move for nothing, and neither memory nor rules bind tasks to executors."""
    equal = problem.time_us.shape[1] == 1 and problem.free_network
    return equal and problem.fits and problem.anywhere and problem.fresh


def even(problem: Problem) -> Even:
    """Give a problem that `is_even` in that form."""
    time = problem.time_us[:, 0]
    unit = int(np.gcd.reduce(np.unique(time))) or 1
    lists = problem.order, problem.pred_ptr, problem.pred, problem.succ_ptr, problem.succ
    return Even(problem.n_slots, unit, np.ascontiguousarray(time // unit), *lists)


def in_slots(problem: Problem, e: Even, start: Int64) -> Schedule:
    """Find slots for start times of which at most as many overlap as there are slots."""
    start_us = start * e.unit_us
    finish_us = start_us + e.time * e.unit_us
    position = np.empty(problem.n, dtype=np.int64)
    position[problem.order] = np.arange(problem.n)
    slot = np.empty(problem.n, dtype=np.int32)
    free = [(0, s) for s in range(e.slots)]
    for task in np.lexsort((position, finish_us, start_us)).tolist():
        slot[task] = free[0][1]
        heapq.heapreplace(free, (int(finish_us[task]), free[0][1]))
    return Schedule(slot, start_us, finish_us)


@compiled
def vary(e: Any, walk: Any, enough: Any, seed: Any, count: Any, wide: Any, narrow: Any) -> Any:
    """Try schedules whose ranks vary around those of a walk, each improved by justification.

    Of two schedules of one length the better one has less beyond a moment half way down to `enough`.

    Parameters
    ----------
    e : Even
    walk : Walk
        Its ranks are varied; when a better schedule is found, or one that is as good, it is noted, and the ranks become
        the times from its starts to its end.
    enough : int
        The makespan at which to stop.
    seed, count : int
    wide, narrow : float
        Sigma of the factors on ranks, at first and at last.

    Returns
    -------
    tried : int
        Schedules that were tried.
    """
    np.random.seed(seed)
    n = len(walk.rank)
    start, finish = np.zeros(n, np.int64), np.zeros(n, np.int64)
    late, ended = np.zeros(n, np.int64), np.zeros(n, np.int64)
    moments, running = np.zeros(2 * n + 4, np.int64), np.zeros(2 * n + 4, np.int64)
    position = np.zeros(n, np.int64)
    for k in range(n):
        position[e.order[k]] = k
    trial, keys = walk.rank.copy(), np.zeros(n, np.int64)
    tried = 0
    while tried < count and walk.length[0] > enough:
        _vary_ranks(walk.rank, trial, wide + (narrow - wide) * tried / count)
        raised(e.order, e.succ_ptr, e.succ, trial)
        scale = 2.0**30 / max(1.0, trial.max())
        for task in range(n):
            keys[task] = -np.int64(trial[task] * scale) * n + position[task]
        length = _generate(np.argsort(keys), e.pred_ptr, e.pred, e.time, e.slots, start, finish, moments, running)
        tried += 1
        while length > enough:
            for task in range(n):
                keys[task] = -finish[task] * n - position[task]
            _generate(np.argsort(keys), e.succ_ptr, e.succ, e.time, e.slots, late, ended, moments, running)
            for task in range(n):
                keys[task] = -ended[task] * n + position[task]
            again = _generate(np.argsort(keys), e.pred_ptr, e.pred, e.time, e.slots, start, finish, moments, running)
            tried += 2
            if again >= length:
                length = again
                break
            length = again
        _note_if_better(walk, start, finish, length, enough)
    return tried


@bare
def _vary_ranks(rank: Any, trial: Any, sigma: Any) -> None:
    """Multiply ranks by random factors: all of them, or, mostly, a few of them by more."""
    n, part = len(rank), 1.0
    if np.random.random() < _PARTIAL and n > _FEWEST:
        part = np.exp(np.random.random() * np.log(_FEWEST / n))  # as often some of hundreds as some of ten
        sigma = sigma / part**0.25
    for task in range(n):
        trial[task] = rank[task]
        if part == 1.0 or np.random.random() < part:
            trial[task] *= np.exp(sigma * np.random.normal())


@bare
def _note_if_better(walk: Any, start: Any, finish: Any, length: Any, enough: Any) -> None:
    beyond, moment = np.int64(0), (length + enough) // 2
    for task in range(len(finish)):
        beyond += max(np.int64(0), finish[task] - moment)
    if length < walk.length[0] or (length == walk.length[0] and beyond <= walk.beyond[0]):
        walk.length[0], walk.beyond[0] = length, beyond
        for task in range(len(start)):
            walk.rank[task] = length - start[task]
            walk.start[task] = start[task]


@bare
def _generate(
    order: Any, before_ptr: Any, before: Any, time: Any, slots: Any, start: Any, finish: Any, moments: Any, running: Any
) -> Any:
    """Start each task, in order, at the first moment from which on a slot is free for as long as it takes.

    `running[i]` tasks run from ``moments[i]`` to ``moments[i + 1]``, and none from the last moment on.
    """
    known: Any = np.int64(1)
    length = np.int64(0)
    moments[0], running[0] = 0, 0
    for k in range(len(order)):
        task = order[k]
        begins = np.int64(0)
        for i in range(before_ptr[task], before_ptr[task + 1]):
            begins = max(begins, finish[before[i]])
        takes = time[task]
        if takes > 0:
            i = known - 1
            while moments[i] > begins:
                i -= 1
            while True:
                while running[i] >= slots:
                    i += 1
                    begins = moments[i]
                j = i + 1
                while j < known and moments[j] < begins + takes and running[j] < slots:
                    j += 1
                if j >= known or moments[j] >= begins + takes:
                    break
                i = j
            known = _occupy(moments, running, known, i, begins, begins + takes)
        start[task], finish[task] = begins, begins + takes
        length = max(length, begins + takes)
    return length


@bare
def _occupy(moments: Any, running: Any, known: Any, i: Any, begins: Any, ends: Any) -> Any:
    """Let one more task run from a moment at or behind the i-th on; gives how many moments are known then."""
    if moments[i] < begins:
        i += 1
        for k in range(known, i, -1):
            moments[k], running[k] = moments[k - 1], running[k - 1]
        moments[i], running[i] = begins, running[i - 1]
        known += 1
    j = i
    while j < known and moments[j] < ends:
        running[j] += 1
        j += 1
    if j == known or moments[j] > ends:
        for k in range(known, j, -1):
            moments[k], running[k] = moments[k - 1], running[k - 1]
        moments[j], running[j] = ends, running[j - 1] - 1
        known += 1
    return known
