"""Problem-space search: the same list scheduler, decoding ranks that vary around the best ones found.

R. H. Storer, S. D. Wu, R. Vaccari, New search spaces for sequencing problems with application to job shop scheduling,
Management Science 38(10), 1992, doi:10.1287/mnsc.38.10.1495. What it finds is improved by justification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.schedulers.justification import justify, mirrored
from planner.schedulers.kernel import list_schedule
from planner.schedulers.ranks import topological, upward_rank

__all__ = ["Searched", "problem_space_search"]

_MOST_SCHEDULES = 6000

_STEPS = 60_000_000
"""Steps of the list-scheduling kernel that a search may take: half a second to a second."""

_STEPS_MEMORY = 8
"""How many times as long a step takes where memory stands in the way."""

_WIDEST, _NARROWEST = 0.3, 0.005
"""Sigma of the factors on ranks, at first and at last."""

_PROMISING = 1.05
"""Justification is tried on schedules at most so many times as long as the best one."""


class Searched(NamedTuple):
    """The best schedule found, how many were tried, and how many of them were better than all before."""

    schedule: Schedule
    tried: int
    better: int


def problem_space_search(
    problem: Problem, seed: int, *, start: Schedule, enough_us: int, stop: Callable[[], bool]
) -> Searched:
    """Vary ranks around the best ones found, more at first and less later.

    Parameters
    ----------
    problem : Problem
    seed : int
        Of the variations. How many schedules are tried follows from the size of the problem alone.
    start : Schedule
        The best one known; it is justified first.
    enough_us : int
        A makespan that is good enough to stop: the lower bound.
    stop : callable
        Says whether to stop before all planned schedules were tried.
    """
    planned = schedules(problem)
    if planned == 0:
        return Searched(start, 0, 0)
    draw, mirror, rank = np.random.default_rng(seed), mirrored(problem), upward_rank(problem)
    best, tried, better = _shorter(start, justify(problem, mirror, start)), 0, 0
    while tried < planned and best.makespan_us > enough_us and not stop():
        spread = _WIDEST * (1 - tried / planned) + _NARROWEST
        trial = rank * np.exp(draw.normal(0.0, spread, problem.n))
        found = list_schedule(problem, topological(problem, trial), insertion=True)
        tried += 1
        if found.makespan_us <= _PROMISING * best.makespan_us:
            found = _shorter(found, justify(problem, mirror, found))
            tried += 2
        better += found.makespan_us < best.makespan_us
        if found.makespan_us <= best.makespan_us:
            best, rank = found, trial
    return Searched(best, tried, better)


def schedules(problem: Problem) -> int:
    """Give the number of schedules to try: fewer for larger problems, none for the largest."""
    steps = problem.n * problem.n_slots + 4 * len(problem.pred) + 8 * problem.n
    steps *= 1 if problem.fits else _STEPS_MEMORY
    return min(_MOST_SCHEDULES, _STEPS // max(1, steps))


def _shorter(first: Schedule, second: Schedule) -> Schedule:
    return second if second.makespan_us < first.makespan_us else first
