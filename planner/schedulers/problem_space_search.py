"""Problem-space search: the same list scheduler, decoding ranks that vary around the best ones found.

R. H. Storer, S. D. Wu, R. Vaccari, New search spaces for sequencing problems with application to job shop scheduling,
Management Science 38(10), 1992, doi:10.1287/mnsc.38.10.1495. What it finds is improved by justification.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.budget import Budget
from planner.schedulers.even import even, in_slots, is_even, vary, walk_from
from planner.schedulers.justification import justify, mirrored
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import topological, upward_rank

__all__ = ["Searched", "problem_space_search"]

_WIDEST, _NARROWEST = 0.3, 0.005
"""Sigma of the factors on ranks, at first and at last."""

_MOST_WALKS, _PER_WALK = 4, 2000
"""On equal slots the search begins anew so often, at most, and for so many schedules, at least."""

_PROMISING = 1.05
"""Justification is tried on schedules at most so many times as long as the best one."""


class Searched(NamedTuple):
    """The best schedule found, how many were tried, and how many of them were better than all before."""

    schedule: Schedule
    tried: int
    better: int


def problem_space_search(
    problem: Problem, seed: int, *, start: Schedule, enough_us: int, budget: Budget, chunk: int
) -> Searched:
    """Vary ranks around the best ones found, more at first and less later.

    Parameters
    ----------
    problem : Problem
    seed : int
        Of the variations.
    start : Schedule
        The best one known.
    enough_us : int
        A makespan that is good enough to stop: the lower bound.
    budget : Budget
    chunk : int
        Schedules between two looks at the budget.
    """
    if is_even(problem):
        return _on_equal_slots(problem, seed, start, enough_us, budget, chunk)
    draw, rank = np.random.default_rng(seed), upward_rank(problem)
    mirror = mirrored(problem) if problem.fresh and not len(problem.waiting_bytes) else None
    best = start if mirror is None else _shorter(start, justify(problem, mirror, start))
    tried = better = 0
    while best.makespan_us > enough_us and (used := budget.used(tried)) < 1:
        trial = rank * np.exp(draw.normal(0.0, _sigma(used), problem.n))
        found = list_schedule(problem, topological(problem, trial), insertion=True)
        tried += 1
        if mirror is not None and found.makespan_us <= _PROMISING * best.makespan_us:
            found = _shorter(found, justify(problem, mirror, found))
            tried += 2
        better += found.makespan_us < best.makespan_us
        if found.makespan_us <= best.makespan_us:
            best, rank = found, (found.makespan_us - found.start_us).astype(np.float64)
    return Searched(best, tried, better)


def _on_equal_slots(
    problem: Problem, seed: int, start: Schedule, enough_us: int, budget: Budget, chunk: int
) -> Searched:
    """Walk several times, each from the upward ranks on, and keep the best that any of them has found."""
    e, rank = even(problem), upward_rank(problem)
    best, starts, enough = start.makespan_us / e.unit_us, start.start_us, -(-enough_us // e.unit_us)
    walk, number, walks, tried, better = walk_from(rank), 0, 1, 0, 0
    while best > enough and (used := budget.used(tried)) < 1 and (count := budget.left(tried, chunk)):
        expected = max(1.0, budget.expected(tried, chunk))
        if number == 0:
            walks = max(1, min(_MOST_WALKS, int(expected / _PER_WALK)))
        if used * walks >= number + 1:
            walk, number = walk_from(rank), number + 1
        here = used * walks - number
        then = min(1.0, here + count * walks / expected)
        rules = (seed * 1_000_003 + tried) % 2**32, count, _sigma(max(0.0, here)), _sigma(then)
        tried += max(1, vary(e, walk, enough, *rules))
        if walk.length[0] < best:
            best, starts, better = int(walk.length[0]), walk.start.copy(), better + 1
    return Searched(in_slots(problem, e, starts) if better else start, tried, better)


def _sigma(used: float) -> float:
    return _WIDEST * (1 - used) + _NARROWEST


def _shorter(first: Schedule, second: Schedule) -> Schedule:
    return second if second.makespan_us < first.makespan_us else first
