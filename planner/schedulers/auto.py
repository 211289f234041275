"""Auto: the best of all methods, then a search around it while the budget lasts.

It is deterministic for a seed: how much is searched follows from the size of the problem, and a time budget that cuts
in earlier is told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from planner.cost import Problem
from planner.model.plan import Bound, Schedule, Trial
from planner.schedulers.problem_space_search import problem_space_search
from planner.schedulers.registry import methods

__all__ = ["Found", "auto"]

_SEARCH = "problem_space_search"
_MET = "the lower bound is met: no plan can be better"


@dataclass(frozen=True, eq=False)
class Found:
    """A schedule, the method that found it, what was tried on the way, and why it stopped."""

    schedule: Schedule
    method: str
    trials: tuple[Trial, ...]
    stopped: str


def auto(problem: Problem, bound: Bound, seed: int, budget_s: float) -> Found:
    """Try every method, then search around the best schedule; stop early at the lower bound.

    Parameters
    ----------
    problem : Problem
    bound : Bound
    seed : int
    budget_s : float
        Seconds after which nothing further begins; the first method always runs.
    """
    until = time.monotonic() + budget_s
    trials: list[Trial] = []
    best: tuple[Schedule, str] | None = None
    for method in methods():
        if best is not None and time.monotonic() > until:
            break
        began = time.perf_counter()
        schedule = method.schedule(problem, seed)
        trials.append(Trial(method.name, schedule.makespan_us, time.perf_counter() - began))
        if best is None or schedule.makespan_us < best[0].makespan_us:
            best = schedule, method.name
        if best[0].makespan_us <= bound.us:
            return Found(*best, tuple(trials), _MET)
    assert best is not None  # noqa: S101 - there is at least one method
    if time.monotonic() <= until:
        schedule, trial = _search(problem, best[0], bound, seed, until)
        trials.append(trial)
        if schedule.makespan_us < best[0].makespan_us:
            best = schedule, _SEARCH
        if best[0].makespan_us <= bound.us:
            return Found(*best, tuple(trials), _MET)
    return Found(*best, tuple(trials), _why(trials, budget_s, cut=time.monotonic() > until))


def _why(trials: list[Trial], budget_s: float, cut: bool) -> str:
    if not cut:
        return "all methods were tried, and all schedules that the search may try"
    done = {trial.method for trial in trials}
    missing = [name for name in (*(method.name for method in methods()), _SEARCH) if name not in done]
    left = f"; not tried: {', '.join(missing)}" if missing else ""
    return f"the budget of {budget_s:g} s was used up, so that another run may find another plan{left}"


def _search(problem: Problem, best: Schedule, bound: Bound, seed: int, until: float) -> tuple[Schedule, Trial]:
    began = time.perf_counter()
    found = problem_space_search(problem, seed, start=best, enough_us=bound.us, stop=lambda: time.monotonic() > until)
    note = f"{found.tried} schedules, {found.better} of them better than all before"
    return found.schedule, Trial(_SEARCH, found.schedule.makespan_us, time.perf_counter() - began, note)
