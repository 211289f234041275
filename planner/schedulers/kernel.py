"""The list-scheduling kernel: tasks one by one, in a given order, each on the slot where it ends or starts first.

All list schedulers share it; what tells them apart is the order of the tasks, and where they may go.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Schedule

__all__ = ["by_rank", "downward_rank", "list_schedule", "topological", "upward_rank"]


class _Arrays(NamedTuple):
    slot_executor: Int32
    executor_class: Int32
    time_us: Int64
    pred_ptr: Int64
    pred: Int32
    edge_bytes: Int64
    network_class: Int32
    latency_us: Int64
    us_per_byte: Float64
    memory_bytes: Int64
    executor_memory: Int64
    first_slot: Int64


def list_schedule(
    problem: Problem,
    order: Int32,
    *,
    slots: Int32 | None = None,
    first: Literal["finish", "start"] = "finish",
    insertion: bool = False,
    executor: int | None = None,
) -> Schedule:
    """Schedule tasks in `order`, each as early as possible.

    Parameters
    ----------
    problem : Problem
    order : ndarray of int32, shape (n,)
        A topological order.
    slots : ndarray of int32, shape (n,), optional
        The slot of each task, −1 where it may choose. Its executor has to hold the task.
    first : {"finish", "start"}
        Whether a task chooses the slot where it ends first or where it starts first; ties go to the lower slot.
    insertion : bool
        Whether a task may go into a gap between two others.
    executor : int, optional
        The only executor to use.

    Returns
    -------
    Schedule
        Memory is kept: a task waits until those beside it leave enough.
    """
    if slots is not None and not _hold(problem, slots):
        raise ValueError("a task is sent to an executor whose memory cannot hold it")
    forced = np.full(problem.n, -1, dtype=np.int32) if slots is None else slots.astype(np.int32)
    arrays = _Arrays(*(getattr(problem, name) for name in _Arrays._fields))
    order = np.ascontiguousarray(order, dtype=np.int32)
    within = 0, problem.n_slots
    if executor is not None:
        within = int(problem.first_slot[executor]), int(problem.first_slot[executor + 1])
    slot, start, finish = _place(arrays, order, forced, within, first == "start", insertion, not problem.fits)
    return Schedule(slot, start, finish)


def _hold(problem: Problem, slots: Int32) -> bool:
    sent = np.flatnonzero(slots >= 0)
    limit = problem.executor_memory[problem.slot_executor[slots[sent]]]
    return bool(((limit < 0) | (problem.memory_bytes[sent] <= limit)).all())


def by_rank(problem: Problem, rank: Float64) -> Int32:
    """Order tasks by falling rank; equal ranks in topological order, so that no task comes before one it waits for."""
    position = np.empty(problem.n, dtype=np.int64)
    position[problem.order] = np.arange(problem.n)
    return np.lexsort((position, -rank)).astype(np.int32)


def topological(problem: Problem, rank: Float64) -> Int32:
    """Order tasks by falling rank, each rank first raised to those of the tasks that wait for it."""
    return by_rank(problem, _raised(problem.order, problem.succ_ptr, problem.succ, rank))


def upward_rank(problem: Problem) -> Float64:
    """Length of the longest path from each task to the end, itself included, in mean times (Topcuoglu 2002, eq. 8)."""
    return _upward(
        problem.order, problem.succ_ptr, problem.succ, problem.succ_edge, problem.mean_time_us, problem.mean_edge_us
    )


def downward_rank(problem: Problem) -> Float64:
    """Length of the longest path from the start to each task, without it, in mean times (Topcuoglu 2002, eq. 10)."""
    return _downward(problem.order, problem.pred_ptr, problem.pred, problem.mean_time_us, problem.mean_edge_us)


@compiled
def _upward(order: Int32, succ_ptr: Int64, succ: Int32, succ_edge: Int64, time: Float64, edge: Float64) -> Float64:
    rank = np.zeros(len(order))
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        longest = 0.0
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            longest = max(longest, edge[succ_edge[i]] + rank[succ[i]])
        rank[task] = time[task] + longest
    return rank


@compiled
def _raised(order: Int32, succ_ptr: Int64, succ: Int32, rank: Float64) -> Float64:
    rank = rank.copy()
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            rank[task] = max(rank[task], rank[succ[i]])
    return rank


@compiled
def _downward(order: Int32, pred_ptr: Int64, pred: Int32, time: Float64, edge: Float64) -> Float64:
    rank = np.zeros(len(order))
    for k in range(len(order)):
        task = order[k]
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            rank[task] = max(rank[task], rank[pred[i]] + time[pred[i]] + edge[i])
    return rank


class _Lists(NamedTuple):
    """What stands on every slot, as linked lists in time order, and when."""

    head: Int32
    tail: Int32
    before: Int32
    after: Int32
    start: Int64
    finish: Int64


@compiled
def _place(p: Any, order: Any, forced: Any, within: Any, by_start: bool, insertion: bool, tight: bool) -> Any:
    n, n_slots = len(order), len(p.slot_executor)
    slot = np.full(n, -1, dtype=np.int32)
    lists = _Lists(
        np.full(n_slots, -1, dtype=np.int32),
        np.full(n_slots, -1, dtype=np.int32),
        np.full(n, -1, dtype=np.int32),
        np.full(n, -1, dtype=np.int32),
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
    )
    ready, local = np.zeros(len(p.executor_class), np.int64), np.zeros(len(p.executor_class), np.int64)
    for k in range(n):
        task = order[k]
        _ready(p, task, slot, lists.finish, ready, local)
        best, best_key, best_other = -1, np.int64(0), np.int64(0)
        best_start, best_prior = np.int64(0), np.int32(-1)
        low, high = within if forced[task] < 0 else (forced[task], forced[task] + 1)
        for s in range(low, high):
            executor = p.slot_executor[s]
            if p.executor_memory[executor] >= 0 and p.memory_bytes[task] > p.executor_memory[executor]:
                continue
            length = p.time_us[task, p.executor_class[executor]]
            begin, prior = _gap(s, ready[executor], length, lists, insertion)
            if tight:
                begin, prior = _roomy(p, task, s, begin, prior, length, lists, insertion)
            key, other = (begin, begin + length) if by_start else (begin + length, begin)
            if best < 0 or key < best_key or (key == best_key and other < best_other):
                best, best_key, best_other, best_start, best_prior = s, key, other, begin, prior
        slot[task] = best
        lists.start[task] = best_start
        lists.finish[task] = best_start + p.time_us[task, p.executor_class[p.slot_executor[best]]]
        _insert(task, best, best_prior, lists)
    return slot, lists.start, lists.finish


@compiled
def _insert(task: Any, s: Any, prior: Any, lists: Any) -> None:
    following = lists.head[s] if prior < 0 else lists.after[prior]
    lists.before[task], lists.after[task] = prior, following
    if prior < 0:
        lists.head[s] = task
    else:
        lists.after[prior] = task
    if following < 0:
        lists.tail[s] = task
    else:
        lists.before[following] = task


@compiled
def _ready(p: Any, task: Any, slot: Any, finish: Any, ready: Any, local: Any) -> None:
    """When the inputs of a task are there, for every executor."""
    low, high = p.pred_ptr[task], p.pred_ptr[task + 1]
    ready[:] = 0
    if low == high:
        return
    if len(p.latency_us) > 1:
        for i in range(low, high):
            there, ended = p.slot_executor[slot[p.pred[i]]], finish[p.pred[i]]
            row = p.network_class[there]
            for e in range(len(ready)):
                arrives = ended
                if e != there:
                    arrives += _transfer(p, row, p.network_class[e], p.edge_bytes[i])
                ready[e] = max(ready[e], arrives)
        return
    # One network: an executor waits for the latest arrival from elsewhere, and for the latest end of its own.
    latest, latest_from, second = np.int64(0), -1, np.int64(0)
    local[:] = 0
    for i in range(low, high):
        there, ended = p.slot_executor[slot[p.pred[i]]], finish[p.pred[i]]
        local[there] = max(local[there], ended)
        arrives = ended + _transfer(p, 0, 0, p.edge_bytes[i])
        if there == latest_from:
            latest = max(latest, arrives)
        elif arrives > latest:
            second, latest, latest_from = latest, arrives, there
        else:
            second = max(second, arrives)
    for e in range(len(ready)):
        ready[e] = max(local[e], second if e == latest_from else latest)


@compiled
def _transfer(p: Any, row: Any, column: Any, size: Any) -> Any:
    return p.latency_us[row, column] + np.int64(np.ceil(size * p.us_per_byte[row, column] - 1e-6))


@compiled
def _gap(s: Any, ready: Any, length: Any, lists: Any, insertion: bool) -> Any:
    """Earliest start on a slot from `ready` on, and the task it comes behind there (−1: it is the first)."""
    prior = lists.tail[s]
    if prior < 0:
        return ready, prior
    if not insertion or lists.finish[prior] <= ready:
        return max(ready, lists.finish[prior]), prior
    while prior >= 0 and lists.finish[prior] > ready:
        prior = lists.before[prior]
    following = lists.after[prior] if prior >= 0 else lists.head[s]
    begin = ready
    while following >= 0 and lists.start[following] < begin + length:
        begin = lists.finish[following]
        prior, following = following, lists.after[following]
    return begin, prior


@compiled
def _roomy(p: Any, task: Any, s: Any, begin: Any, prior: Any, length: Any, lists: Any, insertion: bool) -> Any:
    """Move a start on until the executor's memory holds the task beside those that run at the same time."""
    executor = p.slot_executor[s]
    limit = p.executor_memory[executor]
    if limit < 0 or p.memory_bytes[task] == 0:
        return begin, prior
    while True:
        free_at = _crowded_until(p, executor, begin, begin + length, limit - p.memory_bytes[task], lists)
        if free_at < 0:
            return begin, prior
        begin, prior = _gap(s, free_at, length, lists, insertion)


@compiled
def _crowded_until(p: Any, executor: Any, begin: Any, end: Any, room: Any, lists: Any) -> Any:
    """−1 when tasks in [begin, end) on an executor never hold more than `room`; else the next moment one ends."""
    soonest, most = np.int64(-1), np.int64(0)
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task, largest = lists.tail[s], np.int64(0)
        while task >= 0 and lists.finish[task] > begin:
            if lists.start[task] < end and p.memory_bytes[task] > 0:
                largest = max(largest, p.memory_bytes[task])
                if soonest < 0 or lists.finish[task] < soonest:
                    soonest = lists.finish[task]
            task = lists.before[task]
        most += largest
    # A slot holds one task at a time, so they never hold more than `most`. Moments are looked at only if that is much.
    return soonest if most > room and _crowded(p, executor, begin, end, room, lists) else np.int64(-1)


@compiled
def _crowded(p: Any, executor: Any, begin: Any, end: Any, room: Any, lists: Any) -> bool:
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task = lists.tail[s]
        while task >= 0 and lists.finish[task] > begin:
            if lists.start[task] < end and p.memory_bytes[task] > 0:
                moment = max(lists.start[task], begin)  # what is held rises only where a task starts, or at `begin`
                if _held(p, executor, moment, lists) > room:
                    return True
            task = lists.before[task]
    return False


@compiled
def _held(p: Any, executor: Any, moment: Any, lists: Any) -> Any:
    held = np.int64(0)
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task = lists.tail[s]
        while task >= 0 and lists.finish[task] > moment:
            if lists.start[task] <= moment:
                held += p.memory_bytes[task]
            task = lists.before[task]
    return held
