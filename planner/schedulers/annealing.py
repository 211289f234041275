"""Simulated annealing over the order of tasks and the executors they are sent to.

S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Optimization by simulated annealing, Science 220(4598), 1983,
doi:10.1126/science.220.4598.671. Neighbours move one task to another place in the order or to another executor, or
exchange the executors of two; most are of tasks on a critical chain. A neighbour is scheduled by the list scheduler
with insertion, from the first change on. How long it may be at most is drawn first, so that most are given up early.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.bounds import least_behind
from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import bare, compiled, inlined
from planner.model.plan import Schedule
from planner.model.units import MICROSECONDS
from planner.model.weights import Weights
from planner.objective import GIGABYTE, price_us
from planner.schedulers.budget import Budget
from planner.schedulers.holdings import spilled
from planner.schedulers.kernel import BY_END, INTO_GAPS, arrays, copy, place_all, place_rest, state, take_back
from planner.schedulers.room import NEVER, STRICT, WAITING, memory_rule
from planner.schedulers.slots import transfer
from planner.spills import spilled_bytes

__all__ = ["Annealed", "anneal"]

_HOTTEST, _COLDEST = 0.01, 0.0003
"""Temperatures at first and at last, as parts of the makespan."""

_PER_TASK = 100
"""Neighbours a task that a search from the hottest temperature needs; with fewer, it starts colder."""

_CRITICAL = 0.6
"""Part of the moves that are of tasks on a critical chain."""

_REORDERED, _EXCHANGED = 0.4, 0.05
"""Parts of the moves that change the order, and that exchange the executors of two tasks."""

_FREED = 0.5
"""Part of the moves between executors that let the list scheduler choose."""

_SPILLED, _A_BYTE = 10.0, 1e-6
"""What all values that are spilled at first cost, and what a byte of them costs at least, in makespans."""

_NEAR = 8
"""Half of the moves in the order are at most so far."""


class Annealed(NamedTuple):
    """The best schedule found, how many neighbours were tried, and how often one was better than all before."""

    schedule: Schedule
    tried: int
    better: int


class _Walk(NamedTuple):
    """Where the search stands: the present order and executors, the best ones, and the present schedule's executors.

    `busy` is room to add up the times of slots.
    """

    order: Int32
    forced: Int32
    position: Int64
    best_order: Int32
    best_forced: Int32
    executor: Int64
    chain: Int64
    busy: Int64


def anneal(
    problem: Problem,
    seed: int,
    *,
    start: Schedule,
    enough_us: int,
    budget: Budget,
    chunk: int,
    heat: float = 1.0,
    weights: Weights | None = None,
) -> Annealed:
    """Search around a schedule.

    Parameters
    ----------
    problem : Problem
    seed : int
    start : Schedule
        The best one known.
    enough_us : int
        A makespan that is good enough to stop: the lower bound.
    budget : Budget
        The temperature follows it.
    chunk : int
        Neighbours between two looks at the budget.
    heat : float
        Begin so many times as hot.
    weights : Weights, optional
        What counts beside the makespan.
    """
    p, at, tail = arrays(problem), state(problem), least_behind(problem)
    memory = memory_rule(problem)
    walk = None if memory != WAITING else _walk(problem, p, at, start, STRICT, tail, weights)
    if walk is not None:
        memory = STRICT  # what waits has room in this schedule, and shall have it in every other
    else:
        walk = _walk(problem, p, at, start, memory, tail, weights)
    if walk is None:
        return Annealed(start, 0, 0)
    price, enough = price_us(problem, start, weights), float(enough_us) * (1.0 if weights is None else weights.time)
    spills = int(spilled_bytes(problem, start).sum()) if memory == WAITING else None
    prices, tried, better, trial = _prices(weights, spills, price), 0, 0, state(problem)
    best = _price_of(problem, Schedule(at.slot, at.start, at.finish), weights, prices)
    while best > enough and (used := budget.used(tried)) < 1 and (count := budget.left(tried, chunk)):
        planned = min(1.0, budget.expected(tried, chunk) / (_PER_TASK * max(1, problem.n)))
        degrees = _cooled(used, heat * planned) * price
        rules = (seed * 1_000_003 + tried) % 2**32, count, degrees, enough, prices, memory
        best, improved = _steps(p, at, trial, problem.succ_ptr, problem.succ, tail, walk, best, *rules)
        tried, better = tried + count, better + improved
    place_all(p, at, walk.best_order, walk.best_forced, False, True, memory, tail, NEVER)
    found = Schedule(at.slot, at.start, at.finish)
    priced = [_price_of(problem, schedule, weights, prices) for schedule in (found, start)]
    return Annealed(found if priced[0] < priced[1] else start, tried, better)


def _prices(weights: Weights | None, spills: int | None, price: float) -> Float64:
    """Give what a microsecond of makespan, a byte sent, a microsecond of imbalance, and a byte spilled cost."""
    given = weights or Weights()
    a_byte_spilled = 0.0 if spills is None else price * max(_SPILLED / max(1, spills), _A_BYTE)
    return np.array([given.time, given.gigabytes * MICROSECONDS / GIGABYTE, given.imbalance, a_byte_spilled])


def _price_of(problem: Problem, schedule: Schedule, weights: Weights | None, prices: Float64) -> float:
    return price_us(problem, schedule, weights) + float(prices[3] * spilled_bytes(problem, schedule).sum())


def _cooled(used: float, heat: float) -> float:
    hottest = max(_COLDEST, _HOTTEST * heat)
    return float(hottest * (_COLDEST / hottest) ** used)


def _walk(
    problem: Problem, p: Any, at: Any, start: Schedule, memory: Any, tail: Int64, weights: Weights | None
) -> _Walk | None:
    """Start from a schedule's order; with its executors, where the list scheduler does not find others as good.

    None, if the order and the executors do not lead to a schedule again, as may be where tasks have to be apart.
    """
    n = problem.n
    topological = np.empty(n, dtype=np.int64)
    topological[problem.order] = np.arange(n)
    order = np.lexsort((topological, start.finish_us, start.start_us)).astype(np.int32)
    kept, chosen = -2 - problem.slot_executor[start.slot], np.full(n, -1)
    for forced in (chosen, kept) if weights is None else (kept,):
        walk = _Walk(
            *(order, forced.astype(np.int32), np.argsort(order), order.copy(), forced.astype(np.int32)),
            *(problem.slot_executor[start.slot].astype(np.int64), np.zeros(n, np.int64)),
            np.zeros(problem.n_slots, np.int64),
        )
        if place_all(p, at, walk.order, walk.forced, False, True, memory, tail, start.makespan_us):
            return walk
    return walk if place_all(p, at, walk.order, walk.forced, False, True, memory, tail, NEVER) else None


@compiled
def _steps(
    p: Any, at: Any, trial: Any, succ_ptr: Any, succ: Any, tail: Any, walk: Any, best: Any,
    seed: Any, count: Any, heat: Any, enough: Any, prices: Any, memory: Any,
) -> Any:  # fmt: skip
    """Try neighbours at one temperature; gives the best price, and how often that improved."""
    np.random.seed(seed)
    better = 0
    place_all(p, at, walk.order, walk.forced, BY_END, INTO_GAPS, memory, tail, NEVER)
    links, price = _chain(p, at, walk.chain, walk.executor), _price(p, at, walk.busy, prices)
    for _ in range(count):
        critical = np.random.random() < _CRITICAL
        task = walk.chain[np.random.randint(links)] if critical else np.random.randint(len(walk.order))
        if p.fixed_slot[task] >= 0:
            continue
        place, sent, other = walk.position[task], walk.forced[task], task
        to, wish, drawn = place, sent, np.random.random()
        if drawn < _REORDERED:
            to = _another_place(p, succ_ptr, succ, walk.position, task)
        elif drawn < _REORDERED + _EXCHANGED:
            other = np.random.randint(len(walk.order))
            wish = _wish(p, task, walk.executor[other])
        else:
            wish = _another_executor(p, succ_ptr, succ, walk.executor, task)
        others, others_wish = walk.forced[other], wish
        if other != task:
            others_wish = _wish(p, other, walk.executor[task])
        if (to == place and wish == sent and others_wish == others) or p.fixed_slot[other] >= 0:
            continue
        highest = price - heat * np.log(1.0 - np.random.random())
        limit = np.int64(highest / prices[0]) if prices[0] > 0 else NEVER
        first = min(place, to, walk.position[other])
        copy(at, trial)
        take_back(p, trial, walk.order, first)  # what comes before the move in the order stays as it is
        _shift(walk.order, walk.position, place, to)
        walk.forced[task] = wish
        walk.forced[other] = others_wish
        now = 2.0 * highest + 1.0
        if place_rest(p, trial, walk.order, walk.forced, BY_END, INTO_GAPS, memory, tail, limit, first):
            now = _price(p, trial, walk.busy, prices)
        if now <= highest:
            at, trial = trial, at
            links, price = _chain(p, at, walk.chain, walk.executor), now
            if now < best:
                best, better = now, better + 1
                walk.best_order[:] = walk.order
                walk.best_forced[:] = walk.forced
                if best <= enough:
                    break
        else:
            _shift(walk.order, walk.position, to, place)
            walk.forced[other] = others
            walk.forced[task] = sent
    return best, better


@inlined
def _another_place(p: Any, succ_ptr: Any, succ: Any, position: Any, task: Any) -> Any:
    """Draw a place in the order between the tasks that a task waits for and those that wait for it."""
    low, high = np.int64(0), np.int64(len(position) - 1)
    for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
        low = max(low, position[p.pred[i]] + 1)
    for i in range(succ_ptr[task], succ_ptr[task + 1]):
        high = min(high, position[succ[i]] - 1)
    if np.random.random() < 0.5:
        low, high = max(low, position[task] - _NEAR), min(high, position[task] + _NEAR)
    return low + np.random.randint(high - low + 1)


@inlined
def _another_executor(p: Any, succ_ptr: Any, succ: Any, executor: Any, task: Any) -> Any:
    """Draw a wish: the list scheduler's choice, the executor of a neighbour in the graph, or any that is allowed."""
    drawn = np.random.random()
    if drawn < _FREED:
        return np.int64(-1)
    before, after = p.pred_ptr[task + 1] - p.pred_ptr[task], succ_ptr[task + 1] - succ_ptr[task]
    chosen = np.int64(np.random.randint(len(p.executor_class)))
    if drawn < 0.4 + 0.6 * _FREED and before + after > 0:
        i = np.random.randint(before + after)
        beside = p.pred[p.pred_ptr[task] + i] if i < before else succ[succ_ptr[task] + i - before]
        chosen = executor[beside]
    return _wish(p, task, chosen)


@inlined
def _wish(p: Any, task: Any, executor: Any) -> Any:
    """Give the wish for an executor; where that may not take the task, the list scheduler's choice."""
    return -2 - executor if p.place[p.place_row[task], executor] else np.int64(-1)


@inlined
def _price(p: Any, at: Any, busy: Any, prices: Any) -> Any:
    makespan = np.int64(0)
    for task in range(len(at.finish)):
        makespan = max(makespan, at.finish[task])
    price = prices[0] * makespan
    if prices[1] > 0:
        for task in range(len(at.finish)):
            for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
                if p.slot_executor[at.slot[p.pred[i]]] != p.slot_executor[at.slot[task]]:
                    price += prices[1] * p.edge_bytes[i]
    if prices[2] > 0:
        most, total = np.int64(0), np.int64(0)
        busy[:] = 0
        for task in range(len(at.finish)):
            takes = at.finish[task] - at.start[task]
            busy[at.slot[task]] += takes
            most, total = max(most, busy[at.slot[task]]), total + takes
        price += prices[2] * (most - total / len(busy))
    if prices[3] > 0:
        price += prices[3] * spilled(p, at)
    return price


@bare
def _shift(order: Any, position: Any, place: Any, to: Any) -> None:
    """Move what stands at a place to another, and all between by one."""
    task, step = order[place], 1 if to > place else -1
    for k in range(place, to, step):
        order[k] = order[k + step]
        position[order[k]] = k
    order[to], position[task] = task, to


@bare
def _chain(p: Any, at: Any, chain: Any, executor: Any) -> Any:
    """Walk back from the last task to end over what each waited for; gives the length of the chain.

    Notes the executor of every task, too.
    """
    task = 0
    for other in range(len(at.finish)):
        executor[other] = p.slot_executor[at.slot[other]]
        if at.finish[other] > at.finish[task]:
            task = other
    chain[0], links = task, 1
    while links < len(chain) and at.start[task] > 0 and p.fixed_slot[task] < 0:
        cause, causes = at.before[task], 0
        if cause >= 0 and at.finish[cause] != at.start[task]:
            cause = -1
        for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
            source = p.pred[i]
            there, here = executor[source], executor[task]
            arrives = at.finish[source]
            if there != here:
                arrives += transfer(p, i, p.network_class[there], p.network_class[here])
            if arrives == at.start[task]:
                causes += 1
                if cause < 0 or np.random.randint(causes + 1) == 0:
                    cause = source
        if cause < 0:
            break
        task = chain[links] = cause
        links += 1
    return links
