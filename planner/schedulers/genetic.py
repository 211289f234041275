"""Genetic: a population of orders and matchings, crossed and mutated so that no task comes before one it waits for.

L. Wang, H. J. Siegel, V. P. Roychowdhury, A. A. Maciejewski, Task matching and scheduling in heterogeneous computing
environments using a genetic-algorithm-based approach, Journal of Parallel and Distributed Computing 47(1), 1997,
doi:10.1006/jpdc.1997.1392. A chromosome is an order of the tasks and an executor for each, or none: then it goes where
the list scheduler puts it. A child takes the place of the worst, if it is better (D. Whitley, The GENITOR algorithm and
selection pressure, ICGA 1989), so that one that gets too long is given up before it is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from planner.bounds import least_behind, lower_bound
from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.compiled import bare, compiled, inlined
from planner.model.plan import Schedule
from planner.schedulers.budget import Budget
from planner.schedulers.kernel import BY_END, INTO_GAPS, arrays, place_all, state
from planner.schedulers.ranks import topological, upward_rank
from planner.schedulers.room import NEVER, memory_rule
from planner.schedulers.starts import order_of, schedules_in, starts

__all__ = ["Evolved", "evolve", "genetic"]

_SIZE = 50
"""Chromosomes in the population (Wang 1997, section 5)."""

_STEPS = 200_000_000
"""Steps of the kernel that `genetic` takes: about half a second."""

_PATIENCE = 150
"""Generations without a better schedule after which `genetic` stops (Wang 1997, section 4)."""

_LEAST = 4
"""Fewer generations than this would find little, and are not begun."""

_BIAS = 1.6
"""How many times as often as the median the best chromosome is a parent (Whitley 1989)."""

_WIDEST = 0.3
"""Sigma of the factors on the ranks that the last of the first orders follow."""

_REORDERED, _REMATCHED = 0.6, 0.6
"""Parts of the children of which the order, and an executor, mutate."""

_FREED = 0.4
"""Part of the mutated executors that are left to the list scheduler."""


class Evolved(NamedTuple):
    """The best schedule found, how many children were tried, and how often one was better than all before."""

    schedule: Schedule
    tried: int
    better: int


class _Population(NamedTuple):
    """Chromosomes, how long their schedules are, what tells these apart, and the chromosomes from best to worst."""

    order: Int32
    wish: Int32
    length: Int64
    mark: Int64
    ranking: Int64
    position: Int64
    child_order: Int32
    child_wish: Int32


def genetic(problem: Problem, seed: int) -> Schedule:
    """Cross and mutate orders and executors, from those of HEFT, CPOP, PEFT and others on; the best always stays."""
    first, *others = starts(problem, seed)
    most = schedules_in(problem, _STEPS)
    if most < _LEAST * _SIZE:
        return first
    return evolve(
        problem,
        seed,
        start=first,
        enough_us=lower_bound(problem).us,
        budget=Budget(schedules=most),
        chunk=10 * _SIZE,
        others=others,
        patience=_PATIENCE * _SIZE,
    ).schedule


def evolve(
    problem: Problem,
    seed: int,
    *,
    start: Schedule,
    enough_us: int,
    budget: Budget,
    chunk: int,
    others: Sequence[Schedule] = (),
    patience: int | None = None,
) -> Evolved:
    """Search from a schedule, and others.

    Parameters
    ----------
    problem : Problem
    seed : int
    start : Schedule
        The best one known.
    enough_us : int
        A makespan that is good enough to stop: the lower bound.
    budget : Budget
    chunk : int
        Children between two looks at the budget.
    others : sequence of Schedule
        What else the population begins with.
    patience : int, optional
        Children without a better one after which to stop.
    """
    if start.makespan_us <= enough_us or budget.used(0) >= 1:
        return Evolved(start, 0, 0)
    p, at, tail, memory = arrays(problem), state(problem), least_behind(problem), memory_rule(problem)
    population = _first(problem, p, at, tail, memory, seed, [start, *others])
    if population is None:
        return Evolved(start, 0, 0)
    best = min(start.makespan_us, int(population.length.min()))
    tried = better = idle = 0
    while best > enough_us and budget.used(tried) < 1 and (count := budget.left(tried, chunk)):
        rules = (seed * 1_000_003 + tried) % 2**32, count, enough_us, memory
        found, improved = _breed(p, at, problem.succ_ptr, problem.succ, tail, population, *rules)
        tried, better, idle = tried + count, better + improved, 0 if found < best else idle + count
        best = min(best, found)
        if patience is not None and idle >= patience:
            break
    fittest = population.ranking[0]
    place_all(p, at, population.order[fittest], population.wish[fittest], False, True, memory, tail, NEVER)
    found = Schedule(at.slot, at.start, at.finish)
    return Evolved(found if found.makespan_us < start.makespan_us else start, tried, better)


def _first(
    problem: Problem, p: Any, at: Any, tail: Int64, memory: Any, seed: int, schedules: Sequence[Schedule]
) -> _Population | None:
    """Give a population of schedules, and of ranks varied more and more; None, if none of them can be decoded."""
    n, draw, rank = problem.n, np.random.default_rng(seed), upward_rank(problem)
    chromosomes = [(order_of(problem, each), wish) for each in schedules for wish in _wishes(problem, each)]
    for k in range(_SIZE - len(chromosomes)):
        varied = rank * np.exp(draw.normal(0.0, _WIDEST * k / _SIZE, n))
        chromosomes.append((topological(problem, varied), np.full(n, -1, np.int32)))
    orders, wishes, lengths, marks = [], [], [], []
    for order, wish in chromosomes:
        if place_all(p, at, order, wish, False, True, memory, tail, NEVER):
            orders.append(order)
            wishes.append(wish)
            lengths.append(int(at.finish.max(initial=0)))
            marks.append(_mark(at))
    if not orders:
        return None
    length = np.array(lengths, dtype=np.int64)
    return _Population(
        order=np.array(orders, dtype=np.int32),
        wish=np.array(wishes, dtype=np.int32),
        length=length,
        mark=np.array(marks, dtype=np.int64),
        ranking=np.argsort(length, kind="stable"),
        position=np.empty(n, np.int64),
        child_order=np.empty(n, np.int32),
        child_wish=np.empty(n, np.int32),
    )


def _wishes(problem: Problem, schedule: Schedule) -> tuple[Int32, Int32]:
    return np.full(problem.n, -1, np.int32), (-2 - problem.slot_executor[schedule.slot]).astype(np.int32)


@compiled
def _breed(
    p: Any, at: Any, succ_ptr: Any, succ: Any, tail: Any, q: Any, seed: Any, count: Any, enough: Any, memory: Any
) -> Any:
    """Try children; gives the best length, and how often that improved."""
    np.random.seed(seed)
    better, size, n = 0, len(q.length), len(q.child_order)
    for _ in range(count):
        mother, father = q.ranking[_parent(size)], q.ranking[_parent(size)]
        _cross(q, mother, father)
        if np.random.random() < _REORDERED:
            _reorder(p, succ_ptr, succ, q)
        if np.random.random() < _REMATCHED:
            _rematch(p, q, np.random.randint(n))
        worst = q.ranking[size - 1]
        if not place_all(p, at, q.child_order, q.child_wish, BY_END, INTO_GAPS, memory, tail, q.length[worst]):
            continue
        length, mark = at.finish.max(), _mark(at)
        if length > q.length[worst] or _known(q, length, mark):
            continue
        better += length < q.length[q.ranking[0]]
        q.order[worst, :] = q.child_order
        q.wish[worst, :] = q.child_wish
        q.length[worst], q.mark[worst] = length, mark
        k = size - 1
        while k > 0 and q.length[q.ranking[k - 1]] >= length:
            q.ranking[k] = q.ranking[k - 1]
            k -= 1
        q.ranking[k] = worst
        if length <= enough:
            break
    return q.length[q.ranking[0]], better


@inlined
def _parent(size: Any) -> Any:
    """Draw a position in the ranking, of which probabilities fall linearly from first to last."""
    drawn = (_BIAS - np.sqrt(_BIAS * _BIAS - 4.0 * (_BIAS - 1.0) * np.random.random())) / 2.0 / (_BIAS - 1.0)
    return min(size - 1, np.int64(size * drawn))


@bare
def _mark(at: Any) -> Any:
    """Give a number that is the same only for schedules that are the same, but for rare cases."""
    mark = np.int64(0)
    for task in range(len(at.slot)):
        mark = mark * 1_000_003 + at.start[task] * 31 + at.slot[task]
    return mark


@bare
def _known(q: Any, length: Any, mark: Any) -> bool:
    known = False
    for k in range(len(q.length)):
        known |= q.length[k] == length and q.mark[k] == mark
    return known


@bare
def _cross(q: Any, mother: Any, father: Any) -> None:
    """Take the mother's order up to a task, and the father's of the rest; executors likewise, or one by one."""
    n = len(q.child_order)
    cut, mixed = np.random.randint(n + 1), np.random.random() < 0.5
    for k in range(n):
        q.position[q.order[mother, k]] = k
    for k in range(cut):
        q.child_order[k] = q.order[mother, k]
    k = cut
    for i in range(n):
        task = q.order[father, i]
        if q.position[task] >= cut:
            q.child_order[k] = task
            k += 1
    for task in range(n):
        of_mother = np.random.random() < 0.5 if mixed else q.position[task] < cut
        q.child_wish[task] = q.wish[mother, task] if of_mother else q.wish[father, task]


@bare
def _reorder(p: Any, succ_ptr: Any, succ: Any, q: Any) -> None:
    """Move a task to another place between those that it waits for and those that wait for it."""
    n = len(q.child_order)
    for k in range(n):
        q.position[q.child_order[k]] = k
    task = np.random.randint(n)
    low, high, place = np.int64(0), np.int64(n - 1), q.position[task]
    for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
        low = max(low, q.position[p.pred[i]] + 1)
    for i in range(succ_ptr[task], succ_ptr[task + 1]):
        high = min(high, q.position[succ[i]] - 1)
    to = low + np.random.randint(high - low + 1)
    step = 1 if to > place else -1
    for k in range(place, to, step):
        q.child_order[k] = q.child_order[k + step]
    q.child_order[to] = task


@bare
def _rematch(p: Any, q: Any, task: Any) -> None:
    """Send a task to any executor that may take it, or leave it to the list scheduler."""
    executor = np.random.randint(len(p.executor_class))
    free = np.random.random() < _FREED or not p.place[p.place_row[task], executor]
    q.child_wish[task] = -1 if free else -2 - executor
