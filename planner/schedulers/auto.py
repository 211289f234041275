"""Auto: a portfolio. It looks at the problem, runs what pays, stops at the bound, and says what it tried and why.

Counted in schedules, as it is if no time is given, it finds the same plan for the same problem and seed everywhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from planner.cost import Problem
from planner.model.compiled import slowness
from planner.model.plan import Bound, Schedule, Trial
from planner.model.units import format_bytes, format_seconds
from planner.model.weights import Weights
from planner.objective import price_us
from planner.schedulers.annealing import anneal
from planner.schedulers.budget import Budget, steps_of
from planner.schedulers.even import is_even
from planner.schedulers.exact import solve
from planner.schedulers.independent import refuses, repartition
from planner.schedulers.problem_space_search import problem_space_search
from planner.schedulers.registry import suiting
from planner.schedulers.unrelated import assign, refuses_dependent
from planner.spills import spilled_bytes

__all__ = ["Found", "auto"]

_STEPS = 400_000_000
"""Steps of the kernel that the searches take where nothing else is said: about a second."""

_CHUNK_STEPS = 4_000_000
"""Steps between two looks at the clock: some ten milliseconds."""

_MOST_SCHEDULES = 200_000
"""A small problem is not searched for longer than this, if nothing else is said."""

_MOST_VARIED = 1500
"""Schedules of varied ranks before the annealing begins, at most: each takes as long as ten neighbours."""

_LARGEST_SEARCHED = 50
"""A search of fewer schedules than this is not begun, if nothing else is said: it would find little."""

_RANKS_SHARE = 0.1
"""Part of a budget in which ranks are varied before the annealing begins."""

_SMALL = 400
"""Tasks times executors up to which a constraint solver is asked."""

_PROOF_SHARE, _PROOF_EFFORT = 0.2, 0.05
"""Part of the time left that it may take; where schedules are counted, its deterministic time: less than a second."""

_LEAST_CHUNK, _HASTY_EFFORT = 10, 0.0125
"""Where loops are not compiled: neighbours for which a chunk is worth beginning, and what a proof may take."""

_WALKS = 8
_PER_WALK = 3000
"""Annealing begins anew for every so many neighbours a task, at most so often."""

_HEATS = (1.0, 3.0, 0.3)
"""How hot the walks begin, in turn: what one cannot leave, the next may."""

_MET = "the lower bound is met: no plan can be better"


@dataclass(frozen=True, eq=False)
class Found:
    """A schedule, the method that found it, what was tried on the way, why it stopped, and the best bound known."""

    schedule: Schedule
    method: str
    trials: tuple[Trial, ...]
    stopped: str
    bound: Bound


@dataclass
class _Race:
    """The best schedule so far, of the fewest bytes spilled and then of the least price; and what was tried."""

    problem: Problem
    bound: Bound
    weights: Weights | None = None
    worth: tuple[int, float] = (0, 0.0)
    best: Schedule | None = None
    method: str = ""
    trials: list[Trial] = field(default_factory=list)

    def enter(self, method: str, schedule: Schedule, began: float, note: str = "") -> None:
        spilled = int(spilled_bytes(self.problem, schedule).sum())
        price = price_us(self.problem, schedule, self.weights)
        notes = [note] if note else []
        notes += [f"{format_bytes(spilled)} of values spilled"] if spilled else []
        notes += [f"weighted {format_seconds(price)}"] if self.weights else []
        self.trials.append(Trial(method, schedule.makespan_us, time.perf_counter() - began, "; ".join(notes)))
        if self.best is None or (spilled, price) < self.worth:
            self.best, self.method, self.worth = schedule, method, (spilled, price)

    @property
    def met(self) -> bool:
        least = self.bound.us * (1.0 if self.weights is None else self.weights.time)
        return self.best is not None and self.worth <= (0, least)

    @property
    def leader(self) -> Schedule:
        assert self.best is not None  # noqa: S101 - there is at least one method, and it has run
        return self.best

    def found(self, stopped: str) -> Found:
        return Found(self.leader, self.method, tuple(self.trials), _MET if self.met else stopped, self.bound)


def auto(
    problem: Problem,
    bound: Bound,
    seed: int,
    *,
    seconds: float | None = None,
    schedules: int | None = None,
    weights: Weights | None = None,
) -> Found:
    """Try the methods that pay for a problem of this size, then search around the best schedule.

    Parameters
    ----------
    problem : Problem
    bound : Bound
    seed : int
    seconds : float, optional
        Search for so long. The first method always runs.
    schedules : int, optional
        Search through so many schedules. Neither of the two: through as many as take about a second.
    weights : Weights, optional
        What counts beside the makespan.
    """
    until = None if seconds is None else time.monotonic() + seconds
    race = _Race(problem, bound, weights)
    for method in suiting(problem):
        if race.best is not None and until is not None and time.monotonic() > until:
            return race.found(f"the budget of {seconds:g} s was used up; not tried: {method.name} and what follows it")
        began = time.perf_counter()
        race.enter(method.name, method.schedule(problem, seed), began)
        if race.met:
            return race.found(_MET)
    steps = slowness() * steps_of(problem)
    if until is None and schedules is None:
        schedules = min(_MOST_SCHEDULES, _STEPS // steps)
        if schedules < _LARGEST_SEARCHED:
            return race.found(f"with {problem.n} tasks on {problem.n_slots} slots a search takes longer than a second")
    chunk = max(1 if slowness() == 1 else _LEAST_CHUNK, _CHUNK_STEPS // steps)
    _search(race, problem, seed, _Effort(until, schedules, chunk, steps))
    how = f"{seconds:g} s, so that another run may find another plan" if until is not None else f"{schedules} schedules"
    return race.found(f"the budget of {how} was used up")


@dataclass(frozen=True)
class _Effort:
    """What all searches together may use up: time or schedules; and how many schedules make a chunk."""

    until: float | None
    schedules: int | None
    chunk: int
    steps: int

    @property
    def left(self) -> float:
        """Seconds that are left, where time is what counts."""
        return 0.0 if self.until is None else max(0.0, self.until - time.monotonic())

    def part(self, share: float, most: int | None = None) -> Budget:
        """Give a part of the schedules, of at most so many; or of the time that is left."""
        if self.schedules is None:
            return Budget(seconds=self.left * share)
        count = max(1, int(self.schedules * share)) if self.schedules else 0
        return Budget(schedules=count if most is None else min(count, most))

    @property
    def expected(self) -> float:
        """How many schedules it comes to."""
        return self.schedules if self.schedules is not None else _STEPS / self.steps * self.left


def _search(race: _Race, problem: Problem, seed: int, effort: _Effort) -> None:
    """Deal independent tasks out anew, or assign them; else vary ranks, ask for a proof if it is small, and anneal.

    Where more than the makespan counts, only anneal.
    """
    if race.weights is not None:
        _anneal(race, problem, seed, race.leader, effort)
        return
    if refuses(problem) is None:
        _deal_out(race, problem, seed, effort)
        return
    if refuses_dependent(problem) is None:
        _assign(race, problem, seed, effort)
        return
    alone, first = is_even(problem), race.leader
    small = problem.n * (1 if alone else problem.n_executors) <= _SMALL
    share = _RANKS_SHARE if not alone else 1 - _PROOF_SHARE if small else 1.0
    _vary(race, problem, seed, effort.part(share, None if alone else _MOST_VARIED), effort)
    if not race.met and small:
        _prove(race, problem, seed, None if effort.until is None else effort.left * (1.0 if alone else _PROOF_SHARE))
    if not alone:
        _anneal(race, problem, seed, first, effort)


def _deal_out(race: _Race, problem: Problem, seed: int, effort: _Effort) -> None:
    began, rules = time.perf_counter(), {"enough_us": race.bound.us, "chunk": effort.chunk}
    packed, tried = repartition(problem, seed, start=race.leader, budget=effort.part(1.0), **rules)
    race.enter("repartition", packed, began, f"a few slots dealt out anew {tried} times")


def _assign(race: _Race, problem: Problem, seed: int, effort: _Effort) -> None:
    began, moves = time.perf_counter(), (effort.schedules or 0) * problem.n
    assigned, note, bound_us = assign(problem, seed, start=race.leader, budget=effort.part(1.0), moves=moves)
    race.enter("reduced_cost_annealing", assigned, began, note)
    if bound_us > race.bound.us:
        race.bound = Bound(bound_us, "the linear relaxation of who takes what is no shorter")


def _vary(race: _Race, problem: Problem, seed: int, budget: Budget, effort: _Effort) -> None:
    began, rules = time.perf_counter(), {"enough_us": race.bound.us, "chunk": effort.chunk}
    searched = problem_space_search(problem, seed, start=race.leader, budget=budget, **rules)
    note = f"{searched.tried} schedules, {searched.better} of them better than all before"
    race.enter("problem_space_search", searched.schedule, began, note)


def _prove(race: _Race, problem: Problem, seed: int, seconds: float | None) -> None:
    """Let a constraint solver look for what is better, and for a proof that nothing is."""
    began = time.perf_counter()
    effort = _PROOF_EFFORT if slowness() == 1 else _HASTY_EFFORT
    proved = solve(problem, start=race.leader, bound_us=race.bound.us, seed=seed, seconds=seconds, effort=effort)
    race.enter("exact", proved.schedule, began, proved.note)
    if proved.bound_us > race.bound.us:
        race.bound = Bound(proved.bound_us, "a constraint solver has proved that there is nothing shorter")


def _anneal(race: _Race, problem: Problem, seed: int, first: Schedule, effort: _Effort) -> None:
    walks = max(1, min(_WALKS, int(effort.expected / (_PER_WALK * max(1, problem.n)))))
    for walk in range(walks):
        share = 1 / (walks - walk) if effort.schedules is None else (1 - _RANKS_SHARE) / walks
        if race.met:
            return
        began, heat = time.perf_counter(), _HEATS[walk % len(_HEATS)]
        annealed = anneal(
            problem,
            seed + walk,
            start=race.leader if heat <= 1 else first,  # the hottest leave what the others found
            enough_us=race.bound.us,
            budget=effort.part(share),
            chunk=effort.chunk,
            heat=heat,
            weights=race.weights,
        )
        note = f"{annealed.tried} neighbours, {annealed.better} of them better than all before"
        race.enter("annealing", annealed.schedule, began, note)
