"""The kernel of list scheduling: a task is placed on the slot where it ends or starts first.

All list schedulers and searches share it; what tells them apart is the order of the tasks, and where they may go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Float64, Int32, Int64
from planner.model.compiled import bare, inlined
from planner.schedulers.holdings import hold_nothing, note, steps_for
from planner.schedulers.room import FREE, NEVER, RUNNING, WAITING, roomy
from planner.schedulers.slots import alone, arrival, arrivals, empty, gap, look, put, take

__all__ = [
    "ANYWHERE",
    "BEHIND",
    "BY_END",
    "INTO_GAPS",
    "UNBIASED",
    "Arrays",
    "State",
    "arrays",
    "clear",
    "copy",
    "place_all",
    "place_near",
    "place_rest",
    "place_task",
    "state",
    "take_back",
]

BY_END: Any = np.bool_(False)
BEHIND: Any = np.bool_(False)
INTO_GAPS: Any = np.bool_(True)
ANYWHERE: Any = np.int32(-1)
"""How compiled code says it: a plain `False` or -1 is a type of its own there, for which all is compiled once more."""

UNBIASED = np.zeros((0, 0), dtype=np.int64)


class Arrays(NamedTuple):
    """What the kernel reads of a `Problem`."""

    slot_executor: Int32
    executor_class: Int32
    time_us: Int64
    pred_ptr: Int64
    pred: Int32
    edge_bytes: Int64
    edge_us: Int64
    network_class: Int32
    latency_us: Int64
    us_per_byte: Float64
    memory_bytes: Int64
    waiting_bytes: Int64
    takers: Int32
    executor_memory: Int64
    first_slot: Int64
    place: Bool
    place_row: Int32
    apart: Int32
    apart_ptr: Int64
    apart_member: Int32
    apart_host: Bool
    host: Int32
    fixed_slot: Int32
    fixed_start_us: Int64
    fixed_finish_us: Int64
    slot_ready_us: Int64


class State(NamedTuple):
    """What stands on every slot, as linked lists in time order, and when; with room to compute in.

    No gap on a slot is longer than `widest`, and there is none from `dense_us` to the end of its last task. What each
    executor holds is a linked list of steps, where that matters (`planner.schedulers.holdings`).
    """

    slot: Int32
    start: Int64
    finish: Int64
    head: Int32
    tail: Int32
    before: Int32
    after: Int32
    widest: Int64
    dense_us: Int64
    latest: Int64
    second: Int64
    own: Int64
    source: Int32
    moment: Int64
    held: Int64
    sooner: Int32
    later: Int32
    last: Int32
    steps: Int64
    takers: Int32
    taken: Int64


def arrays(problem: Problem) -> Arrays:
    """Give what the kernel reads of a problem."""
    return Arrays(*(np.ascontiguousarray(getattr(problem, name)) for name in Arrays._fields))


def state(problem: Problem) -> State:
    """Give an empty state for a problem."""
    n, slots, classes = problem.n, problem.n_slots, len(problem.latency_us)
    waiting, followed = len(problem.waiting_bytes), problem.n_executors if len(problem.waiting_bytes) else 0
    steps = steps_for(waiting, followed)

    def of(size: int, kind: type) -> Any:
        return np.empty(size, dtype=kind)

    return State(
        *(of(n, np.int32), of(n, np.int64), of(n, np.int64), of(slots, np.int32), of(slots, np.int32)),
        *(of(n, np.int32), of(n, np.int32), of(slots, np.int64), of(slots, np.int64)),
        *(of(classes, np.int64), of(classes, np.int64), of(classes, np.int64), of(classes, np.int32)),
        *(of(steps, np.int64), of(steps, np.int64), of(steps, np.int32), of(steps, np.int32), of(followed, np.int32)),
        *(of(1, np.int64), of(waiting, np.int32), of(waiting, np.int64)),
    )


@bare
def place_all(
    p: Any, at: Any, order: Any, forced: Any, by_start: bool, insertion: bool, memory: Any, tail: Any, limit: Any
) -> bool:
    """Place all tasks; `at` holds the result.

    Parameters
    ----------
    p : Arrays
    at : State
    order : ndarray of int32, shape (n,)
    forced : ndarray of int32, shape (n,)
        −1: any slot; s >= 0: slot s; −2 − e: any slot of executor e.
    by_start, insertion : bool
        As in `list_schedule`.
    memory : int
        The rule of memory: `FREE`, `RUNNING`, `WAITING` or `STRICT`.
    tail : ndarray of int64, shape (n,) or (0,)
        Least time that is needed behind each task.
    limit : int
        Give up as soon as the makespan has to be larger.

    Returns
    -------
    bool
        False if it gave up, or found no executor for a task that has to be apart from others, or no room (`STRICT`).
    """
    clear(p, at)
    return place_rest(p, at, order, forced, by_start, insertion, memory, tail, limit, np.int64(0))


@bare
def place_rest(
    p: Any, at: Any, order: Any, forced: Any, by_start: bool, insertion: bool, memory: Any, tail: Any, limit: Any,
    first: Any,
) -> bool:  # fmt: skip
    """Place the tasks from the `first` of the order on, where those before it are placed. Else as `place_all`."""
    for k in range(first, len(order)):
        task = order[k]
        if p.fixed_slot[task] >= 0:
            continue
        if not place_task(p, at, task, forced[task], by_start, insertion, memory, UNBIASED):
            return False
        if len(tail) and at.finish[task] + tail[task] > limit:
            return False
    return True


@bare
def copy(at: Any, to: Any) -> None:
    """Make a state equal to another."""
    for task in range(len(at.slot)):
        to.slot[task], to.start[task], to.finish[task] = at.slot[task], at.start[task], at.finish[task]
        to.before[task], to.after[task] = at.before[task], at.after[task]
    for s in range(len(at.head)):
        to.head[s], to.tail[s] = at.head[s], at.tail[s]
        to.widest[s], to.dense_us[s] = at.widest[s], at.dense_us[s]


@bare
def take_back(p: Any, at: Any, order: Any, first: Any) -> None:
    """Take the tasks from the `first` of the order on off their slots."""
    for k in range(len(order) - 1, first - 1, -1):
        task = order[k]
        if p.fixed_slot[task] < 0:
            take(at, task, at.slot[task])
            at.slot[task] = -1
    for s in range(len(p.slot_executor)):
        look(p, at, s)
    if len(p.waiting_bytes):
        _look_at_holdings(p, at)


@inlined
def clear(p: Any, at: Any) -> None:
    """Take all tasks off, but for those that have begun."""
    for s in range(len(p.slot_executor)):
        empty(at, s)
    for task in range(len(p.fixed_slot)):
        s, ends = p.fixed_slot[task], p.fixed_finish_us[task]
        at.slot[task], at.start[task], at.finish[task] = s, p.fixed_start_us[task], ends
        if s >= 0 and ends > 0 and p.slot_ready_us[s] <= ends:
            put(p, at, task, s, at.tail[s])  # it still runs, and holds memory
    if len(p.waiting_bytes):
        _look_at_holdings(p, at)


@bare
def _look_at_holdings(p: Any, at: Any) -> None:
    hold_nothing(p, at)
    for task in range(len(at.slot)):
        if at.slot[task] >= 0:
            note(p, at, task)


@inlined
def _put_down(p: Any, at: Any, task: Any, slot: Any, start: Any, prior: Any) -> None:
    at.slot[task], at.start[task] = slot, start
    at.finish[task] = start + p.time_us[task, p.executor_class[p.slot_executor[slot]]]
    put(p, at, task, slot, prior)
    if len(p.waiting_bytes):
        note(p, at, task)


@inlined
def place_task(
    p: Any, at: Any, task: Any, forced: Any, by_start: bool, insertion: bool, memory: Any, bias: Any
) -> bool:  # fmt: skip
    """Place the next task; False if no executor may take it.

    With a `bias` of shape (n, classes), it goes where its end plus the bias of the executor's class is least.
    """
    arrivals(p, at, task)
    best, start, prior = _best_slot(p, at, task, forced, by_start, insertion, memory, bias)
    if best < 0 and memory == WAITING:
        best, start, prior = _best_slot(p, at, task, forced, by_start, insertion, RUNNING, bias)
    if best < 0:
        return False
    _put_down(p, at, task, best, start, prior)
    return True


@inlined
def place_near(p: Any, at: Any, task: Any, home: Any, price: Any, memory: Any) -> bool:
    """Place the next task on the slot `home`, unless it ends more than `price` sooner elsewhere.

    False, if no executor may take it.
    """
    arrivals(p, at, task)
    best, start, prior = _best_slot(p, at, task, ANYWHERE, BY_END, BEHIND, memory, UNBIASED)
    if best < 0 and memory == WAITING:
        best, start, prior = _best_slot(p, at, task, ANYWHERE, BY_END, BEHIND, RUNNING, UNBIASED)
    if best < 0:
        return False
    there = start + p.time_us[task, p.executor_class[p.slot_executor[best]]]
    if home >= 0 and home != best:
        stays, begins, behind = _best_slot(p, at, task, home, BY_END, BEHIND, memory, UNBIASED)
        if stays >= 0 and begins + p.time_us[task, p.executor_class[p.slot_executor[home]]] <= there + price:
            best, start, prior = stays, begins, behind
    _put_down(p, at, task, best, start, prior)
    return True


@bare
def _best_slot(p: Any, at: Any, task: Any, forced: Any, by_start: bool, insertion: bool, memory: Any, bias: Any) -> Any:
    """Give the slot, the start and the task before it; slot −1, if no executor may take the task or has room for it."""
    low, high = 0, len(p.slot_executor)
    if forced >= 0:
        low, high = forced, forced + 1
    elif forced < -1:
        low, high = p.first_slot[-2 - forced], p.first_slot[-1 - forced]
    best: Any = np.int64(-1)
    best_key, best_other, best_start, best_prior = np.int64(0), np.int64(0), np.int64(0), np.int32(-1)
    row, group, executor = p.place_row[task], p.apart[task], -1
    allowed, ready, length, more = False, np.int64(0), np.int64(0), np.int64(0)
    for s in range(low, high):
        if p.slot_executor[s] != executor:
            executor = p.slot_executor[s]
            allowed = p.place[row, executor] and (group < 0 or alone(p, at, task, executor))
            if allowed:
                ready = arrival(p, at, executor)
                length = p.time_us[task, p.executor_class[executor]]
                if len(bias):
                    more = bias[task, p.executor_class[executor]]
        if not allowed:
            continue
        soonest = max(ready, p.slot_ready_us[s])
        key, other = (soonest, soonest + length) if by_start else (soonest + length + more, soonest)
        if best >= 0 and (key > best_key or (key == best_key and other >= best_other)):
            continue
        begins, prior = gap(at, s, soonest, length, insertion)
        if memory != FREE:
            begins, prior = roomy(p, at, task, s, begins, prior, length, insertion, memory)
            if begins >= NEVER:
                continue
        key, other = (begins, begins + length) if by_start else (begins + length + more, begins)
        if best < 0 or key < best_key or (key == best_key and other < best_other):
            best, best_key, best_other, best_start, best_prior = s, key, other, begins, prior
    return best, best_start, best_prior
