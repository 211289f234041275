"""Ant colony system: ants list-schedule by pheromone on where a task stands in the order, and on its executor.

M. Dorigo, L. M. Gambardella, Ant colony system: a cooperative learning approach to the traveling salesman problem,
IEEE Transactions on Evolutionary Computation 1(1), 1997, doi:10.1109/4235.585892; for orders with precedence as
L. M. Gambardella, M. Dorigo, An ant colony system hybridized with a new local search for the sequential ordering
problem, INFORMS Journal on Computing 12(3), 2000, doi:10.1287/ijoc.12.3.237.12636; for tasks and executors as F.
Ferrandi, P. L. Lanzi, C. Pilato, D. Sciuto, A. Tumeo, Ant colony heuristic for mapping and scheduling tasks and
communications on heterogeneous embedded systems, IEEE TCAD 29(6), 2010, doi:10.1109/TCAD.2010.2048354.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.bounds import least_behind, lower_bound
from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import bare, compiled
from planner.model.plan import Schedule
from planner.schedulers.budget import Budget
from planner.schedulers.kernel import BY_END, INTO_GAPS, UNBIASED, arrays, clear, copy, place_task, state
from planner.schedulers.ranks import upward_rank
from planner.schedulers.room import memory_rule
from planner.schedulers.slots import alone, arrival, arrivals, gap
from planner.schedulers.starts import order_of, schedules_in, starts

__all__ = ["Foraged", "ant_colony", "forage"]

_STEPS = 100_000_000
"""Steps of the kernel that `ant_colony` takes: about half a second, as an ant takes two for one."""

_ANTS, _LEAST, _PATIENCE = 10, 10, 150
"""Ants between two rewards (Dorigo 1997); rewards to begin a search for; and without a better schedule, to end it."""

_BETA, _FADES, _WANES = 2.0, 0.1, 0.1
"""Weight of what is known beforehand; what fades where the best ant is rewarded, and where an ant walks."""

_DRAWN = 10
"""Of a walk, so many choices are drawn and the others are the best ones (Gambardella 2000)."""

_BANDS = 64
"""Places in the order are told apart to so many parts of it."""


class Foraged(NamedTuple):
    """The best schedule found, how many ants walked, and how often one was better than all before."""

    schedule: Schedule
    tried: int
    better: int


class _Trails(NamedTuple):
    """Pheromone, what is known beforehand of tasks, the best walk and the present one, and room to compute in."""

    place: Float64
    executor: Float64
    urgency: Float64
    best_place: Int64
    best_executor: Int64
    walked_place: Int64
    walked_executor: Int64
    waiting: Int64
    ready: Int32
    worth: Float64
    ends: Int64


def ant_colony(problem: Problem, seed: int) -> Schedule:
    """Let ants list-schedule by rank, finish time and pheromone, and reward the best; from HEFT and others on."""
    first, most = starts(problem, seed)[0], schedules_in(problem, _STEPS)
    if most < _LEAST * _ANTS:
        return first
    enough, budget, patience = lower_bound(problem).us, Budget(schedules=most), _PATIENCE * _ANTS
    return forage(
        problem, seed, start=first, enough_us=enough, budget=budget, chunk=10 * _ANTS, patience=patience
    ).schedule


def forage(
    problem: Problem,
    seed: int,
    *,
    start: Schedule,
    enough_us: int,
    budget: Budget,
    chunk: int,
    patience: int | None = None,
) -> Foraged:
    """Search from a schedule.

    Parameters
    ----------
    problem : Problem
    seed : int
    start : Schedule
        The best one known: the first to be rewarded.
    enough_us : int
        A makespan that is good enough to stop: the lower bound.
    budget : Budget
    chunk : int
        Ants between two looks at the budget.
    patience : int, optional
        Ants without a better one after which to stop.
    """
    p, at, best = arrays(problem), state(problem), state(problem)
    trails, tail, memory = _trails(problem, start), least_behind(problem), memory_rule(problem)
    length, tried, better, idle = start.makespan_us, 0, 0, 0
    while length > enough_us and budget.used(tried) < 1 and (count := budget.left(tried, chunk)):
        rules = (seed * 1_000_003 + tried) % 2**32, count, length, enough_us, memory
        length, improved = _send(p, at, best, problem.succ_ptr, problem.succ, tail, trails, *rules)
        tried, better, idle = tried + count, better + improved, 0 if improved else idle + count
        if patience is not None and idle >= patience:
            break
    return Foraged(Schedule(best.slot, best.start, best.finish) if better else start, tried, better)


def _trails(problem: Problem, start: Schedule) -> _Trails:
    n, bands = problem.n, min(_BANDS, max(1, problem.n))
    rank = upward_rank(problem)
    place = np.empty(n, np.int64)
    place[order_of(problem, start)] = np.arange(n) * bands // max(1, n)
    return _Trails(
        place=np.full((n, bands), 1.0 / bands),
        executor=np.full((n, problem.n_executors), 1.0 / problem.n_executors),
        urgency=(rank / max(1.0, rank.max(initial=0.0))) ** _BETA + 1e-9,
        best_place=place,
        best_executor=problem.slot_executor[start.slot].astype(np.int64),
        walked_place=np.zeros(n, np.int64),
        walked_executor=np.zeros(n, np.int64),
        waiting=np.zeros(n, np.int64),
        ready=np.zeros(n, np.int32),
        worth=np.zeros(max(n, problem.n_executors)),
        ends=np.zeros(problem.n_executors, np.int64),
    )


@compiled
def _send(
    p: Any, at: Any, best: Any, succ_ptr: Any, succ: Any, tail: Any, q: Any,
    seed: Any, count: Any, length: Any, enough: Any, memory: Any,
) -> Any:  # fmt: skip
    """Let ants walk one after another; gives the best length, and how often that improved."""
    np.random.seed(seed)
    better = 0
    for ant in range(count):
        if ant % _ANTS == 0:
            _reward(q)
        if _walk(p, at, succ_ptr, succ, tail, q, length - 1, memory):
            length, better = at.finish.max(), better + 1
            copy(at, best)
            q.best_place[:] = q.walked_place
            q.best_executor[:] = q.walked_executor
            if length <= enough:
                break
    return length, better


@bare
def _reward(q: Any) -> None:
    """Lay pheromone where the best ant walked."""
    for task in range(len(q.best_place)):
        band, executor = q.best_place[task], q.best_executor[task]
        q.place[task, band] += _FADES * (1.0 - q.place[task, band])
        q.executor[task, executor] += _FADES * (1.0 - q.executor[task, executor])


@bare
def _walk(p: Any, at: Any, succ_ptr: Any, succ: Any, tail: Any, q: Any, limit: Any, memory: Any) -> bool:
    """Schedule all tasks; False if the makespan would be beyond the limit. Pheromone wanes where the ant walks."""
    clear(p, at)
    n, bands, count, placed = len(q.ready), q.place.shape[1], 0, 0
    for task in range(n):
        q.waiting[task] = 0
        for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
            q.waiting[task] += p.fixed_slot[p.pred[i]] < 0
        if p.fixed_slot[task] >= 0:
            placed += 1
        elif q.waiting[task] == 0:
            q.ready[count] = task
            count += 1
    while count > 0:
        band = placed * bands // n
        for k in range(count):
            q.worth[k] = q.place[q.ready[k], band] * q.urgency[q.ready[k]]
        k = _choose(q.worth, count, n)
        task = q.ready[k]
        count, placed = count - 1, placed + 1
        q.ready[k] = q.ready[count]
        executor = _match(p, at, q, task, n)
        if not place_task(p, at, task, np.int32(-2 - executor), BY_END, INTO_GAPS, memory, UNBIASED):
            return False
        q.walked_place[task], q.walked_executor[task] = band, executor
        q.place[task, band] += _WANES * (1.0 / bands - q.place[task, band])
        q.executor[task, executor] += _WANES * (1.0 / len(q.ends) - q.executor[task, executor])
        if at.finish[task] + tail[task] > limit:
            return False
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            q.waiting[succ[i]] -= 1
            if q.waiting[succ[i]] == 0 and p.fixed_slot[succ[i]] < 0:
                q.ready[count] = succ[i]
                count += 1
    return True


@bare
def _match(p: Any, at: Any, q: Any, task: Any, n: Any) -> Any:
    """Choose the executor of a task by pheromone, and by how much later than elsewhere it would end there."""
    arrivals(p, at, task)
    soonest, row, group, shortest = np.int64(-1), p.place_row[task], p.apart[task], np.int64(1)
    for executor in range(len(q.ends)):
        q.ends[executor] = -1
        if not p.place[row, executor] or (group >= 0 and not alone(p, at, task, executor)):
            continue
        ready, length = arrival(p, at, executor), p.time_us[task, p.executor_class[executor]]
        for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
            begins, _ = gap(at, s, max(ready, p.slot_ready_us[s]), length, INTO_GAPS)
            if q.ends[executor] < 0 or begins + length < q.ends[executor]:
                q.ends[executor] = begins + length
        if soonest < 0 or q.ends[executor] < soonest:
            soonest, shortest = q.ends[executor], max(np.int64(1), length)
    for executor in range(len(q.ends)):
        later = float(q.ends[executor] - soonest) / shortest
        q.worth[executor] = q.executor[task, executor] / (1.0 + later) ** _BETA if q.ends[executor] >= 0 else 0.0
    return _choose(q.worth, len(q.ends), n)


@bare
def _choose(worth: Any, count: Any, n: Any) -> Any:
    """Choose the best, or now and then any, as likely as it is worth."""
    best, total = 0, 0.0
    for k in range(count):
        total += worth[k]
        if worth[k] > worth[best]:
            best = k
    if np.random.random() * n >= _DRAWN:
        return best
    left = np.random.random() * total
    for k in range(count):
        left -= worth[k]
        if left < 0.0:
            return k
    return best
