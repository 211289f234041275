"""Auto: the best of all methods, then a search around it while the budget lasts.

The search decodes the best order of tasks again with perturbed ranks, as in A. Bölöni, D. C. Marinescu, Robust
scheduling of metaprograms, Journal of Scheduling 5(5), 2002, doi:10.1002/jos.115: what ends sooner is kept. It is
deterministic for a seed: the number of rounds follows from the size of the instance, and a time budget that cuts in
earlier is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from planner.cost import Problem
from planner.model.plan import Bound, Schedule, Trial
from planner.schedulers.kernel import by_rank, list_schedule, topological, upward_rank
from planner.schedulers.registry import methods

__all__ = ["Found", "auto"]

_ROUNDS_WORK = 60_000_000
"""Steps of the list-scheduling kernel that the search may take: about half a second."""

_MOST_ROUNDS = 2000


@dataclass(frozen=True, eq=False)
class Found:
    """A schedule, the method that found it, what was tried on the way, and why it stopped."""

    schedule: Schedule
    method: str
    trials: tuple[Trial, ...]
    stopped: str


def auto(problem: Problem, bound: Bound, seed: int, budget_s: float) -> Found:
    """Try every method, then perturb the ranks of the best list schedule; stop early at the lower bound.

    Parameters
    ----------
    problem : Problem
    bound : Bound
    seed : int
    budget_s : float
        Seconds after which no further method or round begins; the first method always runs.
    """
    until = time.monotonic() + budget_s
    trials: list[Trial] = []
    best: tuple[Schedule, str] | None = None
    for name, schedule, seconds, note in _attempts(problem, bound, seed, until):
        trials.append(Trial(name, schedule.makespan_us, seconds, note))
        if best is None or schedule.makespan_us < best[0].makespan_us:
            best = schedule, name
        if best[0].makespan_us <= bound.us:
            return Found(*best, tuple(trials), "the lower bound is met: no plan can be better")
        if time.monotonic() > until:
            return Found(*best, tuple(trials), f"the budget of {budget_s:g} s was used up")
    assert best is not None  # noqa: S101
    return Found(*best, tuple(trials), "all methods and all rounds of the search were tried")


def _attempts(problem: Problem, bound: Bound, seed: int, until: float) -> Iterator[tuple[str, Schedule, float, str]]:
    for method in methods():
        began = time.perf_counter()
        schedule = method.schedule(problem, seed)
        yield method.name, schedule, time.perf_counter() - began, ""
    began = time.perf_counter()
    schedule, rounds, better = _perturbed(problem, bound, seed, until)
    yield "perturbed_ranks", schedule, time.perf_counter() - began, f"{rounds} rounds, {better} of them better"


def _perturbed(problem: Problem, bound: Bound, seed: int, until: float) -> tuple[Schedule, int, int]:
    """Vary ranks around the best ones found, more at first and less later."""
    draw = np.random.default_rng(seed)
    rank = upward_rank(problem)
    best = list_schedule(problem, by_rank(problem, rank), insertion=True)
    planned, better, done = _rounds(problem), 0, 0
    while done < planned and best.makespan_us > bound.us and time.monotonic() <= until:
        spread = 0.3 * (1 - done / planned) + 0.005
        trial = rank * np.exp(draw.normal(0.0, spread, problem.n))
        schedule = list_schedule(problem, topological(problem, trial), insertion=True)
        done += 1
        if schedule.makespan_us <= best.makespan_us:
            better += schedule.makespan_us < best.makespan_us
            best, rank = schedule, trial
    return best, done, better


def _rounds(problem: Problem) -> int:
    steps = problem.n * problem.n_slots + 4 * len(problem.pred) + 8 * problem.n
    return int(min(_MOST_ROUNDS, max(0, _ROUNDS_WORK // max(1, steps))))
